//! Nodes find each other where no authority says where they are.

use rollbook_tests::{Lan, Network, RunningNode, Setup, Swarm, identity};
use serde_json::json;

const MEMBERS: usize = 5;

/// Starts all members, of which the first says something new, and waits until all know it.
fn find_each_other_again(swarm: &mut Swarm) {
    let (first, others) = swarm.members.split_first_mut().expect("there are members");
    others.iter_mut().for_each(RunningNode::spawn_child);
    first.start_again_with(|setup| setup.with("capability", "archive"));
    others.iter_mut().for_each(RunningNode::await_ready);
    let first = swarm.members[0].peer_id();
    for member in &swarm.members {
        member.await_view("a new capability", first, |view| {
            view["capabilities"] == json!(["archive"])
        });
    }
    Network::agree(&swarm.members.iter().collect::<Vec<_>>());
    for member in &swarm.members {
        let status = member.status();
        assert_eq!((&status["degraded"], &status["nodes"]["total"]), (&json!(true), &json!(7)));
        let authorities = status["authorities"].as_array().expect("an array");
        assert!(authorities.iter().all(|authority| authority["inTouch"] == false), "{status}");
    }
}

#[test]
fn members_that_were_killed_find_each_other_when_all_authorities_are_gone() {
    let mut swarm = Swarm::start(MEMBERS, &Setup::new());
    swarm.converge(MEMBERS + 2);
    swarm.authorities.iter_mut().for_each(RunningNode::kill9);
    swarm.members.iter_mut().for_each(RunningNode::kill9);
    find_each_other_again(&mut swarm);
}

#[test]
fn members_that_all_left_find_each_other_when_all_authorities_are_gone() {
    let mut swarm = Swarm::start(MEMBERS, &Setup::new());
    swarm.converge(MEMBERS + 2);
    let stop = |member: &mut RunningNode| {
        assert!(member.terminate().success(), "{}", member.log());
    };
    swarm.members.iter_mut().for_each(stop);
    // Each hears before it stops for good that all others left.
    let ids: Vec<String> = swarm.members.iter().map(|m| m.peer_id().to_owned()).collect();
    for member in &mut swarm.members {
        member.start_again();
        for other in ids.iter().filter(|id| *id != member.peer_id()) {
            member.await_presence(other, "left");
        }
        stop(member);
    }
    swarm.authorities.iter_mut().for_each(RunningNode::kill9);
    find_each_other_again(&mut swarm);
}

#[test]
fn a_node_of_public_reach_neither_announces_nor_dials_loopback() {
    let mut authority = RunningNode::start(Setup::new());
    let setup = Setup::new().member_of(&authority);
    let mut outside = RunningNode::start(setup.clone().with("reach", "public"));
    let external = "/ip4/192.0.2.9/tcp/7655";
    let elsewhere = RunningNode::start(setup.clone().with("external-address", external));
    let near = RunningNode::start(setup.clone());
    let mut changing = RunningNode::start(setup);
    for node in [&authority, &near, &changing] {
        for member in [&outside, &elsewhere, &near, &changing] {
            node.await_presence(member.peer_id(), "online");
        }
        let addresses = |peer| node.view(peer).expect("it is online")["multiaddrs"].clone();
        assert_eq!(addresses(outside.peer_id()), json!([]));
        assert_eq!(addresses(elsewhere.peer_id()), json!([external]));
    }
    authority.kill9();
    changing.kill9();
    let nobody = |node: &RunningNode| {
        node.await_status("it is connected to nobody", |status| status["connections"] == 0);
    };
    nobody(&outside);
    nobody(&elsewhere);
    changing.start_again_with(|setup| setup.with("capability", "archive"));
    let changed = |view: &serde_json::Value| view["capabilities"] == json!(["archive"]);
    near.await_view("a new capability", changing.peer_id(), changed);
    nobody(&outside);
    nobody(&elsewhere);
    // The same node, told that it is among them.
    outside.kill9();
    outside.start_again_with(|setup| setup.with("reach", "loopback"));
    outside.await_view("a new capability", changing.peer_id(), changed);
    near.await_view("an address", outside.peer_id(), |view| view["multiaddrs"] != json!([]));
}

#[test]
fn nodes_on_one_local_network_find_each_other_by_mdns_where_they_are_told_to() {
    let Some(lan) = Lan::of(3, "mdns") else { return };
    let on = |index: usize| Setup::new().on(lan.machine(index));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let id = identity(folder.path());
    // Where it is, its members are not told.
    let nowhere = format!("/ip4/10.77.0.250/tcp/1/p2p/{id}");
    let mdns = ("mdns", "true");
    let told = |setup: Setup| setup.with("authority", &nowhere);
    let authority = RunningNode::start_with_data(folder, told(on(0)).with(mdns.0, mdns.1));
    let deaf = RunningNode::start(told(on(1)));
    let member = RunningNode::start(told(on(2)).with(mdns.0, mdns.1));
    for node in [&authority, &member] {
        node.await_presence(member.peer_id(), "online");
        node.await_presence(authority.peer_id(), "online");
    }
    Network::agree(&[&authority, &member]);
    let status = deaf.status();
    assert_eq!((&status["connections"], &status["degraded"]), (&json!(0), &json!(true)));
}
