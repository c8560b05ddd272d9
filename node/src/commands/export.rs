//! `rollbook export`: the whole roll as JSON, for people and for other systems.

use anyhow::Result;
use rollbook::NodeView;

use crate::cli::{ExportArgs, ExportFormat};
use crate::client::Client;
use crate::masa::{self, ExportNode};
use crate::output;

pub(crate) fn run(args: &ExportArgs) -> Result<()> {
    let client = Client::open(&args.data_dir.path())?;
    let bytes = match args.format {
        ExportFormat::Json => {
            let mut text = client.get_text("/api/v1/nodes?all")?;
            text.push('\n');
            text.into_bytes()
        }
        ExportFormat::Masa => {
            let nodes: Vec<NodeView> = client.get("/api/v1/nodes")?;
            masa::export(nodes.into_iter().map(masa_node))
        }
    };
    match &args.output {
        Some(path) => output::replace(path, &bytes),
        None => output::print_bytes(&bytes),
    }
}

fn masa_node(node: NodeView) -> ExportNode {
    let counted = |name: &str| {
        let tally = node.tallies.iter().find(|tally| tally.counter == name);
        tally.map_or((0, 0), |tally| (tally.count, tally.last))
    };
    ExportNode {
        successes: counted("successes"),
        timeouts: counted("timeouts"),
        not_found: counted("not-found"),
        peer_id: node.peer_id.to_string(),
        multiaddrs: node.multiaddrs.iter().map(ToString::to_string).collect(),
        first_joined: node.first_joined.unwrap_or(0),
        last_joined: node.last_joined.unwrap_or(0),
        last_updated: node.last_updated.unwrap_or(0),
        uptime_seconds: node.uptime_seconds,
        accumulated_uptime_seconds: node.accumulated_uptime_seconds,
        eth_address: node.eth_address,
        is_active: node.is_active,
        is_staked: node.is_staked,
        is_validator: node.is_validator,
        capabilities: node.capabilities,
        agent: node.agent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_roll_knows_reaches_the_go_record() {
        let bytes = masa::export([masa_node(super::super::nodes::tests::sample())]);
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
