//! Two authorities, of which one dies and comes back: nobody is called left but it, and what either
//! decided stands.

use rollbook_tests::{RunningNode, Setup, Swarm};

const MEMBERS: usize = 5;

fn swarm() -> Swarm {
    let swarm = Swarm::start(MEMBERS, &Setup::slow().with("sync-interval", "1s"));
    swarm.converge(MEMBERS + 2);
    swarm
}

fn await_home(swarm: &Swarm, home: usize) {
    let home = swarm.authorities[home].peer_id();
    for member in &swarm.members {
        member.await_status("another authority is home", |status| {
            status["home"] == home && status["degraded"] == false
        });
    }
}

/// Who was called left at `node`, in the order of the events.
fn called_left(node: &RunningNode) -> Vec<String> {
    let left = node.events_after(0).into_iter().filter(|event| event.kind == "left");
    left.filter_map(|event| event.peer_id).collect()
}

#[test]
fn only_the_dead_authority_is_called_left_and_it_agrees_when_it_is_back() {
    let mut swarm = swarm();
    let first = swarm.authorities[0].peer_id().to_owned();
    let subject = swarm.members[0].peer_id().to_owned();
    let joined = swarm.members[1].view(&subject).expect("held")["lastJoined"].clone();
    swarm.authorities[0].kill9();
    await_home(&swarm, 1);
    swarm.authorities[1].cli(["grant", &subject, "staked"]).success();
    for node in swarm.running() {
        node.await_presence(&first, "left");
        node.await_view("a grant by the second", &subject, |view| view["isStaked"] == true);
    }
    swarm.authorities[0].start_again();
    swarm.converge(MEMBERS + 2);
    let view = swarm.authorities[0].view(&subject).expect("held");
    assert_eq!((&view["isStaked"], &view["lastJoined"]), (&true.into(), &joined), "{view}");
    // The one that was away may have heard of its own end when it came back.
    for node in swarm.running() {
        let left = called_left(node);
        assert!(left.iter().all(|peer| *peer == first), "{left:?} at {}", node.peer_id());
    }
}

#[test]
fn a_ban_stands_when_the_node_comes_to_an_authority_that_was_away() {
    let mut swarm = swarm();
    let banned = swarm.members[0].peer_id().to_owned();
    swarm.authorities[0].kill9();
    await_home(&swarm, 1);
    swarm.authorities[1].cli(["ban", &banned]).success();
    swarm.authorities[0].start_again();
    // What it held before says that the node belongs to the network: it hears of the ban at once.
    for node in swarm.running() {
        node.await_view("a ban", &banned, |view| view["standing"] == "banned");
    }
    swarm.authorities[1].kill9();
    for member in &swarm.members[1..] {
        let first = swarm.authorities[0].peer_id();
        member.await_status("the first is home", |status| status["home"] == first);
    }
    swarm.members[0].await_status("it has no home", |status| status["degraded"] == true);
    // It asks the first for a lease, which refuses it.
    let refused = |node: &RunningNode| node.counter("leases_refused");
    let before = refused(&swarm.authorities[0]);
    swarm.authorities[0].await_status("the banned node was refused again", |status| {
        status["counters"]["leases_refused"].as_u64() > Some(before)
    });
    for node in swarm.running() {
        let view = node.view(&banned).expect("held");
        assert_eq!((&view["standing"], &view["isActive"]), (&"banned".into(), &false.into()));
    }
    // The one that decided it is away now: its word counts all the same, until a later one.
    swarm.authorities[0].cli(["admit", &banned]).success();
    for node in swarm.running() {
        node.await_view("a later admission", &banned, |view| view["standing"] == "admitted");
    }
    swarm.authorities[1].start_again();
    swarm.converge(MEMBERS + 2);
}

#[test]
fn without_any_authority_members_are_degraded_and_go_on_when_one_is_back() {
    let mut swarm = swarm();
    swarm.authorities.iter_mut().for_each(RunningNode::kill9);
    for member in &swarm.members {
        member.await_status("it is degraded", |status| status["degraded"] == true);
        assert_eq!(member.nodes().len(), MEMBERS + 2, "it reads what it holds");
        assert!(called_left(member).is_empty());
    }
    swarm.authorities[1].start_again();
    await_home(&swarm, 1);
    for node in swarm.running() {
        node.await_status("the members are here", |status| {
            status["nodes"]["online"].as_u64() >= Some(MEMBERS as u64 + 1)
        });
    }
}
