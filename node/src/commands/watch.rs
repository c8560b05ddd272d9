//! `rollbook watch`: events as they come, a line each, until the node stops.

use anyhow::{Context as _, Result, bail};
use rollbook::NumberedEvent;
use serde::Deserialize;

use crate::cli::WatchArgs;
use crate::client::{Client, Message};
use crate::{output, time};

#[derive(Deserialize)]
struct Lost {
    lost: u64,
}

pub(crate) fn run(args: &WatchArgs) -> Result<()> {
    let client = Client::open(&args.data_dir.path())?;
    for message in client.events(args.after)? {
        output::print_line(&line(&message, args.json)?)?;
    }
    bail!("the node stopped: no more events");
}

fn line(message: &Message, json: bool) -> Result<String> {
    let unknown = "the node's events are not understood (another version?)";
    if message.name == "lagged" {
        let Lost { lost } = serde_json::from_str(&message.data).context(unknown)?;
        return Ok(match json {
            true => serde_json::json!({ "kind": "lagged", "lost": lost }).to_string(),
            false => format!("({lost} events were lost: they came faster than they were read)"),
        });
    }
    if json {
        return Ok(message.data.clone());
    }
    let event: NumberedEvent = serde_json::from_str(&message.data).context(unknown)?;
    let peer = event.peer_id.map(|peer| peer.to_string()).unwrap_or_default();
    let line =
        format!("{}  {:>6}  {:<16}  {peer}", time::utc(event.at), event.id, event.kind.name());
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str, data: &str) -> Message {
        Message { name: name.into(), data: data.into() }
    }

    #[test]
    fn an_event_is_one_line() {
        let peer = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";
        let data = format!(r#"{{"id":7,"at":1737900000,"kind":"joined","peerId":"{peer}"}}"#);
        let message = message("message", &data);
        assert_eq!(
            line(&message, false).expect("a line"),
            "2025-01-26T14:00:00Z       7  joined            \
             16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9"
        );
        assert_eq!(line(&message, true).expect("a line"), data);
    }

    #[test]
    fn lost_events_are_said() {
        let lagged = message("lagged", r#"{"lost":12}"#);
        assert!(line(&lagged, false).expect("a line").starts_with("(12 events were lost"));
        assert_eq!(line(&lagged, true).expect("a line"), r#"{"kind":"lagged","lost":12}"#);
    }

    #[test]
    fn what_is_not_an_event_is_an_error() {
        assert!(line(&message("message", "nonsense"), false).is_err());
        assert!(line(&message("lagged", "{}"), false).is_err());
    }
}
