//! The cluster and its virtual time: hands each node what happens to it, and carries out what it
//! wants done.
//!
//! Invariants:
//! - nothing here reads a clock or a random number that is not the seed's;
//! - whatever has happened is in the trace, so two runs of one seed have the same trace;
//! - what breaks a rule ends the run: `violation` is the first.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use rollbook_core::{
    Admission, Authorities, Config, Event, Keypair, MAX_FRAME, MAX_GOSSIP, MAX_REQUEST,
    MAX_RESPONSE, MAX_SIGNING, PeerId, RecoverError, SignatureError, Signer, Verdict, Version,
    journal::{Next, Reader},
};

use crate::{
    adapter,
    check::Checks,
    dice::Dice,
    disk::{Disk, Want},
    faults::Undo,
    network::Network,
    node::{Input, Node, Role, Said},
    notary::{Keys, Notary},
    plan::Plan,
    queue::Queue,
    sheet::Library,
    tally::Tally,
    trace::Trace,
};

/// Requests that cannot be sent fail at once, which may lead to more requests, so often at most.
const ROUNDS_MAX: usize = 64;
/// Inputs that wait for a node that does not take them; more gossip than that is lost.
const INBOX_MAX: usize = 2_000;
/// After how long a request that got no answer has failed.
const REQUEST_TIMEOUT_MS: u64 = 10_000;

/// After how long a journal is tried to be written anew again, where a signature was awaited.
const SNAPSHOT_AGAIN_MS: u64 = 100;

/// Something that is to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Arrive { node: usize, run: u32, input: Input },
    Wake { node: usize },
    Ready { node: usize },
    Disk { node: usize },
    Start { node: usize },
    Connect { one: usize, other: usize },
    LinkLost { node: usize, other: usize, link: u64 },
    Fault,
    Work,
    Act { node: usize },
    Leave { node: usize, run: u32 },
    Undo(Undo),
    Inspect,
}

/// A gossip message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) bytes: Rc<[u8]>,
    /// Whether an honest node made it.
    pub(crate) is_honest: bool,
}

/// What was sent in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Gossip messages that were sent over a link, and their bytes.
    pub gossip: (u64, u64),
    /// Requests and their bytes.
    pub requests: (u64, u64),
    /// Responses and their bytes.
    pub responses: (u64, u64),
    /// Exchanges of these in which a lease was renewed, and the bytes of both ways.
    pub renewals: (u64, u64),
}

/// A rule that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// When, in virtual milliseconds.
    pub ms: u64,
    /// Which, and by whom.
    pub what: String,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) ms: u64,
    pub(crate) queue: Queue<Happening>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) by_peer: HashMap<PeerId, Vec<usize>>,
    pub(crate) lists: Vec<Authorities>,
    pub(crate) network: Network,
    pub(crate) notary: Rc<RefCell<Notary>>,
    pub(crate) library: Library,
    pub(crate) messages: Vec<Message>,
    pub(crate) checks: Checks,
    pub(crate) tally: Tally,
    pub(crate) traffic: Traffic,
    pub(crate) trace: Trace,
    pub(crate) violation: Option<Violation>,
    /// For faults, for what users do, for hostile nodes, for signers, for everything else.
    pub(crate) fault_dice: Dice,
    pub(crate) work_dice: Dice,
    pub(crate) hostile_dice: Dice,
    signer_dice: Dice,
    pub(crate) dice: Dice,
    /// Until when something is wrong with all.
    pub(crate) disturbed_ms: u64,
    /// Faults are over.
    pub(crate) is_quiet: bool,
    links: u64,
    /// Counters of runs that have ended.
    pub(crate) ended: rollbook_core::Counters,
}

impl World {
    pub(crate) fn new(plan: &Plan) -> World {
        let notary = Rc::new(RefCell::new(Notary::default()));
        let seed = plan.seed;
        let mut dice = Dice::new(seed, "world");
        let keys: Vec<Keys> =
            (0..=plan.nodes).map(|_| Keys::new(Keypair::ed25519(dice.seed()), &notary)).collect();
        let ids: Vec<PeerId> = keys.iter().map(Signer::peer_id).collect();
        // The last is the authority that a roll-out adds.
        let (added, first) = ids.split_last().expect("there is one more than nodes");
        let listed = &first[..plan.authorities];
        let longer: Vec<PeerId> = listed.iter().chain([added]).copied().collect();
        let lists: Vec<Authorities> = [listed, &longer]
            .map(|ids| Authorities::new(ids).expect("distinct"))
            .into_iter()
            .collect();
        let network = Network::new(seed, plan.weather, plan.latency_max_ms);
        let name = network_name();
        let library = Library::new(&notary, name, lists[1].clone());
        let mut world = World {
            plan: plan.clone(),
            ms: 0,
            queue: Queue::new(),
            nodes: Vec::new(),
            by_peer: HashMap::new(),
            lists,
            network,
            notary,
            library,
            messages: Vec::new(),
            checks: Checks::default(),
            tally: Tally::default(),
            traffic: Traffic::default(),
            trace: Trace::default(),
            violation: None,
            fault_dice: Dice::new(seed, "faults"),
            work_dice: Dice::new(seed, "work"),
            hostile_dice: Dice::new(seed, "hostile"),
            signer_dice: Dice::new(seed, "signers"),
            dice,
            disturbed_ms: 0,
            is_quiet: false,
            links: 0,
            ended: rollbook_core::Counters::default(),
        };
        for (index, keys) in keys.into_iter().take(plan.nodes).enumerate() {
            let keys = keys.elsewhere(plan.signs_elsewhere && index % 2 == 0);
            let node = world.add(Role::Honest, keys, 0);
            world.nodes[node].is_authority = index < plan.authorities;
            world.make_identity(node);
        }
        for node in 0..plan.nodes {
            world.wire(node);
        }
        for node in 0..plan.nodes {
            let at = world.dice.below(5_000);
            world.queue.push(at, Happening::Start { node });
        }
        if plan.fault_every_ms > 0 {
            world.queue.push(plan.fault_every_ms, Happening::Fault);
        }
        if plan.work_every_ms > 0 {
            world.queue.push(plan.work_every_ms, Happening::Work);
        }
        world.queue.push(plan.interval_ms, Happening::Inspect);
        world
    }

    /// Adds a machine that does not run yet.
    pub(crate) fn add(&mut self, role: Role, keys: Keys, list: usize) -> usize {
        let index = self.nodes.len();
        let peer = keys.peer_id();
        let mut node = Node::new(role, keys, peer, list);
        node.said = Said {
            port: u8::try_from(index % 251).expect("below 251"),
            agent: "sim/1".to_owned(),
            capability: "worker".to_owned(),
            extra: Vec::new(),
        };
        self.nodes.push(node);
        self.by_peer.entry(peer).or_default().push(index);
        let watched = 0..self.plan.watched.max(self.plan.authorities);
        // Those that come later are few, and what they are there for is rare.
        self.checks.add(watched.contains(&index) || index >= self.plan.nodes);
        index
    }

    /// Puts on its disk what making an identity writes.
    pub(crate) fn make_identity(&mut self, node: usize) {
        let frame = adapter::identity_frame(&self.nodes[node].peer, &network_name());
        self.nodes[node].disk = Disk::with(vec![self.library.sheet(&frame)]);
    }

    /// Decides whom `node` is connected with: every authority, and some others.
    pub(crate) fn wire(&mut self, node: usize) {
        for authority in 0..self.plan.authorities {
            self.want(node, authority, node < self.plan.authorities);
        }
        let members = self.plan.authorities..self.plan.nodes.min(self.nodes.len());
        if members.contains(&node) {
            // A ring holds all together, whatever the others are.
            let next = if node + 1 < members.end { node + 1 } else { members.start };
            self.want(node, next, true);
        }
        for _ in 0..self.plan.degree {
            let count = members.end - members.start;
            let other = members.start + self.dice.index(count.max(1));
            if other < members.end {
                self.want(node, other, true);
            }
        }
    }

    /// Lets two nodes be connected with each other, and pass gossip on to each other or not.
    pub(crate) fn want(&mut self, one: usize, other: usize, is_mesh: bool) {
        if one == other || self.nodes[one].peer == self.nodes[other].peer {
            return;
        }
        for (node, of) in [(one, other), (other, one)] {
            let node = &mut self.nodes[node];
            if !node.wanted.contains(&of) {
                node.wanted.push(of);
            }
            if is_mesh && !node.mesh.contains(&of) {
                node.mesh.push(of);
            }
        }
    }

    pub(crate) fn now(&self, node: usize) -> rollbook_core::Now {
        self.nodes[node].now(self.ms)
    }

    /// Ends the run: a rule was broken.
    pub(crate) fn violate(&mut self, what: String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { ms: self.ms, what });
        }
    }

    /// Lets everything up to `end_ms` happen.
    pub(crate) fn run_until(&mut self, end_ms: u64) -> Result<(), Violation> {
        while let Some((ms, happening)) = self.queue.pop(end_ms) {
            self.ms = ms;
            self.happen(happening);
            if let Some(violation) = &self.violation {
                return Err(violation.clone());
            }
        }
        self.ms = end_ms;
        Ok(())
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive { node, run, input } => {
                if self.nodes[node].run == run {
                    self.arrive(node, input);
                }
            }
            Happening::Wake { node } => {
                if self.nodes[node].wake_ms == self.ms {
                    self.nodes[node].wake_ms = u64::MAX;
                    self.arrive(node, Input::Timeout);
                }
            }
            Happening::Ready { node } => self.take_inbox(node),
            Happening::Disk { node } => {
                let sleeps_until_ms = self.nodes[node].busy_until_ms;
                if self.nodes[node].disk_ms != self.ms {
                    return;
                }
                if sleeps_until_ms > self.ms {
                    self.nodes[node].disk_ms = sleeps_until_ms;
                    return self.queue.push(sleeps_until_ms, Happening::Disk { node });
                }
                self.nodes[node].disk_ms = u64::MAX;
                self.settle(node);
            }
            Happening::Start { node } => self.start(node),
            Happening::Connect { one, other } => self.connect(one, other),
            Happening::LinkLost { node, other, link } => self.lose_link(node, other, link),
            Happening::Fault => crate::faults::strike(self),
            Happening::Work => crate::workload::work(self),
            Happening::Act { node } => crate::hostile::act(self, node),
            Happening::Leave { node, run } => {
                if self.nodes[node].run == run {
                    self.stop_in_order(node);
                }
            }
            Happening::Undo(undo) => crate::faults::undo(self, undo),
            Happening::Inspect => {
                crate::check::inspect(self);
                self.queue.push(self.ms + self.plan.interval_ms, Happening::Inspect);
            }
        }
    }

    // Life and death.

    /// Starts a node from what its disk holds.
    pub(crate) fn start(&mut self, at: usize) {
        if self.nodes[at].is_up() || (self.is_quiet && self.nodes[at].has_left) {
            return;
        }
        let seed = self.dice.seed();
        let mono_origin_ms = (1 << 32) + self.dice.below(1 << 40);
        let config = self.config(self.nodes[at].list);
        let node = &mut self.nodes[at];
        node.mono_origin_ms = mono_origin_ms;
        node.run += 1;
        node.has_left = false;
        let mut tracker = adapter::new_tracker(config, node.keys.clone(), seed);
        let image = node.disk.open();
        let mut reader = Reader::new(&image[..]);
        let mut refused = None;
        loop {
            match reader.next_frame().expect("a slice does not fail") {
                Next::Frame(frame) => match tracker.recover(&frame) {
                    Ok(()) | Err(RecoverError::Full) => {}
                    Err(error) => refused = Some(format!("node {at} cannot start: {error}")),
                },
                Next::Damaged { size } => {
                    refused = Some(format!("node {at}: {size} damaged bytes amid its journal"));
                }
                Next::TornTail { .. } | Next::End => break,
            }
        }
        node.recovered_root = tracker.root();
        let now = node.now(self.ms);
        tracker.start(now);
        let mut held = Vec::new();
        tracker.snapshot(&mut held).expect("memory takes all");
        node.said.with(|fields| tracker.announce(now, fields)).expect("it is bounded");
        node.tracker = Some(tracker);
        node.synced = 0;
        node.forget_gossip();
        self.disturb(at, self.ms);
        if let Some(refused) = refused {
            self.violate(refused);
        }
        crate::check::started(self, at, &image, &held);
        for other in self.nodes[at].wanted.clone() {
            let wait_ms = self.dice.between(20, 1_500);
            self.queue.push(self.ms + wait_ms, Happening::Connect { one: at, other });
        }
        self.settle(at);
    }

    fn config(&self, list: usize) -> Config {
        let mut config = Config::new(network_name(), self.lists[list].clone());
        config.interval_ms = self.plan.interval_ms;
        config.compaction_floor = self.plan.compaction_floor;
        config.capacity = u32::try_from(self.plan.nodes).expect("small") + self.plan.spare;
        config.admission = if self.plan.manual { Admission::Manual } else { Admission::Open };
        config
    }

    /// Ends a node without a word. Its disk keeps what a cut of power, or a kill, leaves.
    pub(crate) fn crash(&mut self, at: usize, is_power_cut: bool) {
        if self.nodes[at].tracker.is_none() {
            return;
        }
        let crash = self.nodes[at].disk.crash(is_power_cut, &mut self.fault_dice);
        self.tally.torn_tails += u64::from(crash.is_torn);
        self.tally.frames_lost += crash.frames_lost;
        match is_power_cut {
            true => self.tally.power_cuts += 1,
            false => self.tally.kills += 1,
        }
        self.end(at, if is_power_cut { 15_000 } else { 100 });
    }

    /// A node that left in order ends, with all on its disk.
    fn stop_in_order(&mut self, at: usize) {
        let Some(tracker) = self.nodes[at].tracker.as_mut() else { return };
        let mut bytes = Vec::new();
        let size = tracker.snapshot(&mut bytes).expect("memory takes all");
        if !self.nodes[at].disk.is_full && size > 0 {
            let sheets = self.library.sheets(&bytes);
            let tally = self.nodes[at].disk.tally;
            self.nodes[at].disk = Disk::with(sheets);
            self.nodes[at].disk.tally = tally;
        } else {
            self.nodes[at].disk.crash(false, &mut self.fault_dice);
        }
        self.end(at, 100);
    }

    /// Takes the tracker out. Those it was connected with notice within `notice_ms`.
    fn end(&mut self, at: usize, notice_ms: u64) {
        crate::check::ended(self, at);
        let node = &mut self.nodes[at];
        if let Some(tracker) = node.tracker.take() {
            crate::report::add_counters(&mut self.ended, tracker.counters());
        }
        node.run += 1;
        node.inbox.clear();
        node.is_ready_planned = false;
        node.busy_until_ms = 0;
        node.wake_ms = u64::MAX;
        node.disk_ms = u64::MAX;
        for (other, link) in std::mem::take(&mut node.links) {
            let wait_ms = 1 + self.dice.below(notice_ms);
            self.queue
                .push(self.ms + wait_ms, Happening::LinkLost { node: other, other: at, link });
        }
        self.disturb(at, self.ms);
    }

    /// Notes that something is wrong with a node until a time.
    pub(crate) fn disturb(&mut self, at: usize, until_ms: u64) {
        let node = &mut self.nodes[at];
        node.disturbed_ms = node.disturbed_ms.max(until_ms);
    }

    // Connections.

    fn connect(&mut self, one: usize, other: usize) {
        let both_up = self.nodes[one].is_up() && self.nodes[other].is_up();
        let is_linked = |a: usize, b: usize| self.nodes[a].links.get(&b);
        let link = is_linked(one, other);
        if !both_up || (link.is_some() && link == is_linked(other, one)) {
            return;
        }
        let sleeps = |node: usize| self.nodes[node].busy_until_ms > self.ms + 5_000;
        let hears = |from, to| self.network.hears(self.ms, from, to);
        if sleeps(one) || sleeps(other) || !hears(one, other) || !hears(other, one) {
            let wait_ms = self.dice.between(3_000, 8_000);
            return self.queue.push(self.ms + wait_ms, Happening::Connect { one, other });
        }
        self.links += 1;
        for (node, of) in [(one, other), (other, one)] {
            let peer = self.nodes[of].peer;
            let was_connected = self.is_connected(node, &peer);
            self.nodes[node].links.insert(of, self.links);
            if !was_connected {
                self.arrive(node, Input::Connected { peer });
            }
        }
    }

    pub(crate) fn lose_link(&mut self, node: usize, other: usize, link: u64) {
        if self.nodes[node].links.get(&other) != Some(&link) {
            return;
        }
        self.nodes[node].links.remove(&other);
        let peer = self.nodes[other].peer;
        if !self.is_connected(node, &peer) {
            self.arrive(node, Input::Disconnected { peer });
        }
        if self.nodes[other].links.get(&node) == Some(&link) {
            let wait_ms = self.dice.between(1, 3_000);
            let lost = Happening::LinkLost { node: other, other: node, link };
            self.queue.push(self.ms + wait_ms, lost);
            // Whoever lost a connection makes a new one.
            let again = Happening::Connect { one: node, other };
            self.queue.push(self.ms + wait_ms + 100, again);
        }
    }

    fn is_connected(&self, node: usize, peer: &PeerId) -> bool {
        self.machine_behind(node, peer).is_some()
    }

    /// The machine that `node` reaches under a name: of several, the one that connected last.
    fn machine_behind(&self, node: usize, peer: &PeerId) -> Option<usize> {
        let links = &self.nodes[node].links;
        let machines = self.by_peer.get(peer)?.iter().copied();
        machines.filter(|machine| links.contains_key(machine)).max_by_key(|machine| links[machine])
    }

    // Inputs.

    /// Something reaches a node: at once, or when it has time.
    pub(crate) fn arrive(&mut self, at: usize, input: Input) {
        let node = &mut self.nodes[at];
        if !node.is_up() {
            return;
        }
        if node.busy_until_ms > self.ms || !node.inbox.is_empty() {
            self.tally.inputs_late += 1;
            let is_gossip = matches!(input, Input::Gossip { .. });
            if !(is_gossip && node.inbox.len() >= INBOX_MAX) {
                node.inbox.push_back(input);
            }
            return self.plan_ready(at);
        }
        self.handle(at, input);
    }

    fn plan_ready(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if !node.is_ready_planned {
            node.is_ready_planned = true;
            let ready_ms = node.busy_until_ms.max(self.ms);
            self.queue.push(ready_ms, Happening::Ready { node: at });
        }
    }

    fn take_inbox(&mut self, at: usize) {
        self.nodes[at].is_ready_planned = false;
        while self.nodes[at].busy_until_ms <= self.ms {
            let Some(input) = self.nodes[at].inbox.pop_front() else { return };
            self.handle(at, input);
        }
        if !self.nodes[at].inbox.is_empty() {
            self.plan_ready(at);
        }
    }

    fn handle(&mut self, at: usize, input: Input) {
        if self.nodes[at].role == Role::Hostile {
            return crate::hostile::handle(self, at, &input);
        }
        let now = self.now(at);
        let node = &mut self.nodes[at];
        node.busy_until_ms = node.busy_until_ms.max(self.ms + node.slow_ms);
        let Some(tracker) = node.tracker.as_mut() else { return };
        self.trace.input(self.ms, at, &input);
        match input {
            Input::Gossip { from, message } => self.take_gossip(at, from, message),
            Input::Request { from, from_run, bytes } => self.answer(at, from, from_run, &bytes),
            Input::Response { peer, bytes } => {
                let taken = tracker.handle_response(now, &peer, &bytes);
                let machine = self.machine_behind(at, &peer);
                let is_honest = machine.is_some_and(|from| self.nodes[from].role == Role::Honest);
                if let (Err(error), true) = (taken, is_honest) {
                    self.violate(format!("node {at} refuses an honest response: {error}"));
                }
            }
            Input::RequestFailed { peer } => tracker.handle_request_failed(now, &peer),
            Input::Signature { version, signature: None, .. } => {
                tracker.handle_signature_failed(version);
                self.tally.signatures_failed += 1;
            }
            Input::Signature { version, signature: Some(signature), is_right } => {
                match tracker.handle_signature(now, version, &signature) {
                    Ok(()) if is_right => self.tally.signatures_made += 1,
                    Err(SignatureError::NotAwaited) => self.tally.signatures_late += 1,
                    Err(_) if !is_right => self.tally.signatures_wrong += 1,
                    taken => self.violate(format!(
                        "node {at} is given a signature, right: {is_right}, and says {taken:?}"
                    )),
                }
            }
            Input::Connected { peer } => tracker.handle_connected(now, &peer),
            Input::Disconnected { peer } => tracker.handle_disconnected(now, &peer),
            Input::Timeout => {
                tracker.handle_timeout(now);
                self.settle(at);
                return crate::check::rested(self, at);
            }
        }
        self.settle(at);
    }

    fn take_gossip(&mut self, at: usize, from: usize, message: u32) {
        if !self.nodes[at].see(message) {
            return;
        }
        let now = self.now(at);
        let place = usize::try_from(message).expect("small");
        let bytes = Rc::clone(&self.messages[place].bytes);
        let from_peer = self.nodes[from].peer;
        let tracker = self.nodes[at].tracker.as_mut().expect("it runs");
        match adapter::handle_gossip(tracker, now, &from_peer, &bytes) {
            Verdict::Accept => self.pass_on(at, message, Some(from)),
            Verdict::Ignore => {}
            Verdict::Reject if self.messages[place].is_honest => {
                self.violate(format!("node {at} rejects honest gossip of node {from}"));
            }
            Verdict::Reject => {}
        }
    }

    /// Sends a gossip message to those of a node's mesh that do not have it yet.
    pub(crate) fn pass_on(&mut self, at: usize, message: u32, except: Option<usize>) {
        for place in 0..self.nodes[at].mesh.len() {
            let to = self.nodes[at].mesh[place];
            if Some(to) == except || !self.nodes[at].links.contains_key(&to) {
                continue;
            }
            self.send_gossip(at, to, message);
        }
    }

    /// Sends a gossip message over one link.
    pub(crate) fn send_gossip(&mut self, from: usize, to: usize, message: u32) {
        let size = self.messages[usize::try_from(message).expect("small")].bytes.len();
        self.traffic.gossip.0 += 1;
        self.traffic.gossip.1 += size as u64;
        // A duplicate never comes as far as the tracker.
        if self.nodes[to].has_seen(message) {
            return;
        }
        self.send(from, to, &Input::Gossip { from, message });
    }

    /// A gossip message of a node's own.
    pub(crate) fn new_message(&mut self, bytes: &[u8], is_honest: bool) -> u32 {
        self.trace.bytes(bytes);
        self.messages.push(Message { bytes: bytes.into(), is_honest });
        u32::try_from(self.messages.len() - 1).expect("fewer than 2^32 messages")
    }

    fn answer(&mut self, at: usize, from: usize, from_run: u32, request: &[u8]) {
        let now = self.now(at);
        let asking = self.nodes[from].peer;
        let peer = self.nodes[at].peer;
        let is_honest = self.nodes[from].role == Role::Honest;
        let lists_differ = self.nodes[from].list != self.nodes[at].list;
        self.tally.lists_differed += u64::from(lists_differ && is_honest);
        let mut response = [0; MAX_RESPONSE];
        let tracker = self.nodes[at].tracker.as_mut().expect("it runs");
        match tracker.handle_request(now, &asking, request, &mut response) {
            Ok(size) => {
                let bytes: Rc<[u8]> = response[..size].into();
                self.trace.bytes(&bytes);
                self.traffic.responses.0 += 1;
                self.traffic.responses.1 += size as u64;
                if adapter::renews(request) {
                    self.traffic.renewals.0 += 1;
                    self.traffic.renewals.1 += (request.len() + size) as u64;
                }
                self.send_response(at, from, from_run, Input::Response { peer, bytes });
            }
            Err(error) => {
                if is_honest {
                    self.violate(format!("node {at} refuses node {from}'s request: {error}"));
                }
                self.send_response(at, from, from_run, Input::RequestFailed { peer });
            }
        }
    }

    /// Sends an answer to the run that asked; a lost one is a failed request.
    pub(crate) fn send_response(&mut self, at: usize, to: usize, run: u32, input: Input) {
        let peer = self.nodes[at].peer;
        let fate = self.network.send(self.ms, at, to, &mut self.tally);
        let (wait_ms, input) = match fate.first {
            Some(wait_ms) => (wait_ms, input),
            None => (self.failure_ms(), Input::RequestFailed { peer }),
        };
        self.queue.push(self.ms + wait_ms, Happening::Arrive { node: to, run, input });
    }

    /// How long it takes until a request that got lost is known to have failed.
    fn failure_ms(&mut self) -> u64 {
        match self.dice.chance(500) {
            true => REQUEST_TIMEOUT_MS,
            false => self.dice.between(10, 1_000),
        }
    }

    /// Lets a message travel. Says whether it will arrive.
    pub(crate) fn send(&mut self, from: usize, to: usize, input: &Input) -> bool {
        let fate = self.network.send(self.ms, from, to, &mut self.tally);
        let run = self.nodes[to].run;
        for wait_ms in [fate.first, fate.second].into_iter().flatten() {
            let input = input.clone();
            self.queue.push(self.ms + wait_ms, Happening::Arrive { node: to, run, input });
        }
        fate.first.is_some()
    }

    // Outputs.

    /// Carries out all that a node wants done, and plans when it is looked at again.
    pub(crate) fn settle(&mut self, at: usize) {
        for round in 0.. {
            if round == ROUNDS_MAX {
                return self.violate(format!("node {at} does not come to rest"));
            }
            let failed = self.drain(at);
            let has_synced = self.work_disk(at);
            let now = self.now(at);
            let Some(tracker) = self.nodes[at].tracker.as_mut() else { return };
            for peer in &failed {
                tracker.handle_request_failed(now, peer);
            }
            if failed.is_empty() && !has_synced {
                break;
            }
        }
        crate::check::settled(self, at);
        self.plan_wake(at);
    }

    /// Drains the outputs in the stated order; says which requests could not be sent.
    fn drain(&mut self, at: usize) -> Vec<PeerId> {
        let now = self.now(at);
        let Some(mut tracker) = self.nodes[at].tracker.take() else { return Vec::new() };
        let mut to_sign = [0; MAX_SIGNING];
        while let Some(request) = tracker.poll_signature(&mut to_sign) {
            self.ask_signer(at, request.version, &to_sign[..request.len]);
        }
        let mut frame = [0; MAX_FRAME];
        while let Some(written) = tracker.poll_journal(&mut frame) {
            let sheet = self.library.sheet(&frame[..written.len]);
            crate::check::written(self, at, &sheet);
            self.nodes[at].disk.append(sheet, written.position, written.must_sync);
        }
        let mut gossip = [0; MAX_GOSSIP];
        while let Some(size) = tracker.poll_publication(&mut gossip) {
            let message = self.new_message(&gossip[..size], self.nodes[at].role == Role::Honest);
            self.nodes[at].see(message);
            self.pass_on(at, message, None);
        }
        let mut failed = Vec::new();
        let mut request = [0; MAX_REQUEST];
        while let Some(sent) = tracker.poll_request(now, &mut request) {
            if !self.send_request(at, &sent.to, &request[..sent.len]) {
                failed.push(sent.to);
            }
        }
        while let Some(event) = tracker.poll_event(now) {
            if event == Event::CompactionDue {
                self.nodes[at].disk.compact();
            }
            self.tally.nodes_forgotten += u64::from(matches!(event, Event::Forgotten { .. }));
            crate::check::told(self, at, &tracker, &event);
        }
        self.nodes[at].tracker = Some(tracker);
        failed
    }

    /// Lets whoever has the keys of a node sign, in its time.
    fn ask_signer(&mut self, at: usize, version: Version, bytes: &[u8]) {
        let dice = &mut self.signer_dice;
        let wait_ms = if dice.chance(100) { dice.between(500, 5_000) } else { dice.between(1, 50) };
        let (fails, is_right) = (dice.chance(50), !dice.chance(50));
        let what = if is_right { bytes } else { b"something else" };
        let signature = (!fails).then(|| self.nodes[at].keys.really_sign(what).as_slice().into());
        let input = Input::Signature { version, signature, is_right };
        let run = self.nodes[at].run;
        self.queue.push(self.ms + wait_ms, Happening::Arrive { node: at, run, input });
    }

    fn send_request(&mut self, at: usize, to: &PeerId, bytes: &[u8]) -> bool {
        let Some(machine) = self.machine_behind(at, to) else { return false };
        self.trace.bytes(bytes);
        self.traffic.requests.0 += 1;
        self.traffic.requests.1 += bytes.len() as u64;
        let from_run = self.nodes[at].run;
        let request = Input::Request { from: at, from_run, bytes: bytes.into() };
        if !self.send(at, machine, &request) {
            let wait_ms = self.failure_ms();
            let input = Input::RequestFailed { peer: *to };
            self.queue
                .push(self.ms + wait_ms, Happening::Arrive { node: at, run: from_run, input });
        }
        true
    }

    /// Lets the disk work; says whether more is durable than the tracker knew.
    fn work_disk(&mut self, at: usize) -> bool {
        loop {
            let node = &mut self.nodes[at];
            let Some(tracker) = node.tracker.as_mut() else { return false };
            match node.disk.work(self.ms) {
                Want::Snapshot => {
                    let mut bytes = Vec::new();
                    if tracker.snapshot(&mut bytes).expect("memory takes all") > 0 {
                        let sheets = self.library.sheets(&bytes);
                        node.disk.replace(self.ms, sheets);
                        continue;
                    }
                    self.tally.snapshots_put_off += 1;
                    let again_ms = self.ms + SNAPSHOT_AGAIN_MS;
                    node.disk_ms = again_ms;
                    self.queue.push(again_ms, Happening::Disk { node: at });
                }
                Want::Wait(until_ms) if node.disk_ms != until_ms => {
                    node.disk_ms = until_ms;
                    self.queue.push(until_ms, Happening::Disk { node: at });
                }
                Want::Wait(_) | Want::Nothing => {}
            }
            let synced = node.disk.synced();
            let has_synced = synced > node.synced;
            if has_synced {
                node.synced = synced;
                tracker.handle_journal_synced(synced);
            }
            return has_synced;
        }
    }

    fn plan_wake(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let Some(tracker) = &node.tracker else { return };
        let Some(deadline_ms) = tracker.poll_timeout() else { return };
        let wake_ms = node.at(deadline_ms).max(self.ms);
        if wake_ms != node.wake_ms {
            node.wake_ms = wake_ms;
            self.queue.push(wake_ms, Happening::Wake { node: at });
        }
    }
}

/// The network's name in every run.
pub(crate) fn network_name() -> rollbook_core::Network {
    "sim".parse().expect("it is a valid name")
}
