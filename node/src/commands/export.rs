//! `rollbook export`: the whole roll as JSON, for people and for other systems.

use anyhow::Result;

use super::nodes::collected;
use crate::cli::{ExportArgs, ExportFormat};
use crate::client::Client;
use crate::masa::{self, ExportNode};
use crate::output;
use crate::progress::Progress;

pub(crate) fn run(args: &ExportArgs) -> Result<()> {
    let client = Client::open(&args.data_dir.path())?;
    let bytes = match args.format {
        ExportFormat::Json => whole_roll(&client)?.into_bytes(),
        ExportFormat::Masa => {
            let nodes = collected(client.node_pages(""))?;
            masa::export(nodes.into_iter().map(ExportNode::from))
        }
    };
    match &args.output {
        Some(path) => output::replace(path, &bytes),
        None => output::print_bytes(&bytes),
    }
}

/// One array over all pages, as the API writes each node.
fn whole_roll(client: &Client) -> Result<String> {
    let status: rollbook::Status = client.get("/api/v1/status")?;
    let counts = status.nodes;
    let total = counts.total + counts.pending + counts.removed + counts.banned;
    let progress = Progress::new("nodes exported", total);
    let mut text = String::from("[");
    for page in client.node_pages("all") {
        let page = page?;
        progress.advance(page.len());
        for node in page {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(node.get());
        }
    }
    text.push_str("]\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_roll_knows_reaches_the_go_record() {
        let bytes = masa::export([ExportNode::from(super::super::nodes::tests::sample())]);
        let text = String::from_utf8(bytes).expect("JSON is text");
        for part in [
            r#"{"16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9":{"multiaddrs":["#,
            r#""firstJoined":1736940000,"lastJoined":1737900000,"lastUpdated":1737903600,"#,
            r#""uptime":3600000000000,"#,
            r#""accumulatedUptime":963600000000000,"#,
            r#""ethAddress":"0xfcf04285bf18a18Db4f346E28bfe3914B9776eF7","#,
            r#""isActive":true,"isStaked":true,"isValidator":false,"#,
            r#""returnedTweets":5,"lastReturnedTweet":"2025-01-15T11:20:00Z","#,
            r#""tweetTimeouts":1,"lastTweetTimeout":"2025-01-15T11:20:01Z","#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
