//! What an operator decides on an authority is seen on every node.

use rollbook_tests::{Network, RunningNode, Setup, peer_id};
use serde_json::json;

#[test]
fn a_grant_is_seen_on_all_and_so_is_its_end() {
    let network = Network::start(3);
    let subject = network.members[1].peer_id();
    let said = network.authority.cli(["grant", subject, "staked"]).success();
    assert_eq!(said, format!("granted staked to {subject}\n"));
    network.authority.cli(["grant", subject, "validator"]).success();
    network.all_see("both grants", subject, |view| {
        view["isStaked"] == true
            && view["isValidator"] == true
            && view["grants"] == json!(["staked", "validator"])
    });
    let said = network.authority.cli(["revoke", subject, "staked"]).success();
    assert_eq!(said, format!("revoked staked from {subject}\n"));
    network.all_see("one grant", subject, |view| {
        view["isStaked"] == false && view["grants"] == json!(["validator"])
    });
    Network::agree(&network.all().collect::<Vec<_>>());
}

#[test]
fn grants_of_the_networks_own_have_their_names() {
    let named = |setup: Setup| setup.with("grant-name", "indexer").with("grant-name", "archive");
    let network = Network::start_with(2, named(Setup::new()));
    network.converge();
    let subject = network.members[0].peer_id();
    network.authority.cli(["grant", subject, "archive"]).success();
    network.all_see("the named grant", subject, |view| view["grants"] == json!(["archive"]));
}

#[test]
fn a_removed_node_is_off_the_roll_until_it_is_admitted_again() {
    let network = Network::start(3);
    let subject = &network.members[2];
    let id = subject.peer_id();
    let before = network.authority.view(id).expect("it is in the roll");
    network.authority.cli(["grant", id, "staked"]).success();
    network.authority.cli(["remove", id]).success();
    network.all_see("its removal", id, |view| {
        view["standing"] == "removed" && view["presence"] != "online" && view["isActive"] == false
    });
    for node in network.all() {
        let text = node.cli(["nodes"]).success();
        assert!(!text.contains(id), "a removed node is shown with --all only: {text}");
        assert!(node.cli(["nodes", "--all"]).success().contains(id));
    }
    subject.await_status("it has no home", |status| {
        status["degraded"] == true && status["home"] == json!(null)
    });
    assert!(network.authority.counter("leases_refused") > 0);

    network.authority.cli(["admit", id]).success();
    network.all_see("its return", id, |view| {
        view["standing"] == "admitted"
            && view["presence"] == "online"
            && view["isStaked"] == true
            && view["firstJoined"] == before["firstJoined"]
    });
    network.converge();
}

#[test]
fn a_banned_node_stays_out_after_a_restart() {
    let mut network = Network::start(2);
    let id = network.members[0].peer_id().to_owned();
    network.authority.cli(["ban", &id]).success();
    network.all_see("its ban", &id, |view| view["standing"] == "banned");
    network.members[0].kill9();
    network.members[0].start_again();
    let refused = network.authority.counter("leases_refused");
    network.authority.await_status("it is refused again", |status| {
        status["counters"]["leases_refused"].as_u64() > Some(refused)
    });
    network.all_see("its ban still", &id, |view| {
        view["standing"] == "banned" && view["isActive"] == false
    });
    network.authority.cli(["admit", &id]).success();
    network.converge();
}

#[test]
fn whoever_comes_to_a_manual_authority_waits_until_it_is_admitted() {
    let authority = RunningNode::start(Setup::new().with("admission", "manual"));
    let member = RunningNode::start(Setup::new().member_of(&authority));
    let id = member.peer_id();
    let view = authority.await_view("it waits", id, |view| view["standing"] == "pending");
    assert_eq!((&view["presence"], &view["isActive"]), (&json!("unknown"), &json!(false)));
    assert_eq!(authority.status()["nodes"]["pending"], 1);
    authority.cli(["admit", id]).success();
    authority.await_presence(id, "online");
    member.await_presence(id, "online");
    Network::agree(&[&authority, &member]);
}

#[test]
fn a_decision_about_a_node_that_never_came_is_refused_but_for_admission() {
    let network = Network::start(1);
    let stranger = peer_id(7).to_string();
    for command in [vec!["grant", &stranger, "staked"], vec!["remove", &stranger]] {
        let line = network.authority.cli(&command).refusal();
        assert!(line.contains("does not know this node"), "{line}");
    }
    network.authority.cli(["admit", &stranger]).success();
    network.authority.cli(["grant", &stranger, "validator"]).success();
    network.all_see("an admitted stranger", &stranger, |view| {
        view["standing"] == "admitted"
            && view["isValidator"] == true
            && view["presence"] == "unknown"
            && view["isActive"] == false
    });
}

#[test]
fn events_tell_what_happened_and_watch_shows_them() {
    let network = Network::start(1);
    let member = &network.members[0];
    let id = member.peer_id();
    let (on_authority, on_member) = (network.authority.last_event(), member.last_event());
    network.authority.cli(["grant", id, "staked"]).success();
    network.authority.cli(["ban", id]).success();
    for (node, after) in [(&network.authority, on_authority), (member, on_member)] {
        let wanted = ["grantsChanged", "banned"];
        rollbook_tests::eventually("both are events", || {
            let events = node.events_after(after);
            let told = |kind: &str| {
                let of = |event: &&rollbook_tests::Event| event.peer_id.as_deref() == Some(id);
                events.iter().filter(of).any(|event| event.kind == kind)
            };
            match wanted.iter().all(|kind| told(kind)) {
                true => Ok(()),
                false => Err(format!("{events:?}")),
            }
        });
    }
}
