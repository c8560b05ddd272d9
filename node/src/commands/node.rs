//! `rollbook node PEER`: all that the roll knows of one node.

use anyhow::Result;
use rollbook::NodeView;

use super::nodes::{presence, standing};
use crate::cli::NodeArgs;
use crate::client::{self, Client};
use crate::table::harmless;
use crate::{output, time};

pub(crate) fn run(args: &NodeArgs) -> Result<()> {
    let peer = client::peer_id(&args.peer)?;
    let client = Client::open(&args.data_dir.path())?;
    let path = format!("/api/v1/nodes/{peer}");
    if args.json {
        return output::print_line(&client.get_text(&path)?);
    }
    output::print(&facts(&client.get(&path)?))
}

fn facts(node: &NodeView) -> String {
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let version = match (node.epoch, node.seq) {
        (Some(epoch), Some(seq)) => format!("epoch {epoch}, seq {seq}"),
        _ => "-".to_owned(),
    };
    let mut facts = vec![
        ("peer id", node.peer_id.to_string()),
        ("standing", standing(node).to_owned()),
        ("presence", presence(node).to_owned()),
        ("active", if node.is_active { "yes" } else { "no" }.to_owned()),
        ("grants", or_dash(node.grants.join(", "))),
        ("capabilities", or_dash(node.capabilities.join(", "))),
        ("agent", or_dash(node.agent.clone())),
        ("home", node.home.map_or_else(|| "-".to_owned(), |home| home.to_string())),
        ("session", node.session.clone().unwrap_or_else(|| "-".to_owned())),
        ("first joined", time::utc_or_dash(node.first_joined)),
        ("last joined", time::utc_or_dash(node.last_joined)),
        ("last left", time::utc_or_dash(node.last_left)),
        ("last updated", time::utc_or_dash(node.last_updated)),
        ("uptime", time::short(node.uptime_seconds)),
        ("uptime in all", time::short(node.accumulated_uptime_seconds)),
        ("counted", or_dash(counted(node))),
        ("eth address", node.eth_address.clone().unwrap_or_else(|| "-".to_owned())),
        ("announcement", version),
    ];
    if node.multiaddrs.is_empty() {
        facts.push(("addresses", "-".to_owned()));
    }
    for (index, address) in node.multiaddrs.iter().enumerate() {
        facts.push((if index == 0 { "addresses" } else { "" }, address.to_string()));
    }
    facts.iter().map(|(name, value)| format!("{name:<13}  {}\n", harmless(value))).collect()
}

/// What others counted about it, in one line.
fn counted(node: &NodeView) -> String {
    let tallies = node.tallies.iter().map(|tally| format!("{} {}", tally.counter, tally.count));
    tallies.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_a_line() {
        let text = facts(&super::super::nodes::tests::sample());
        for line in [
            "peer id        16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9",
            "first joined   2025-01-15T11:20:00Z",
            "last left      -",
            "uptime in all  11d 3h",
            "counted        successes 5, timeouts 1",
            "announcement   epoch 3, seq 7",
            "addresses      /ip4/192.0.2.7/tcp/7655",
            "               /ip4/192.0.2.7/udp/7655/quic-v1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} in\n{text}");
        }
    }
}
