//! Nodes that leave, are away and come back; and a network without its authority.

use rollbook_tests::{Network, RunningNode, Setup};
use serde_json::json;

#[test]
fn a_graceful_leave_is_seen_on_all_without_waiting_for_a_lease() {
    // A lease of three minutes: nobody is called left by waiting here.
    let mut network = Network::start_with(3, Setup::new().with("sync-interval", "60s"));
    network.converge();
    let mut leaving = network.members.remove(1);
    let id = leaving.peer_id().to_owned();
    assert!(leaving.file("api.json").exists());
    let status = leaving.terminate();
    assert_eq!(status.code(), Some(0), "{}", leaving.log());
    assert!(!leaving.file("api.json").exists(), "nobody answers there any more");
    for node in network.all() {
        let view = node.await_presence(&id, "left");
        assert_eq!((&view["isActive"], &view["standing"]), (&json!(false), &json!("admitted")));
        assert!(view["lastLeft"].as_u64() >= view["lastJoined"].as_u64(), "{view}");
        assert_eq!(node.counter("leases_lapsed"), 0);
    }
    leaving.start_again();
    network.members.push(leaving);
    network.converge();
}

#[test]
fn an_interrupt_at_the_terminal_ends_a_node_in_order() {
    let mut authority = RunningNode::start(Setup::new());
    authority.signal("INT");
    assert_eq!(authority.await_end().code(), Some(0));
    assert!(!authority.file("api.json").exists());
    let line = authority.cli(["status"]).refusal();
    assert!(line.starts_with("no node runs in "), "{line}");
}

#[test]
fn a_member_that_was_away_catches_up() {
    let mut network = Network::start(3);
    let mut away = network.members.pop().expect("three members");
    assert!(away.terminate().success());
    let (one, two) = (network.members[0].peer_id(), network.members[1].peer_id());
    network.authority.cli(["grant", one, "staked"]).success();
    network.authority.cli(["grant", two, "validator"]).success();
    network.authority.cli(["revoke", two, "validator"]).success();
    network.authority.cli(["remove", two]).success();
    let late = RunningNode::start(Setup::new().member_of(&network.authority));
    network.authority.await_presence(late.peer_id(), "online");
    away.start_again();
    away.await_view("a grant", one, |view| view["isStaked"] == true);
    away.await_view("a removal", two, |view| view["standing"] == "removed");
    away.await_presence(late.peer_id(), "online");
    network.authority.await_presence(away.peer_id(), "online");
    Network::agree(&[&network.authority, &network.members[0], &away, &late]);
}

#[test]
fn without_the_authority_members_keep_the_roll_and_each_other() {
    let mut network = Network::start(3);
    let granted = network.members[0].peer_id().to_owned();
    network.authority.cli(["grant", &granted, "staked"]).success();
    network.all_see("a grant", &granted, |view| view["isStaked"] == true);
    network.authority.kill9();
    let ids: Vec<String> = network.members.iter().map(|m| m.peer_id().to_owned()).collect();
    for member in &network.members {
        let status = member.await_status("it has no home but company", |status| {
            status["degraded"] == true
                && status["authorities"][0]["inTouch"] == false
                && status["connections"].as_u64() >= Some(2)
        });
        assert_eq!((&status["home"], &status["nodes"]["total"]), (&json!(null), &json!(4)));
        for id in &ids {
            let view = member.view(id).expect("the roll is kept");
            assert_eq!(view["standing"], "admitted");
            // Nobody in touch can say whether it is here: it is not called left.
            assert_eq!((&view["presence"], &view["isActive"]), (&json!("unknown"), &json!(true)));
        }
        assert_eq!(member.view(&granted).expect("it is kept")["isStaked"], true);
        let text = member.cli(["status"]).success();
        assert!(text.contains("degraded") && text.contains("not in touch"), "{text}");
    }

    // What a member says of itself still spreads, from a run in which it never met the authority.
    let restarted = &mut network.members[1];
    restarted.kill9();
    restarted.start_again_with(|setup| setup.with("capability", "archive"));
    for member in &network.members {
        member.await_view("a new capability", &ids[1], |view| {
            view["capabilities"] == json!(["archive"])
        });
    }

    network.authority.start_again();
    network.converge();
}

#[test]
fn a_member_whose_authority_is_not_there_yet_waits_for_it() {
    let mut authority = RunningNode::start(Setup::new());
    let setup = Setup::new().member_of(&authority);
    authority.kill9();
    let member = RunningNode::start(setup);
    let status = member.status();
    assert_eq!((&status["degraded"], &status["role"]), (&json!(true), &json!("member")));
    authority.start_again();
    authority.await_presence(member.peer_id(), "online");
    member.await_status("it has a home", |status| status["degraded"] == false);
    Network::agree(&[&authority, &member]);
}

#[test]
fn a_stopped_process_that_goes_on_is_itself_again() {
    let network = Network::start(2);
    let member = &network.members[0];
    member.signal("STOP");
    network.authority.await_presence(member.peer_id(), "left");
    member.signal("CONT");
    network.converge();
    let view = network.authority.view(member.peer_id()).expect("it is in the roll");
    assert_eq!(view["standing"], "admitted");
}

#[test]
fn who_died_while_the_authority_was_away_is_called_left_after_its_return() {
    let mut network = Network::start(2);
    let mut dead = network.members.pop().expect("two members");
    network.authority.kill9();
    dead.kill9();
    network.authority.start_again();
    for node in network.all() {
        let view = node.await_presence(dead.peer_id(), "left");
        assert!(view["lastLeft"].as_u64() >= view["lastJoined"].as_u64(), "{view}");
    }
    network.converge();
    dead.start_again();
    network.members.push(dead);
    network.converge();
}

#[test]
fn an_authority_that_comes_back_at_another_address_finds_its_members() {
    let mut network = Network::start(2);
    let before = network.authority.listen().to_vec();
    network.authority.kill9();
    let elsewhere = ["/ip4/127.0.0.1/tcp/0".to_owned()];
    network.authority.start_again_with(|setup| setup.listening(&elsewhere));
    assert_ne!(network.authority.listen(), before);
    network.converge();
    let address = network.authority.listen()[0].split("/p2p/").next().expect("an address");
    network.all_see("its new address", network.authority.peer_id(), |view| {
        view["multiaddrs"] == json!([address])
    });
}
