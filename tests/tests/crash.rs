//! Nodes that are killed in the middle of everything lose nothing that was acknowledged, and the
//! network goes on.

use rollbook_tests::{GoRecord, Network, RunningNode, Setup, eventually};
use serde_json::{Value, json};

/// What must be the same before and after a crash of any node.
fn lasting(view: &Value) -> Value {
    json!({
        "peerId": view["peerId"],
        "standing": view["standing"],
        "grants": view["grants"],
        "firstJoined": view["firstJoined"],
        "capabilities": view["capabilities"],
        "multiaddrs": view["multiaddrs"],
    })
}

/// The lasting part of a node's roll, in its order.
fn lasting_roll(node: &RunningNode) -> Vec<Value> {
    node.nodes().iter().map(lasting).collect()
}

fn accumulated(node: &RunningNode, peer: &str) -> u64 {
    let view = node.view(peer).expect("it is in the roll");
    view["accumulatedUptimeSeconds"].as_u64().expect("a number")
}

/// A network with something to lose: grants, history that was imported, and a session that ended.
fn network_with_history() -> (Network, Vec<GoRecord>) {
    let mut network = Network::start(3);
    let first = network.members[0].peer_id().to_owned();
    network.authority.await_view("two seconds of uptime", &first, |view| {
        view["uptimeSeconds"].as_u64() >= Some(2)
    });
    assert!(network.members[0].terminate().success());
    network.authority.await_presence(&first, "left");
    network.members[0].start_again();
    let records: Vec<GoRecord> = (0..5).map(GoRecord::numbered).collect();
    let import = ["import", "-", "--format", "masa", "--trust-grants"];
    network.authority.cli_with_input(import, &GoRecord::file(&records)).success();
    network.authority.cli(["grant", &first, "validator"]).success();
    network.converge();
    assert!(accumulated(&network.authority, &first) >= 2);
    (network, records)
}

fn history_is_there(network: &Network, records: &[GoRecord]) {
    for node in network.all() {
        for record in records {
            let view = node.view(&record.peer_id).expect("it was imported");
            assert_eq!(view["firstJoined"], record.first_joined);
            assert_eq!(view["accumulatedUptimeSeconds"], record.accumulated_seconds);
            assert_eq!(view["isStaked"], record.is_staked);
        }
        assert!(accumulated(node, network.members[0].peer_id()) >= 2);
    }
}

/// New facts reach everybody.
fn network_goes_on(network: &Network) {
    let subject = network.members[1].peer_id();
    network.authority.cli(["grant", subject, "staked"]).success();
    network.all_see("a new grant", subject, |view| view["isStaked"] == true);
    network.authority.cli(["revoke", subject, "staked"]).success();
    network.all_see("its end", subject, |view| view["isStaked"] == false);
}

#[test]
fn a_killed_member_comes_back_as_who_it_was() {
    let mut network = Network::start(3);
    let id = network.members[0].peer_id().to_owned();
    network.authority.cli(["grant", &id, "staked"]).success();
    network.all_see("a grant", &id, |view| view["isStaked"] == true);
    let before = network.authority.await_view("three seconds of uptime", &id, |view| {
        view["uptimeSeconds"].as_u64() >= Some(3)
    });
    network.members[0].kill9();
    for node in [&network.authority, &network.members[1], &network.members[2]] {
        let view = node.await_presence(&id, "left");
        assert_eq!(view["firstJoined"], before["firstJoined"]);
        assert!(view["lastLeft"].as_u64() >= before["lastJoined"].as_u64(), "{view}");
    }
    network.members[0].start_again();
    network.converge();
    for node in network.all() {
        let view = node.view(&id).expect("it is in the roll");
        assert_eq!(lasting(&view), lasting(&before), "on {}", node.peer_id());
        assert_ne!(view["session"], before["session"]);
        assert!(view["epoch"].as_u64() > before["epoch"].as_u64(), "{view}");
        // What is lost of a session that ends so is the time since its last renewal.
        let before = before["uptimeSeconds"].as_u64().expect("a number");
        assert!(accumulated(node, &id) + 2 >= before, "{before}, then {view}");
    }
    network_goes_on(&network);
}

#[test]
fn a_killed_authority_comes_back_and_calls_nobody_left() {
    let (mut network, records) = network_with_history();
    let before = lasting_roll(&network.authority);
    let marks: Vec<u64> = network.members.iter().map(RunningNode::last_event).collect();
    network.authority.kill9();
    for member in &network.members {
        member.await_status("it has no home", |status| status["degraded"] == true);
    }
    let mark = network.members[0].last_event();
    network.authority.start_again();
    network.converge();
    assert_eq!(lasting_roll(&network.authority), before);
    history_is_there(&network, &records);
    // More than a lease passes: what the authority gave everybody at its start has run out.
    let answered = network.authority.counter("requests_answered");
    network.authority.await_status("eight rounds of renewals", |status| {
        status["counters"]["requests_answered"].as_u64() >= Some(answered + 8 * 3)
    });
    network.converge();
    assert!(network.members[0].last_event() > mark, "its return is an event");
    for (member, mark) in network.members.iter().zip(marks) {
        let events = member.events_after(mark);
        assert!(events.iter().all(|event| event.kind != "left"), "{events:?}");
    }
    let events = network.authority.events_after(0);
    let left: Vec<_> = events.iter().filter(|event| event.kind == "left").collect();
    assert_eq!(left.len(), 1, "one member left, in order, before the crash: {events:?}");
    network_goes_on(&network);
}

#[test]
fn all_killed_at_once_come_back_with_the_same_roll() {
    let (mut network, records) = network_with_history();
    let before = lasting_roll(&network.authority);
    for node in network.all() {
        assert_eq!(lasting_roll(node), before, "on {}", node.peer_id());
    }
    network.members.iter_mut().for_each(RunningNode::kill9);
    network.authority.kill9();
    network.authority.spawn_child();
    network.members.iter_mut().for_each(RunningNode::spawn_child);
    network.authority.await_ready();
    network.members.iter_mut().for_each(RunningNode::await_ready);
    network.converge();
    for node in network.all() {
        assert_eq!(lasting_roll(node), before, "on {}", node.peer_id());
    }
    history_is_there(&network, &records);
    network_goes_on(&network);
}

#[test]
fn a_member_alone_still_has_the_roll_after_a_crash_of_all() {
    let (mut network, _) = network_with_history();
    let before = lasting_roll(&network.members[2]);
    network.members.iter_mut().for_each(RunningNode::kill9);
    network.authority.kill9();
    let member = &mut network.members[2];
    member.start_again();
    assert_eq!(lasting_roll(member), before);
    assert_eq!(member.status()["degraded"], true);
}

#[test]
fn an_acknowledged_grant_survives_a_kill_right_after_it() {
    let mut authority = RunningNode::start(Setup::new());
    let records: Vec<GoRecord> = (0..8).map(GoRecord::numbered).collect();
    authority
        .cli_with_input(["import", "-", "--format", "masa"], &GoRecord::file(&records))
        .success();
    authority.kill9();
    authority.start_again();
    for (index, record) in records.iter().enumerate() {
        let name = if index % 2 == 0 { "staked" } else { "validator" };
        authority.cli(["grant", &record.peer_id, name]).success();
        authority.kill9();
        authority.start_again();
        for (granted, record) in records[..=index].iter().enumerate() {
            let view = authority.view(&record.peer_id).expect("it was imported");
            let flag = if granted % 2 == 0 { "isStaked" } else { "isValidator" };
            assert_eq!(view[flag], true, "after {index}: {view}");
            assert_eq!(view["firstJoined"], record.first_joined);
        }
    }
    authority.cli(["ban", &records[0].peer_id]).success();
    authority.kill9();
    authority.start_again();
    let view = authority.view(&records[0].peer_id).expect("a decision is kept");
    assert_eq!(view["standing"], "banned");
}

/// Records whose history grows with each import, so that every import writes all of them anew.
fn growing_records(round: u64) -> Vec<GoRecord> {
    let grown = |record: GoRecord| GoRecord { accumulated_seconds: 1_000 + round, ..record };
    (0..400).map(GoRecord::numbered).map(grown).collect()
}

#[test]
fn a_journal_that_is_compacted_again_and_again_keeps_all_through_kills() {
    let mut authority = RunningNode::start(Setup::new());
    let journal = authority.file("journal");
    let size = || std::fs::metadata(&journal).expect("it is there").len();
    let import = ["import", "-", "--format", "masa"];
    let (mut round, mut shrunk, mut largest) = (0, 0, 0);
    while shrunk < 3 {
        assert!(round < 100, "the journal grows for ever: {largest} bytes");
        let mut before = size();
        for _ in 0..3 {
            round += 1;
            authority.cli_with_input(import, &GoRecord::file(&growing_records(round))).success();
            let after = size();
            shrunk += u32::from(after < before);
            largest = largest.max(after);
            before = after;
        }
        // Killed somewhere in the middle of one more.
        let unfinished = GoRecord::file(&growing_records(round + 1));
        let command = authority.start_cli(import, &unfinished);
        eventually("it is under way", || match size() {
            now if now == before => Err(format!("{now} bytes")),
            _ => Ok(()),
        });
        authority.kill9();
        drop(command);
        authority.start_again();
        let kept = 1_000 + round;
        for record in growing_records(round) {
            let view = authority.view(&record.peer_id).expect("it was imported");
            let uptime = view["accumulatedUptimeSeconds"].as_u64().expect("a number");
            assert!(uptime == kept || uptime == kept + 1, "{kept} was acknowledged: {view}");
        }
        round += 1;
    }
    assert!(largest < 1 << 20, "a compacted journal stays small: {largest} bytes");
    assert!(!authority.file("journal.new").exists());
}

#[test]
fn a_node_killed_while_it_starts_starts_again() {
    let mut authority = RunningNode::start(Setup::new());
    let peer_id = authority.peer_id().to_owned();
    for _ in 0..5 {
        authority.kill9();
        // Killed anywhere between its first instruction and being ready.
        authority.spawn_child();
        authority.kill9();
        authority.start_again();
        assert_eq!(authority.peer_id(), peer_id);
    }
    let view = authority.await_presence(&peer_id, "online");
    assert_eq!(view["standing"], "admitted");
}
