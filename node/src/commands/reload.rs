//! `rollbook reload`: lets a running node read its list of authorities and its allow-list anew.

use anyhow::Result;
use rollbook::Status;

use crate::cli::StatusArgs;
use crate::client::Client;
use crate::output;

pub(crate) fn run(args: &StatusArgs) -> Result<()> {
    let client = Client::open(&args.data_dir.path())?;
    let text = client.command("POST", "/api/v1/reload")?;
    let status: Status = serde_json::from_str(&text)?;
    let retired = status.authorities.iter().filter(|listed| listed.retired).count();
    let acting = status.authorities.len() - retired;
    let line = format!("read anew: {acting} authorities, {retired} retired");
    output::print_line(if args.json { &text } else { &line })
}
