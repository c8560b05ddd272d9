//! Networks in two parts that do not reach each other: each goes on, and together they are one
//! again without an operator. Every node is on a machine of its own, and the cable is cut.

use rollbook_tests::{Lan, Network, RunningNode, Setup, eventually, identity};
use serde_json::{Value, json};

/// Members of each of two sides that have no authority.
const SIDE: usize = 3;

/// Two authorities and the machines of all who are or will be their members.
struct Parts {
    lan: Lan,
    authorities: [RunningNode; 2],
    /// By the number of their machine.
    members: Vec<(usize, RunningNode)>,
    /// With what members are started.
    setup: Setup,
}

impl Parts {
    /// The authorities on machines 0 and 1, members on those that follow, and some that stay free.
    fn start(members: usize, free: usize, test: &str) -> Option<Parts> {
        let lan = Lan::of(2 + members + free, test)?;
        let folders = [(), ()].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let mut setup = Setup::new();
        for (index, folder) in folders.iter().enumerate() {
            let (address, id) = (lan.machine(index).multiaddr(), identity(folder.path()));
            setup = setup.with("authority", &format!("{address}/p2p/{id}"));
        }
        let mut index = 0;
        let authorities = folders.map(|folder| {
            index += 1;
            RunningNode::start_with_data(folder, setup.clone().on(lan.machine(index - 1)))
        });
        let mut parts = Parts { lan, authorities, members: Vec::new(), setup };
        let spawn = |machine: usize| {
            let setup = parts.setup.clone().on(parts.lan.machine(machine));
            (machine, RunningNode::spawn(setup))
        };
        parts.members = (2..2 + members).map(spawn).collect();
        parts.members.iter_mut().for_each(|(_, node)| node.await_ready());
        parts.converge();
        Some(parts)
    }

    /// Starts a member on a free machine.
    fn join(&mut self, machine: usize) {
        let setup = self.setup.clone().on(self.lan.machine(machine));
        self.members.push((machine, RunningNode::start(setup)));
    }

    /// Takes a member out, which is not waited for any more.
    fn take(&mut self, machine: usize) -> RunningNode {
        let place = self.members.iter().position(|(known, _)| *known == machine);
        self.members.remove(place.expect("a member is there")).1
    }

    fn member(&self, machine: usize) -> &RunningNode {
        let found = self.members.iter().find(|(known, _)| *known == machine);
        &found.expect("a member is there").1
    }

    fn members_at(&self, machines: &[usize]) -> Vec<&RunningNode> {
        machines.iter().map(|machine| self.member(*machine)).collect()
    }

    fn all(&self) -> Vec<&RunningNode> {
        self.authorities.iter().chain(self.members.iter().map(|(_, node)| node)).collect()
    }

    /// Waits until all who run hold one roll, in which all of them are online, and have a home.
    #[track_caller]
    fn converge(&self) {
        are_online(&self.all(), &self.all());
        Network::agree(&self.all());
        has_home(&self.all());
    }

    /// Heals the network, and waits until it is one again. None of `witnesses` may be told from
    /// then on that somebody left who is here.
    #[track_caller]
    fn heal(&self, witnesses: &[&RunningNode]) {
        let before: Vec<u64> = witnesses.iter().map(|node| node.last_event()).collect();
        self.lan.heal();
        self.converge();
        let here: Vec<&str> = self.all().iter().map(|node| node.peer_id()).collect();
        for (node, before) in witnesses.iter().zip(before) {
            let events = node.events_after(before);
            let wrong = events.iter().find(|event| {
                event.kind == "left"
                    && event.peer_id.as_deref().is_some_and(|id| here.contains(&id))
            });
            assert_eq!(wrong, None, "by {}", node.peer_id());
        }
    }
}

/// Waits until each of `nodes` calls each of `subjects` online.
#[track_caller]
fn are_online(nodes: &[&RunningNode], subjects: &[&RunningNode]) {
    eventually("all are called online", || {
        for node in nodes {
            for subject in subjects {
                let view = node.view(subject.peer_id())?;
                if view["presence"] != "online" {
                    return Err(format!("{} has {view}; {}", node.peer_id(), node.status()));
                }
            }
        }
        Ok(())
    });
}

#[track_caller]
fn has_home(nodes: &[&RunningNode]) {
    for node in nodes {
        node.await_status("it has a home", |status| status["degraded"] == false);
    }
}

/// Waits until nodes have given up their connections to all but each other: what they said before
/// will then not arrive by itself when the network is healed.
#[track_caller]
fn are_cut_off(nodes: &[&RunningNode]) {
    let others = u64::try_from(nodes.len() - 1).expect("a few");
    for node in nodes {
        node.await_status("connections across the cut are given up", |status| {
            status["connections"].as_u64() <= Some(others)
        });
    }
}

/// Waits until each of `nodes` sees `subject` so.
#[track_caller]
fn see(nodes: &[&RunningNode], subject: &str, what: &str, condition: impl Fn(&Value) -> bool) {
    for node in nodes {
        node.await_view(what, subject, &condition);
    }
}

#[test]
fn two_sides_with_an_authority_each_go_on_and_become_one_network_again() {
    let Some(mut parts) = Parts::start(5, 2, "partitions") else { return };
    // Near are 0, 2, 3 and 7, which is free as 8 is.
    parts.lan.cut(&[1, 4, 5, 6, 8]);
    let shared = parts.member(3).peer_id().to_owned();
    let home = parts.member(4).view(&shared).expect("it is online")["home"].clone();
    let mut gone = parts.take(6);
    let gone_id = gone.peer_id().to_owned();

    // Beyond: the second authority is home to all. One leaves.
    let [near, beyond] = &parts.authorities;
    has_home(&[beyond, parts.member(4), parts.member(5), &gone]);
    assert!(gone.terminate().success(), "{}", gone.log());
    beyond.cli(["grant", &shared, "validator"]).success();
    // Both sides decide about one node, and a new one joins each.
    near.cli(["grant", &shared, "staked"]).success();
    parts.join(7);
    parts.join(8);
    let [near, beyond] = &parts.authorities;
    let near_side = [near, parts.member(2), parts.member(3), parts.member(7)];
    let beyond_side = [beyond, parts.member(4), parts.member(5), parts.member(8)];
    for side in [near_side, beyond_side] {
        are_online(&side, &side);
        has_home(&side);
        Network::agree(&side);
    }
    see(&beyond_side, &gone_id, "it left", |view| view["presence"] == "left");
    see(&near_side, &shared, "a grant of the near side", |view| {
        view["isStaked"] == true && view["isValidator"] == false
    });
    see(&beyond_side, &shared, "a grant of the side beyond", |view| {
        view["isStaked"] == false && view["isValidator"] == true
    });
    // Only a home says of a node that it left: where that one is near, nobody beyond can.
    let called = if home == near.peer_id() { "unknown" } else { "left" };
    see(&beyond_side, &shared, "nobody beyond hears it", |view| view["presence"] == called);
    for (node, stranger) in [(near, parts.member(8)), (beyond, parts.member(7))] {
        assert!(node.view(stranger.peer_id()).is_err(), "nobody could tell it");
    }
    are_cut_off(&near_side);
    are_cut_off(&beyond_side);

    parts.heal(&parts.all());
    see(&parts.all(), &shared, "the grants of both sides", |view| {
        view["isStaked"] == true && view["isValidator"] == true
    });
    see(&parts.all(), &gone_id, "it left", |view| view["presence"] == "left");
}

#[test]
fn a_side_without_an_authority_keeps_its_roll_and_comes_back() {
    let Some(mut parts) = Parts::start(4, 0, "partitions") else { return };
    let granted = parts.member(2).peer_id().to_owned();
    parts.authorities[0].cli(["grant", &granted, "staked"]).success();
    see(&parts.all(), &granted, "a grant", |view| view["isStaked"] == true);
    parts.lan.cut(&[4, 5]);

    // With the authorities all goes on, and who does not answer is called left.
    let lost = [parts.member(4).peer_id().to_owned(), parts.member(5).peer_id().to_owned()];
    let [first, second] = &parts.authorities;
    second.cli(["grant", &lost[0], "validator"]).success();
    let near_side = [first, second, parts.member(2), parts.member(3)];
    are_online(&near_side, &near_side);
    for lost in &lost {
        see(&near_side, lost, "it is missed", |view| view["presence"] == "left");
    }
    see(&near_side, &lost[0], "a grant", |view| view["isValidator"] == true);

    // Without them nobody is called anything, and the roll is read as before.
    let beyond_side = [parts.member(4), parts.member(5)];
    for node in beyond_side {
        let status = node.await_status("it has no home", |status| {
            let authorities = status["authorities"].as_array().expect("an array");
            status["degraded"] == true
                && authorities.iter().all(|authority| authority["inTouch"] == false)
        });
        assert_eq!((&status["home"], &status["nodes"]["total"]), (&json!(null), &json!(6)));
        for other in parts.all() {
            let view = node.view(other.peer_id()).expect("the roll is kept");
            assert_eq!(view["standing"], "admitted");
            assert_eq!((&view["presence"], &view["isActive"]), (&json!("unknown"), &json!(true)));
        }
        let view = node.view(&granted).expect("the roll is kept");
        assert_eq!((&view["isStaked"], &view["isValidator"]), (&json!(true), &json!(false)));
        let text = node.cli(["nodes"]).success();
        assert!(text.contains(&granted), "{text}");
    }
    // What one says of itself reaches the other, from a run that never met an authority.
    let mut changing = parts.take(5);
    changing.kill9();
    changing.start_again_with(|setup| setup.with("capability", "archive"));
    parts.members.push((5, changing));
    let archive = |view: &Value| view["capabilities"] == json!(["archive"]);
    see(&[parts.member(4), parts.member(5)], &lost[1], "a new capability", archive);
    Network::agree(&[parts.member(4), parts.member(5)]);

    // Those beyond are told first that they were missed, and then that they are online.
    let [first, second] = &parts.authorities;
    parts.heal(&[first, second, parts.member(2), parts.member(3)]);
    see(&parts.all(), &lost[1], "a new capability", archive);
    see(&parts.all(), &lost[0], "a grant", |view| view["isValidator"] == true);
}

#[test]
fn sides_without_any_authority_become_one_network_again() {
    let Some(mut parts) = Parts::start(2 * SIDE, 0, "partitions") else { return };
    parts.authorities.iter_mut().for_each(RunningNode::kill9);
    let near: Vec<usize> = (2..2 + SIDE).collect();
    let beyond: Vec<usize> = (2 + SIDE..2 + 2 * SIDE).collect();
    parts.lan.cut(&beyond);
    for side in [&near, &beyond] {
        are_cut_off(&parts.members_at(side));
    }
    let mut changing = parts.take(near[0]);
    changing.kill9();
    changing.start_again_with(|setup| setup.with("capability", "archive"));
    let id = changing.peer_id().to_owned();
    parts.members.push((near[0], changing));
    let archive = |view: &Value| view["capabilities"] == json!(["archive"]);
    see(&parts.members_at(&near), &id, "a new capability", archive);

    parts.lan.heal();
    see(&parts.members_at(&beyond), &id, "a new capability", archive);
    Network::agree(&[parts.members_at(&near), parts.members_at(&beyond)].concat());
}
