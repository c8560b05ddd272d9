//! `rollbook nodes`: the roll as a table, or as the API's JSON.

use anyhow::{Context as _, Result};
use rollbook::NodeView;

use crate::cli::NodesArgs;
use crate::client::{Client, NodePages, escaped};
use crate::table::{Column, Table, terminal_width};
use crate::{colour, output, time};

const COLUMNS: &[Column] = &[
    Column { title: "PEER ID", least: 53 },
    Column { title: "PRESENCE", least: 8 },
    Column { title: "STANDING", least: 8 },
    Column { title: "GRANTS", least: 8 },
    Column { title: "UPTIME", least: 6 },
    Column { title: "CAPABILITIES", least: 12 },
    Column { title: "AGENT", least: 8 },
    Column { title: "ADDRESS", least: 24 },
];

pub(crate) fn run(args: &NodesArgs) -> Result<()> {
    let client = Client::open(&args.data_dir.path())?;
    let pages = client.node_pages(&query(args));
    if args.json {
        return print_json(pages);
    }
    let nodes = collected(pages)?;
    output::print(&table(&nodes).coloured(colour::wanted()).render(terminal_width()))
}

/// Prints one array over all pages, of which only one is in memory.
fn print_json(pages: NodePages<'_>) -> Result<()> {
    let mut first = true;
    for page in pages {
        let mut text = String::new();
        for node in page? {
            text.push(if first { '[' } else { ',' });
            text.push_str(node.get());
            first = false;
        }
        output::print(&text)?;
    }
    output::print_line(if first { "[]" } else { "]" })
}

/// All nodes of all pages.
pub(super) fn collected(pages: NodePages<'_>) -> Result<Vec<NodeView>> {
    let mut nodes = Vec::new();
    for page in pages {
        for node in page? {
            let node = serde_json::from_str(node.get());
            nodes.push(node.context("the node's answer is not understood (another version?)")?);
        }
    }
    Ok(nodes)
}

fn query(args: &NodesArgs) -> String {
    let mut query = Vec::new();
    if args.online {
        query.push("online".to_owned());
    }
    if args.all {
        query.push("all".to_owned());
    }
    for (name, value) in [
        ("capability", &args.capability),
        ("grant", &args.grant),
        ("standing", &args.standing),
        ("presence", &args.presence),
        ("home", &args.home),
        ("sort", &args.sort),
    ] {
        if let Some(value) = value {
            query.push(format!("{name}={}", escaped(value)));
        }
    }
    query.join("&")
}

pub(super) fn table(nodes: &[NodeView]) -> Table {
    let mut table = Table::new(COLUMNS);
    for node in nodes {
        table.row(vec![
            node.peer_id.to_string(),
            presence(node).to_owned(),
            standing(node).to_owned(),
            node.grants.join(","),
            time::short(node.accumulated_uptime_seconds),
            node.capabilities.join(","),
            node.agent.clone(),
            node.multiaddrs.first().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    table
}

/// Whether a node is here, as in its JSON.
pub(super) fn presence(node: &NodeView) -> &'static str {
    use rollbook::Presence::{Left, Online, Unknown};
    match node.presence {
        Online => "online",
        Left => "left",
        Unknown => "unknown",
    }
}

/// Whether a node belongs, as in its JSON.
pub(super) fn standing(node: &NodeView) -> &'static str {
    use rollbook::Standing::{Admitted, Banned, Pending, Removed};
    match node.standing {
        Pending => "pending",
        Admitted => "admitted",
        Banned => "banned",
        Removed => "removed",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    pub(in super::super) fn sample() -> NodeView {
        serde_json::from_value(serde_json::json!({
            "peerId": "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9",
            "multiaddrs": ["/ip4/192.0.2.7/tcp/7655", "/ip4/192.0.2.7/udp/7655/quic-v1"],
            "agent": "rollbook/0.1.0",
            "capabilities": ["storage", "relay"],
            "standing": "admitted",
            "isStaked": true,
            "isValidator": false,
            "grants": ["staked"],
            "presence": "online",
            "isActive": true,
            "home": null,
            "session": "00ff",
            "firstJoined": 1_736_940_000,
            "lastJoined": 1_737_900_000,
            "lastLeft": null,
            "lastUpdated": 1_737_903_600,
            "uptimeSeconds": 3_600,
            "accumulatedUptimeSeconds": 963_600,
            "ethAddress": "0xfcf04285bf18a18Db4f346E28bfe3914B9776eF7",
            "epoch": 3,
            "seq": 7,
            "tallies": [
                { "counter": "successes", "count": 5, "last": 1_736_940_000 },
                { "counter": "timeouts", "count": 1, "last": 1_736_940_001 },
            ],
        }))
        .expect("a node's JSON")
    }

    fn query_of(line: &str) -> String {
        let Command::Nodes(args) =
            Cli::try_parse_from(line.split_whitespace()).expect("parsed").command
        else {
            panic!("{line} was parsed as another command");
        };
        query(&args)
    }

    #[test]
    fn the_query_says_what_was_asked() {
        assert_eq!(query_of("rollbook nodes"), "");
        assert_eq!(
            query_of("rollbook nodes --all --online --capability a&b"),
            "online&all&capability=a%26b"
        );
        assert_eq!(
            query_of("rollbook nodes --grant g --standing banned --presence left --sort=-uptime"),
            "grant=g&standing=banned&presence=left&sort=-uptime"
        );
    }

    #[test]
    fn a_node_is_one_line() {
        let text = table(&[sample()]).render(None);
        let line = text.lines().nth(1).expect("a row");
        let words: Vec<_> = line.split("  ").filter(|word| !word.is_empty()).collect();
        assert_eq!(
            words,
            [
                "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9",
                "online",
                "admitted",
                "staked",
                "11d 3h",
                "storage,relay",
                "rollbook/0.1.0",
                "/ip4/192.0.2.7/tcp/7655",
            ]
        );
    }

    #[test]
    fn a_common_terminal_shows_whole_peer_ids_and_where_the_nodes_are() {
        let text = table(&[sample()]).render(Some(80));
        assert!(text.contains("16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9"), "{text}");
        assert!(text.contains("online") && text.contains("admitted"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
