//! What a node is told once, as TOML: with the keys of the configuration file of `rollbook start`.

use std::{collections::BTreeMap, fs, time::Duration};

use rollbook::{Admission, Multiaddr, Node, NodeBuilder, PeerId};
use rollbook_c::{ROLLBOOK_E_CONFIG, rollbook_error_t};
use toml::{Spanned, Value};

use crate::support::Code;

/// Keys of `rollbook start` that are about its HTTP API.
const OF_THE_PROGRAM: [&str; 5] =
    ["http", "http-token-file", "http-allow-origin", "http-rate", "masa-api"];

type Table = BTreeMap<Spanned<String>, Spanned<Value>>;

/// A node with these settings; or what is wrong with them, and where.
pub(crate) fn builder(text: &str) -> Result<NodeBuilder, rollbook_error_t> {
    let table: Table = toml::from_str(text).map_err(|why| {
        let message = why.message().split_whitespace().collect::<Vec<_>>().join(" ");
        error(why.span().map_or(0, |span| span.start), message)
    })?;
    let mut builder = Node::builder();
    let (mut admission, mut allow_list) = (None, None);
    for (key, value) in table {
        let (offset, key, value) = (value.span().start, key.into_inner(), value.into_inner());
        let taken = match key.as_str() {
            "admission" => one(value, parsed).map(|mode: Admission| {
                admission = Some((offset, mode));
                builder
            }),
            "allow-list" => one(value, allowed).map(|peers| {
                allow_list = Some((offset, peers));
                builder
            }),
            key => take(builder, key, value),
        };
        builder = taken.map_err(|why| error(offset, format_args!("{key}: {why}")))?;
    }
    match (admission, allow_list) {
        (Some((_, Admission::AllowList)), Some((_, peers))) => {
            Ok(builder.admission(Admission::AllowList).allowed(peers))
        }
        (Some((offset, Admission::AllowList)), None) => {
            Err(error(offset, "admission: allow-list needs the key allow-list, a file"))
        }
        (_, Some((offset, _))) => {
            Err(error(offset, "allow-list: it counts only with admission = \"allow-list\""))
        }
        (Some((_, mode)), None) => Ok(builder.admission(mode)),
        (None, None) => Ok(builder),
    }
}

fn error(offset: usize, why: impl core::fmt::Display) -> rollbook_error_t {
    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
    rollbook_error_t::new(Code(ROLLBOOK_E_CONFIG), offset, why)
}

/// Takes the value of one key over.
fn take(builder: NodeBuilder, key: &str, value: Value) -> Result<NodeBuilder, String> {
    Ok(match key {
        "network" => builder.network(&one(value, text)?),
        "authority" => builder.authorities(many(value, authority)?),
        "retired" => builder.retired(many(value, parsed::<PeerId>)?),
        "data-dir" => builder.data_dir(one(value, text)?.into()),
        "listen" => builder.listen(many(value, address)?),
        "external-address" => builder.external_addresses(many(value, address)?),
        "reach" => builder.reach(one(value, parsed)?),
        "mdns" => builder.mdns(switch(&value)?),
        "capability" => builder.capabilities(many(value, text)?),
        "agent" => builder.agent(one(value, text)?),
        "sync-interval" => builder.sync_interval(one(value, duration)?),
        "key-type" => builder.key_type(one(value, parsed)?),
        "grant-name" => builder.grant_names(many(value, text)?),
        "max-connections" => builder.max_connections(one(value, count)?),
        "fresh" => builder.fresh(switch(&value)?),
        key if OF_THE_PROGRAM.contains(&key) => {
            return Err("the HTTP API is of the program rollbook, a library has none".to_owned());
        }
        _ => return Err("there is no such key".to_owned()),
    })
}

/// The one value of a key.
fn one<T>(value: Value, read: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
    match value {
        Value::Array(_) => Err("it takes one value, not a list".to_owned()),
        value => read(&text_of(value)?),
    }
}

/// All values of a key: one text may stand for a list of one.
fn many<T>(value: Value, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    match value {
        Value::Array(values) => values.into_iter().map(|value| read(&text_of(value)?)).collect(),
        value => Ok(vec![read(&text_of(value)?)?]),
    }
}

fn switch(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(switch) => Ok(*switch),
        Value::String(text) => parsed(text),
        other => Err(format!("it is true or false, not a value of type {}", other.type_str())),
    }
}

fn text_of(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        other => {
            Err(format!("it takes a text in quotes, not a value of type {}", other.type_str()))
        }
    }
}

fn text(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        true => Err("the text is empty".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn parsed<T: core::str::FromStr>(text: &str) -> Result<T, String>
where
    T::Err: core::fmt::Display,
{
    text.parse().map_err(|why| format!("{text:?}: {why}"))
}

fn address(text: &str) -> Result<Multiaddr, String> {
    match parsed::<Multiaddr>(text) {
        Ok(address) if address.is_empty() => Err("the address is empty".to_owned()),
        read => read,
    }
}

fn authority(text: &str) -> Result<Multiaddr, String> {
    let address = address(text)?;
    // Without it anybody at that address could be the authority.
    match address.protocol_stack().last() {
        Some("p2p") => Ok(address),
        _ => Err("it must end in /p2p/ID, the authority's peer id".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|why| format!("{text:?} is not a duration such as 10s ({why})"))
}

fn count(text: &str) -> Result<u32, String> {
    let count = text.parse::<core::num::NonZeroU32>();
    count.map(u32::from).map_err(|_invalid| format!("{text:?} is not a count from 1"))
}

/// Reads a list of peer ids from a file, one a line; what follows a `#` is a comment.
fn allowed(path: &str) -> Result<Vec<PeerId>, String> {
    let listed = fs::read_to_string(path).map_err(|why| format!("{path}: {why}"))?;
    let ids = listed.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    ids.filter(|id| !id.is_empty()).map(parsed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d";

    /// Where a text is refused.
    fn refusal(text: &str) -> (usize, String) {
        let error = builder(text).expect_err("refused");
        assert_eq!(error.code, ROLLBOOK_E_CONFIG);
        let bytes = error.message.map(|byte| byte.to_ne_bytes()[0]);
        let message = core::ffi::CStr::from_bytes_until_nul(&bytes).expect("it ends");
        (error.offset as usize, message.to_str().expect("it is text").to_owned())
    }

    #[test]
    fn every_key_that_a_library_has_is_taken() {
        let list = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(list.path(), format!("# ours\n\n{PEER} # first\n")).expect("it is written");
        let text = format!(
            "network = \"test\"\nauthority = \"/ip4/192.0.2.7/tcp/1/p2p/{PEER}\"\nretired = []\n\
             data-dir = \"/d\"\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n\
             external-address = [\"/ip4/192.0.2.8/tcp/1\"]\nreach = \"private\"\nmdns = false\n\
             capability = [\"storage\"]\nagent = \"x/1\"\nsync-interval = \"500ms\"\n\
             key-type = \"secp256k1\"\nadmission = \"allow-list\"\nallow-list = {:?}\n\
             grant-name = [\"indexer\"]\nmax-connections = 64\nfresh = true\n",
            list.path()
        );
        // What was taken is what a whole node shows.
        let shown = format!("{:?}", builder(&text).expect("it is taken"));
        for part in [
            "network: \"test\"",
            PEER,
            "data_dir: \"/d\"",
            "/ip4/127.0.0.1/tcp/0",
            "/ip4/192.0.2.8/tcp/1",
            "Some(Private)",
            "[\"storage\"]",
            "agent: \"x/1\"",
            "500ms",
            "Some(Secp256k1)",
            "admission: AllowList",
            "[\"indexer\"]",
            "max_connections: 64",
            "fresh: true",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert_eq!(shown.matches(PEER).count(), 2, "as an authority and as one who is let in");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, place, why) in [
            ("network", 7, ""),
            ("network = 7\nnonsense = 1\n", 23, "nonsense: there is no such key"),
            ("network = \"\"", 10, "network: the text is empty"),
            ("network = [\"a\"]", 10, "network: it takes one value"),
            ("http = \"[::1]:0\"", 7, "http: the HTTP API is of the program"),
            ("listen = [\"nonsense\"]", 9, "listen: \"nonsense\""),
            ("authority = \"/ip4/192.0.2.7/tcp/1\"", 12, "authority: it must end in /p2p/ID"),
            ("sync-interval = 10", 16, "sync-interval: \"10\" is not a duration"),
            ("mdns = 1", 7, "mdns: it is true or false"),
            ("max-connections = 0", 18, "max-connections: \"0\" is not a count"),
            ("admission = \"allow-list\"", 12, "admission: allow-list needs"),
            ("allow-list = \"/nonexistent/list\"", 13, "allow-list: /nonexistent/list: "),
            ("allow-list = \"/dev/null\"", 13, "allow-list: it counts only with"),
            ("retired = [\"nobody\"]", 10, "retired: \"nobody\""),
        ] {
            let (offset, message) = refusal(text);
            assert_eq!(offset, place, "{text}: {message}");
            assert!(message.starts_with(why), "{text}: {message}");
        }
    }
}
