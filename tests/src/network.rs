//! One authority with its members.

use serde_json::Value;

use crate::{RunningNode, Setup, wait};

/// An authority and members that know it.
#[derive(Debug)]
pub struct Network {
    /// The one authority.
    pub authority: RunningNode,
    /// The others.
    pub members: Vec<RunningNode>,
}

impl Network {
    /// Starts an authority with a number of members, and waits until all hold one roll.
    #[track_caller]
    pub fn start(member_count: usize) -> Network {
        let network = Network::start_with(member_count, Setup::new());
        network.converge();
        network
    }

    /// Starts all with the same options, and waits until each is ready.
    #[track_caller]
    pub fn start_with(member_count: usize, setup: Setup) -> Network {
        let authority = RunningNode::start(setup.clone());
        let spawn = |_| RunningNode::spawn(setup.clone().member_of(&authority));
        let mut members: Vec<RunningNode> = (0..member_count).map(spawn).collect();
        members.iter_mut().for_each(RunningNode::await_ready);
        Network { authority, members }
    }

    /// All nodes, the authority first.
    pub fn all(&self) -> impl Iterator<Item = &RunningNode> {
        std::iter::once(&self.authority).chain(&self.members)
    }

    /// Waits until all nodes hold the same roll, in which all of them are online.
    #[track_caller]
    pub fn converge(&self) {
        converge(&self.all().collect::<Vec<_>>());
    }

    /// Waits until the given nodes hold the same roll.
    #[track_caller]
    pub fn agree(nodes: &[&RunningNode]) -> String {
        wait::eventually("all hold the same roll", || {
            let roots: Vec<String> = nodes.iter().map(|node| node.root()).collect();
            match roots.iter().all(|root| *root == roots[0]) {
                true => Ok(roots[0].clone()),
                false => Err(states(nodes)),
            }
        })
    }

    /// Waits until every node sees `peer` so.
    #[track_caller]
    pub fn all_see(&self, what: &str, peer: &str, condition: impl Fn(&Value) -> bool) {
        for node in self.all() {
            node.await_view(what, peer, &condition);
        }
    }
}

/// Waits until the nodes see each other online and hold the same roll.
#[track_caller]
fn converge(nodes: &[&RunningNode]) {
    wait::eventually("all see each other online and hold the same roll", || {
        let root = nodes[0].root();
        for node in nodes {
            let status = node.status();
            for other in nodes {
                let view = node.view(other.peer_id());
                if !view.is_ok_and(|view| view["presence"] == "online") {
                    return Err(states(nodes));
                }
            }
            if status["root"] != root.as_str() || status["degraded"] != false {
                return Err(states(nodes));
            }
        }
        Ok(())
    });
}

fn states(nodes: &[&RunningNode]) -> String {
    nodes.iter().map(|node| format!("\n{}", node.status())).collect()
}
