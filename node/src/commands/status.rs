//! `rollbook status`: the node's own state, for its operator.

use std::fmt::Write as _;

use anyhow::Result;
use rollbook::{Role, Status};

use crate::cli::StatusArgs;
use crate::client::Client;
use crate::table::harmless;
use crate::{output, time};

const PATH: &str = "/api/v1/status";

pub(crate) fn run(args: &StatusArgs) -> Result<()> {
    let client = Client::open(&args.data_dir.path())?;
    if args.json {
        return output::print_line(&client.get_text(PATH)?);
    }
    output::print(&facts(&client.get(PATH)?))
}

fn role(status: &Status) -> &'static str {
    match status.role {
        Role::Authority if status.recovering => "authority (recovering)",
        Role::Authority => "authority",
        Role::Member => "member",
    }
}

fn facts(status: &Status) -> String {
    let nodes = &status.nodes;
    let home = status.home.map_or_else(|| "none".to_owned(), |home| home.to_string());
    let mut facts = vec![
        ("peer id", status.peer_id.to_string()),
        ("network", status.network.clone()),
        ("role", role(status).to_owned()),
        ("home", if status.degraded { format!("{home} (degraded)") } else { home }),
    ];
    for (index, authority) in status.authorities.iter().enumerate() {
        let touch = if authority.in_touch { "in touch" } else { "not in touch" };
        let name = if index == 0 { "authorities" } else { "" };
        facts.push((name, format!("{} ({touch})", authority.peer_id)));
    }
    facts.extend([
        (
            "nodes",
            format!(
                "{}: {} online, {} left, {} unknown; beside them {} pending, {} removed, {} banned",
                nodes.total,
                nodes.online,
                nodes.left,
                nodes.unknown,
                nodes.pending,
                nodes.removed,
                nodes.banned
            ),
        ),
        ("root", status.root.clone()),
        ("journal", format!("{} bytes", status.journal_bytes)),
        ("connections", status.connections.to_string()),
        ("leases", status.leases.to_string()),
        ("process", status.process_id.to_string()),
        ("started", time::utc(status.started_at)),
        ("last event", status.last_event.to_string()),
        ("version", status.version.clone()),
    ]);
    for (index, address) in status.listen.iter().enumerate() {
        facts.push((if index == 0 { "listening" } else { "" }, address.to_string()));
    }
    for warning in &status.warnings {
        facts.push(("WARNING", warning.clone()));
    }
    let mut text: String =
        facts.iter().map(|(name, value)| format!("{name:<11}  {}\n", harmless(value))).collect();
    let counted: Vec<_> = status.counters.iter().filter(|(_, count)| **count > 0).collect();
    if !counted.is_empty() {
        text.push_str("counters\n");
    }
    let width = counted.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, count) in counted {
        writeln!(text, "  {:<width$}  {count}", harmless(name)).expect("a string takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Status {
        let peer = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";
        serde_json::from_value(serde_json::json!({
            "peerId": peer,
            "network": "main",
            "role": "member",
            "home": null,
            "degraded": true,
            "recovering": false,
            "authorities": [{"peerId": peer, "inTouch": false}],
            "nodes": {"total": 5, "online": 3, "left": 1, "unknown": 1, "pending": 2,
                      "removed": 0, "banned": 1},
            "root": "00112233445566778899aabbccddeeff",
            "journalBytes": 4096,
            "connections": 3,
            "listen": [format!("/ip4/127.0.0.1/tcp/7655/p2p/{peer}")],
            "counters": {"gossip_ignored": 0, "signature_refused": 12},
            "version": "0.1.0",
            "startedAt": 1_737_900_000,
            "lastEvent": 42,
            "warnings": ["the disk is full"],
        }))
        .expect("a status's JSON")
    }

    #[test]
    fn what_an_operator_looks_for_is_there() {
        let text = facts(&sample());
        for part in [
            "role         member\n",
            "home         none (degraded)\n",
            "(not in touch)",
            "5: 3 online, 1 left, 1 unknown; beside them 2 pending, 0 removed, 1 banned",
            "root         00112233445566778899aabbccddeeff\n",
            "journal      4096 bytes\n",
            "WARNING      the disk is full\n",
            "  signature_refused  12\n",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert!(!text.contains("gossip_ignored"), "{text}");
    }

    #[test]
    fn an_authority_that_recovers_says_so() {
        let status = Status { role: Role::Authority, recovering: true, ..sample() };
        assert!(facts(&status).contains("role         authority (recovering)\n"));
    }
}
