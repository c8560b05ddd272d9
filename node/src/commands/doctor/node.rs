//! What a running node tells of itself and of the roll.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Result;
use rollbook::{NodeView, Role, Status};

use super::super::nodes::collected;
use super::{Finding, now_s};
use crate::client::Client;

/// A port of this machine answers at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Clocks that differ by less disturb nobody who reads times.
const CLOCK_SKEW_S: u64 = 120;
/// The first day of 2025: no node is older.
const OLDEST_S: u64 = 1_735_689_600;
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that is looked at.
#[derive(Debug)]
pub(super) struct Facts {
    status: Status,
    ready: Result<(), String>,
    nodes: Vec<NodeView>,
    /// Addresses that it listens on, and whether a connection was taken there.
    ports: Vec<(SocketAddr, bool)>,
    now_s: u64,
}

impl Facts {
    pub(super) fn gather(client: &Client) -> Result<Self> {
        let status: Status = client.get("/api/v1/status")?;
        let tcp = status.listen.iter().filter_map(|address| tcp(&address.to_string()));
        let ports = tcp.map(|address| {
            (address, TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).is_ok())
        });
        Ok(Self {
            ports: ports.collect(),
            ready: client.ready()?,
            nodes: collected(client.node_pages(""))?,
            now_s: now_s(),
            status,
        })
    }

    fn own(&self) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.peer_id == self.status.peer_id)
    }
}

pub(super) fn look(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![
        node(facts),
        clock(facts),
        ports(facts),
        reachability(facts),
        authorities(&facts.status),
        versions(facts),
        roll(&facts.status),
    ];
    let warnings = facts.status.warnings.iter();
    findings.extend(warnings.map(|warning| {
        let advice = "what each warning means is in docs/operations.md";
        Finding::look("warning", warning, advice)
    }));
    findings
}

fn node(facts: &Facts) -> Finding {
    let version = &facts.status.version;
    if let Err(reason) = &facts.ready {
        return Finding::wrong("node", reason, "see the lines below");
    }
    match version == OWN_VERSION {
        true => Finding::ok("node", format!("rollbook {version} runs and is ready")),
        false => Finding::look(
            "node",
            format!("rollbook {version} runs, and this program is {OWN_VERSION}"),
            "start the node again to use the version that is installed",
        ),
    }
}

fn clock(facts: &Facts) -> Finding {
    let advice = "synchronise this machine's clock (NTP); times are for people, nothing is decided \
                  by them";
    if facts.now_s < OLDEST_S {
        return Finding::wrong("clock", "this machine's clock is years late", advice);
    }
    let newest = facts.nodes.iter().filter_map(|node| node.last_updated).max().unwrap_or(0);
    match newest.saturating_sub(facts.now_s) {
        ahead if ahead > CLOCK_SKEW_S => Finding::look(
            "clock",
            format!(
                "the roll tells of things {ahead} s from now: this clock is late, or another's \
                     is early"
            ),
            advice,
        ),
        _ => Finding::ok("clock", "nothing in the roll is from the future"),
    }
}

fn ports(facts: &Facts) -> Finding {
    let closed: Vec<_> =
        facts.ports.iter().filter(|(_, open)| !open).map(|(at, _)| at.to_string()).collect();
    match closed.is_empty() {
        true if facts.ports.is_empty() => {
            Finding::look("ports", "the node listens on no TCP port", "give it one by --listen")
        }
        true => Finding::ok("ports", format!("{} TCP ports take connections", facts.ports.len())),
        false => Finding::wrong(
            "ports",
            format!("nothing takes connections at {}", closed.join(", ")),
            "look for a firewall on this machine, and start the node again",
        ),
    }
}

/// How far an address carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Machine,
    Site,
    World,
}

fn reachability(facts: &Facts) -> Finding {
    let addresses = facts.own().map(|own| own.multiaddrs.as_slice()).unwrap_or_default();
    let reach = addresses.iter().map(|address| reach(&address.to_string())).max();
    let advice = "name the address at which others reach it by --external-address, and let its \
                  port through the router or firewall";
    match reach {
        None => Finding::wrong("reach", "the roll has no address of this node", advice),
        Some(Reach::Machine) => {
            Finding::look("reach", "only this machine reaches its addresses", advice)
        }
        Some(Reach::Site) => {
            Finding::look("reach", "only its own site reaches its addresses", advice)
        }
        Some(Reach::World) => Finding::ok("reach", "it has an address for everybody"),
    }
}

fn reach(address: &str) -> Reach {
    match ip(address) {
        Some(IpAddr::V4(ip)) if ip.is_loopback() || ip.is_unspecified() => Reach::Machine,
        Some(IpAddr::V6(ip)) if ip.is_loopback() || ip.is_unspecified() => Reach::Machine,
        Some(IpAddr::V4(ip)) if ip.is_private() || ip.is_link_local() => Reach::Site,
        Some(IpAddr::V6(ip)) if ip.is_unique_local() || ip.is_unicast_link_local() => Reach::Site,
        // A name is chosen by somebody who wants to be found.
        _ => Reach::World,
    }
}

fn ip(address: &str) -> Option<IpAddr> {
    let mut parts = address.split('/').skip(1);
    match parts.next() {
        Some("ip4" | "ip6") => parts.next()?.parse().ok(),
        _ => None,
    }
}

fn tcp(address: &str) -> Option<SocketAddr> {
    let ip = ip(address)?;
    let mut parts = address.split('/').skip(3);
    match parts.next() {
        Some("tcp") => Some(SocketAddr::new(ip, parts.next()?.parse().ok()?)),
        _ => None,
    }
}

fn authorities(status: &Status) -> Finding {
    let lost: Vec<_> = status
        .authorities
        .iter()
        .filter(|authority| !authority.in_touch && !authority.retired)
        .map(|authority| authority.peer_id.to_string())
        .collect();
    let count = status.authorities.iter().filter(|authority| !authority.retired).count();
    if status.recovering {
        return Finding::wrong(
            "authority",
            "this authority lost a part of its journal and signs nothing",
            "let it reach another node with the whole roll; start it with --fresh only if nothing \
             that it signed is left anywhere",
        );
    }
    if status.isolated {
        return Finding::wrong(
            "authority",
            "this authority takes itself to be cut off: many of its members went silent at once",
            "look at this machine's network; it goes on by itself once its members are heard",
        );
    }
    if status.degraded {
        return Finding::wrong(
            "authority",
            format!("no authority is its home; not in touch: {}", lost.join(", ")),
            "look whether an authority runs and its address in --authority is right, and whether \
             this machine reaches it",
        );
    }
    if !lost.is_empty() {
        return Finding::look(
            "authority",
            format!("{} of {count} authorities are not in touch: {}", lost.len(), lost.join(", ")),
            "look at those machines; the others carry the network meanwhile",
        );
    }
    match (count, status.role) {
        (1, Role::Authority) if status.nodes.total > 1 => Finding::look(
            "authority",
            "this is the only authority: while it is away nobody can be admitted or seen to leave",
            "set up a second one: docs/operations.md says how",
        ),
        _ => Finding::ok("authority", format!("{count} of {count} in touch")),
    }
}

fn versions(facts: &Facts) -> Finding {
    let mut counts = BTreeMap::new();
    for node in facts.nodes.iter().filter(|node| node.is_active) {
        if let Some(version) = node.agent.strip_prefix("rollbook/") {
            *counts.entry(version).or_insert(0u64) += 1;
        }
    }
    let told: Vec<_> =
        counts.iter().map(|(version, count)| format!("{count} with {version}")).collect();
    match counts.len() {
        0 => Finding::ok("versions", "no node here says that it is rollbook itself"),
        1 => Finding::ok("versions", told.join(", ")),
        _ => Finding::look(
            "versions",
            told.join(", "),
            "bring all nodes to one version; docs/operations.md says in which order",
        ),
    }
}

fn roll(status: &Status) -> Finding {
    let count = |name: &str| status.counters.get(name).copied().unwrap_or(0);
    let (differ, contradictions) = (count("roots_differ"), count("equivocations"));
    if differ > 0 {
        return Finding::look(
            "roll",
            format!(
                "{differ} times a roll differed from another's and nothing was found to differ"
            ),
            "compare `root` in `rollbook status` of two nodes; if they stay different, keep both \
             data directories and report it",
        );
    }
    if contradictions > 0 {
        return Finding::look(
            "roll",
            format!("{contradictions} statements contradicted others of the same writer"),
            "`rollbook explain PEER` names the writer: two machines may use one key",
        );
    }
    let nodes = &status.nodes;
    Finding::ok("roll", format!("{} nodes, {} online", nodes.total, nodes.online))
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn sample() -> Facts {
        let own = super::super::super::nodes::tests::sample();
        let status = serde_json::from_value(serde_json::json!({
            "peerId": own.peer_id.to_string(),
            "network": "main",
            "role": "member",
            "home": own.peer_id.to_string(),
            "degraded": false,
            "recovering": false,
            "authorities": [{"peerId": own.peer_id.to_string(), "inTouch": true}],
            "nodes": {"total": 5, "online": 3, "left": 1, "unknown": 1, "pending": 2,
                      "removed": 0, "banned": 1},
            "root": "00ff",
            "journalBytes": 7,
            "connections": 1,
            "listen": [],
            "counters": {},
            "version": OWN_VERSION,
            "startedAt": 1,
            "lastEvent": 1,
            "warnings": [],
        }));
        Facts {
            status: status.expect("a status"),
            ready: Ok(()),
            ports: vec![("127.0.0.1:1".parse().expect("an address"), true)],
            now_s: own.last_updated.expect("known"),
            nodes: vec![own],
        }
    }

    fn state(check: &str, change: impl FnOnce(&mut Facts)) -> State {
        let mut facts = sample();
        change(&mut facts);
        let findings = look(&facts);
        let found = findings.iter().find(|finding| finding.check == check).expect("looked at");
        assert_eq!(found.state == State::Ok, found.advice.is_none(), "{found:?}");
        found.state
    }

    #[test]
    fn a_node_that_is_well_is_called_so() {
        assert!(look(&sample()).iter().all(|found| found.state == State::Ok), "{:?}", sample());
    }

    #[test]
    fn what_is_not_well_is_found() {
        use State::{Look, Wrong};
        assert_eq!(state("node", |f| f.ready = Err("no home".into())), Wrong);
        assert_eq!(state("node", |f| f.status.version = "0.0.1".into()), Look);
        assert_eq!(state("clock", |f| f.now_s -= 1_000), Look);
        assert_eq!(state("clock", |f| f.now_s = 5), Wrong);
        assert_eq!(state("ports", |f| f.ports[0].1 = false), Wrong);
        assert_eq!(state("ports", |f| f.ports.clear()), Look);
        assert_eq!(state("reach", |f| f.nodes.clear()), Wrong);
        assert_eq!(state("authority", |f| f.status.degraded = true), Wrong);
        assert_eq!(state("authority", |f| f.status.recovering = true), Wrong);
        assert_eq!(state("authority", |f| f.status.isolated = true), Wrong);
        assert_eq!(state("authority", |f| f.status.authorities[0].in_touch = false), Look);
        assert_eq!(state("authority", |f| f.status.role = Role::Authority), Look);
        assert_eq!(state("warning", |f| f.status.warnings.push("x".into())), Look);
        let count = |name: &'static str| {
            move |facts: &mut Facts| {
                facts.status.counters.insert(name.to_owned(), 1);
            }
        };
        assert_eq!(state("roll", count("roots_differ")), Look);
        assert_eq!(state("roll", count("equivocations")), Look);
        let other = |facts: &mut Facts| {
            let mut other = facts.nodes[0].clone();
            other.agent = "rollbook/0.0.1".into();
            facts.nodes.push(other);
        };
        assert_eq!(state("versions", other), Look);
    }

    #[test]
    fn addresses_are_told_apart_by_how_far_they_carry() {
        for (address, expected) in [
            ("/ip4/127.0.0.1/tcp/1", Reach::Machine),
            ("/ip6/::1/tcp/1", Reach::Machine),
            ("/ip4/10.0.0.1/udp/1/quic-v1", Reach::Site),
            ("/ip6/fd00::1/tcp/1", Reach::Site),
            ("/ip4/198.51.100.1/tcp/1", Reach::World),
            ("/dns4/roll.example/tcp/1", Reach::World),
        ] {
            assert_eq!(reach(address), expected, "{address}");
        }
        assert_eq!(tcp("/ip4/127.0.0.1/tcp/80/p2p/x"), "127.0.0.1:80".parse().ok());
        assert_eq!(tcp("/ip4/127.0.0.1/udp/80/quic-v1"), None);
    }
}
