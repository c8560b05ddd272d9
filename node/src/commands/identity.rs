//! `rollbook identity`: who the node of a data directory is, or will be.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rollbook::Identity;

use crate::cli::IdentityArgs;
use crate::{config, output};

/// A key in hex has less than 200 characters; what is longer is another file.
const KEY_TEXT_SIZE_MAX: u64 = 4_096;

pub(crate) fn run(args: &IdentityArgs) -> Result<()> {
    let data_dir = args.data_dir.path();
    let identity = match &args.import_masa {
        Some(file) => Identity::take_over(&data_dir, &key_text(file)?)
            .with_context(|| format!("cannot take over {}", file.display()))?,
        None => Identity::open_or_create(&data_dir, key_type(args)?)?,
    };
    if args.json {
        let json = serde_json::json!({
            "peerId": identity.peer_id().to_string(),
            "keyType": identity.key_type().to_string(),
            "ethAddress": identity.eth_address().map(|address| address.to_string()),
            "dataDir": data_dir.display().to_string(),
            "created": identity.created(),
        });
        return output::print_line(&json.to_string());
    }
    let mut text = format!("peer id      {}\n", identity.peer_id());
    text.push_str(&format!("key type     {}\n", identity.key_type()));
    if let Some(address) = identity.eth_address() {
        text.push_str(&format!("eth address  {address}\n"));
    }
    text.push_str(&format!(
        "data         {}{}\n",
        data_dir.display(),
        match identity.created() {
            true => " (made now)",
            false => "",
        }
    ));
    output::print(&text)
}

fn key_type(args: &IdentityArgs) -> Result<Option<rollbook::KeyType>> {
    let parse = |text: &String| {
        config::key_type(text).map_err(|reason| anyhow::anyhow!("--key-type: {reason}"))
    };
    args.key_type.as_ref().map(parse).transpose()
}

fn key_text(file: &Path) -> Result<String> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(file)?.take(KEY_TEXT_SIZE_MAX + 1).read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    let bytes = read().with_context(|| format!("cannot read {}", file.display()))?;
    match String::from_utf8(bytes) {
        Ok(text) if text.len() as u64 <= KEY_TEXT_SIZE_MAX => Ok(text),
        _ => bail!("{} is not a key in hex", file.display()),
    }
}
