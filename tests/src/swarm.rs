//! Two authorities and many members, each in a process of its own.

use serde_json::Value;

use crate::{RunningNode, Setup, identity, wait};

/// How many processes are started before it is waited until they are ready.
const STARTED_AT_ONCE: usize = 16;

/// Two authorities that know each other, and members that know both.
#[derive(Debug)]
pub struct Swarm {
    /// The members dial the first one first.
    pub authorities: [RunningNode; 2],
    /// All others.
    pub members: Vec<RunningNode>,
}

impl Swarm {
    /// Starts all with the same options, and waits until each is ready.
    #[track_caller]
    pub fn start(member_count: usize, setup: &Setup) -> Swarm {
        Swarm::start_while(member_count, setup, |_| true)
    }

    /// The same, but stops before a batch of members for which there is no room beside those that
    /// run already.
    #[track_caller]
    pub fn start_while(
        member_count: usize,
        setup: &Setup,
        has_room: impl Fn(&[RunningNode]) -> bool,
    ) -> Swarm {
        let [first_dir, second_dir] = [(), ()].map(|()| tempfile::tempdir().expect("a folder"));
        let ids = [identity(first_dir.path()), identity(second_dir.path())];
        // Where an authority is reached is known once it runs. The second dials the first.
        let unknown = |id: &str| format!("/ip4/127.0.0.1/tcp/1/p2p/{id}");
        let list = |setup: Setup, addresses: &[String]| {
            addresses.iter().fold(setup, |setup, address| setup.with("authority", address))
        };
        let listed = list(setup.clone(), &ids.each_ref().map(|id| unknown(id)));
        let first = RunningNode::start_with_data(first_dir, listed);
        let listed = list(setup.clone(), &[first.listen()[0].clone(), unknown(&ids[1])]);
        let second = RunningNode::start_with_data(second_dir, listed);
        let listed = list(setup.clone(), &[first.listen()[0].clone(), second.listen()[0].clone()]);
        let mut members: Vec<RunningNode> = Vec::new();
        while members.len() < member_count && has_room(&members) {
            let from = members.len();
            let count = (member_count - from).min(STARTED_AT_ONCE);
            members.extend((0..count).map(|_| RunningNode::spawn(listed.clone())));
            members[from..].iter_mut().for_each(RunningNode::await_ready);
        }
        Swarm { authorities: [first, second], members }
    }

    /// All nodes that run.
    pub fn running(&self) -> impl Iterator<Item = &RunningNode> {
        self.authorities.iter().chain(&self.members).filter(|node| node.is_running())
    }

    /// Waits until all that run hold one roll, in which `online` nodes are online, and have a home.
    #[track_caller]
    pub fn converge(&self, online: usize) {
        self.await_all("all hold one roll and have a home", |status| {
            status["nodes"]["online"] == online && status["degraded"] == false
        });
        wait::eventually("all hold the same roll", || {
            let mut roots: Vec<String> = self.running().map(RunningNode::root).collect();
            roots.sort_unstable();
            roots.dedup();
            if roots.len() == 1 { Ok(()) } else { Err(format!("{} rolls", roots.len())) }
        });
    }

    /// Waits until the status of every node that runs is so, one after the other.
    #[track_caller]
    pub fn await_all(&self, what: &str, condition: impl Fn(&Value) -> bool) {
        for node in self.running() {
            node.await_status(what, &condition);
        }
    }

    /// How often any node was told that one of the members has left.
    #[track_caller]
    pub fn left_count(&self) -> usize {
        let is_member = |id: &str| self.members.iter().any(|member| member.peer_id() == id);
        let told = self.running().flat_map(|node| node.events_after(0));
        told.filter(|event| event.kind == "left" && event.peer_id.as_deref().is_some_and(is_member))
            .count()
    }

    /// The sum of a counter over all nodes that run.
    #[track_caller]
    pub fn sum(&self, counter: &str) -> u64 {
        self.running().map(|node| node.counter(counter)).sum()
    }
}
