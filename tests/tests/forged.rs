//! Statements that nobody may make, that were not made by their writer, or that are old: dropped,
//! counted, and without effect on any honest node.

use rollbook_tests::{
    Network, RunningNode, Setup, append_statement, eventually, forged_grant, identity,
};
use serde_json::json;

/// So that a random other node is asked about its roll every few moments.
const INTERVAL: &str = "200ms";

fn setup() -> Setup {
    Setup::new().with("sync-interval", INTERVAL)
}

/// Waits until one of the nodes has counted something.
#[track_caller]
fn await_counter(nodes: &[&RunningNode], name: &str) {
    eventually(&format!("{name} is counted"), || {
        let counts: Vec<u64> = nodes.iter().map(|node| node.counter(name)).collect();
        match counts.iter().any(|count| *count > 0) {
            true => Ok(()),
            false => Err(format!("{counts:?}, {}", nodes[0].status())),
        }
    });
}

#[test]
fn a_statement_in_the_authoritys_name_but_not_by_its_key_is_dropped_and_counted() {
    let mut network = Network::start_with(3, setup());
    network.converge();
    let authority = network.authority.peer_id().to_owned();
    let id = network.members[0].peer_id().to_owned();
    // A member gives itself a stake, in the only place where nobody stops it: its own disk.
    let mut cheat = network.members.remove(0);
    assert!(cheat.terminate().success());
    append_statement(&cheat.file("journal"), &forged_grant("main", &authority, &id));
    cheat.start_again();
    assert_eq!(cheat.view(&id).expect("itself")["isStaked"], true, "the forgery is in place");
    let honest: Vec<&RunningNode> = network.all().collect();
    await_counter(&honest, "statements_bad_signature");
    await_counter(&honest, "responses_rejected");
    for node in &honest {
        let view = node.await_presence(&id, "online");
        assert_eq!((&view["isStaked"], &view["grants"]), (&json!(false), &json!([])));
    }
    // They go on with each other, whatever one of them says.
    let subject = network.members[0].peer_id();
    network.authority.cli(["grant", subject, "validator"]).success();
    network.all_see("a true grant", subject, |view| view["isValidator"] == true);
    Network::agree(&honest);
}

#[test]
fn a_node_that_calls_itself_an_authority_decides_nothing() {
    let network = Network::start_with(2, setup());
    network.converge();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let own = identity(dir.path());
    // In its own list it stands beside the true authority.
    let usurper = setup().member_of(&network.authority);
    let usurper = usurper.with("authority", &format!("/ip4/127.0.0.1/tcp/1/p2p/{own}"));
    let usurper = RunningNode::start_in(dir.path(), usurper);
    let subject = network.members[0].peer_id();
    usurper.await_presence(subject, "online");
    usurper.cli(["grant", subject, "staked"]).success();
    usurper.cli(["ban", network.members[1].peer_id()]).success();
    assert_eq!(usurper.view(subject).expect("it knows it")["isStaked"], true);
    let honest: Vec<&RunningNode> = network.all().collect();
    await_counter(&honest, "statements_unknown_writer");
    await_counter(&honest, "authorities_differ");
    for node in &honest {
        let view = node.view(subject).expect("it is in the roll");
        assert_eq!((&view["isStaked"], &view["standing"]), (&json!(false), &json!("admitted")));
        node.await_presence(network.members[1].peer_id(), "online");
    }
    network.converge();
}

#[test]
fn old_statements_that_are_shown_again_change_nothing() {
    let mut network = Network::start_with(2, setup());
    network.converge();
    let subject = network.members[0].peer_id().to_owned();
    network.authority.cli(["grant", &subject, "staked"]).success();
    network.all_see("a grant", &subject, |view| view["isStaked"] == true);
    // One member goes back to the time before the grant was taken away.
    let mut old = network.members.remove(1);
    let last = old.last_event();
    old.kill9();
    let backup = std::fs::read(old.file("journal")).expect("its journal");
    network.authority.cli(["revoke", &subject, "staked"]).success();
    network.all_see("its end", &subject, |view| view["isStaked"] == false);
    // It asks nobody for an hour, and the authority is not there.
    network.authority.kill9();
    std::fs::write(old.file("journal"), backup).expect("our folder");
    old.start_again_with(|setup| setup.with("sync-interval", "1h"));
    // The other member asks it, finds out in what they differ, and which of the two is older.
    old.await_view("it learns better", &subject, |view| view["isStaked"] == false);
    let learned = old.events_after(last).into_iter().any(|event| {
        event.kind == "grantsChanged" && event.peer_id.as_deref() == Some(subject.as_str())
    });
    assert!(learned, "it held the grant when it started");
    let honest = &network.members[0];
    assert_eq!(honest.view(&subject).expect("itself")["isStaked"], false);
    network.authority.start_again();
    network.all_see("what counts", &subject, |view| view["isStaked"] == false);
}

#[test]
fn a_node_of_another_network_never_gets_in() {
    let network = Network::start_with(1, setup());
    network.converge();
    let stranger = setup().with("network", "other").member_of(&network.authority);
    let stranger = RunningNode::start(stranger);
    // Whoever came after it is long in, and many rounds have passed.
    let late = RunningNode::start(setup().member_of(&network.authority));
    network.authority.await_presence(late.peer_id(), "online");
    let answered = network.authority.counter("requests_answered");
    network.authority.await_status("many rounds", |status| {
        status["counters"]["requests_answered"].as_u64() >= Some(answered + 20)
    });
    for node in [&network.authority, &network.members[0], &late] {
        node.view(stranger.peer_id()).expect_err("a stranger is not even pending");
    }
    let status = stranger.status();
    assert_eq!((&status["degraded"], &status["network"]), (&json!(true), &json!("other")));
    stranger.view(network.members[0].peer_id()).expect_err("it learns nothing either");
}

#[test]
fn a_copied_identity_does_not_silence_its_owner() {
    let network = Network::start_with(1, setup());
    network.converge();
    let member = &network.members[0];
    let id = member.peer_id();
    let copy = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(member.file("identity.key"), copy.path().join("identity.key"))
        .expect("our files");
    let clone = setup().member_of(&network.authority).with("capability", "clone");
    let clone = RunningNode::start_in(copy.path(), clone);
    assert_eq!(clone.peer_id(), id);
    let warnings = clone.status()["warnings"].to_string();
    assert!(warnings.contains("no journal"), "{warnings}");
    // Both speak up against the other a few times, and one of them says so to its operator.
    eventually("a duplicate is reported", || {
        let reported = |node: &RunningNode| {
            node.events_after(0).iter().any(|event| event.kind == "duplicateIdentity")
        };
        match reported(member) || reported(&clone) {
            true => Ok(()),
            false => Err(format!("{}\n{}", member.status(), clone.status())),
        }
    });
    network.authority.cli(["grant", id, "staked"]).success();
    network.all_see("a grant", id, |view| view["isStaked"] == true);
}
