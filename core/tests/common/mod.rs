//! A cluster of trackers in virtual time. Messages arrive at once and in order; what goes wrong is
//! what a test makes go wrong.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test program uses a part of it")]

mod making;
mod picture;
mod signers;

use std::collections::BTreeSet;

pub(crate) use making::{gossip, handing_over, signed};
use rollbook_core::{
    AnnouncementFields, Authorities, Config, Event, Keypair, MAX_FRAME, MAX_GOSSIP, MAX_REQUEST,
    MAX_RESPONSE, MAX_SIGNING, NodeEventTracker, NodeView, Now, PeerId, Root, Signature, Signer,
    Standing, Verdict, Version,
    journal::{self, Frame, JOURNAL_FORMAT, Next, Reader},
    message::{self, Response, SyncResponse},
    storage::Storage,
};
pub(crate) use signers::Keys;
use signers::assert_signed;

/// The sync interval of every cluster.
pub(crate) const INTERVAL_MS: u64 = 10_000;
/// The address that every node announces.
const ADDRESS: [u8; 8] = [4, 10, 0, 0, 1, 6, 0x1d, 0xe7];

/// The keys and peer id of the test node number `seed`.
pub(crate) fn keys(seed: u8) -> (Keypair, PeerId) {
    let keys = Keypair::ed25519([seed; 32]);
    let peer_id = keys.peer_id();
    (keys, peer_id)
}

/// The time `ms` after the start.
pub(crate) fn at(ms: u64) -> Now {
    Now { mono_ms: 1_000 + ms, unix_s: 1_790_000_000 + ms / 1000 }
}

/// Runs every test over both kinds of storage.
macro_rules! over_both_storages {
    ($($name:ident,)+) => {
        #[cfg(feature = "alloc")]
        mod on_heap {
            $(#[test] fn $name() { super::$name::<rollbook_core::Heap>(); })+
        }
        mod inline {
            $(#[test] fn $name() {
                super::common::on_a_large_stack(
                    super::$name::<rollbook_core::Inline<16, 2048, 8, 32>>,
                );
            })+
        }
    };
}
pub(crate) use over_both_storages;

/// Inline storage lives where the tracker does: on a stack that is large enough here.
pub(crate) fn on_a_large_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(test);
    if let Err(panic) = thread.expect("a thread starts").join() {
        std::panic::resume_unwind(panic);
    }
}

type Tracker<S, K = Keypair> = NodeEventTracker<S, K>;

/// The journal of an identity that was just made.
pub(crate) fn header(config: &Config, peer_id: &PeerId) -> Vec<u8> {
    let mut journal = Vec::new();
    let network = config.network.as_str();
    let frame = Frame::Header { format: JOURNAL_FORMAT, peer_id: peer_id.as_bytes(), network };
    journal::write(&frame, &mut journal).expect("a vector takes all");
    journal
}

/// A tracker that is not started yet.
pub(crate) fn tracker<S: Storage>(
    config: &Config,
    keys: &Keypair,
    seed: [u8; 32],
) -> Box<Tracker<S>> {
    tracker_with(config, keys, seed)
}

fn tracker_with<S: Storage, K: Keys>(
    config: &Config,
    keys: &K,
    seed: [u8; 32],
) -> Box<Tracker<S, K>> {
    let mut tracker = Box::new(Tracker::new());
    tracker.init(config.clone(), keys.clone(), seed).expect("a valid configuration");
    tracker
}

/// Takes back what an identity that was just made has in its journal.
pub(crate) fn recover_header<S: Storage>(tracker: &mut Tracker<S>, config: &Config) {
    let peer_id = *tracker.peer_id();
    let network = config.network.as_str();
    let frame = Frame::Header { format: JOURNAL_FORMAT, peer_id: peer_id.as_bytes(), network };
    tracker.recover(&frame).expect("own header");
}

struct Node<S: Storage, K> {
    keys: K,
    config: Config,
    tracker: Option<Box<Tracker<S, K>>>,
    journal: Vec<u8>,
    starts: u8,
    holds_syncs: bool,
    holds_signatures: bool,
    /// The last request for a signature, where they are held.
    to_sign: Option<(Version, Vec<u8>)>,
    position: u64,
    events: Vec<Event>,
    recovered_root: Root,
}

pub(crate) struct Cluster<S: Storage, K: Keys = Keypair> {
    config: Config,
    nodes: Vec<Node<S, K>>,
    connections: BTreeSet<(usize, usize)>,
    ms: u64,
    gossip: Vec<Vec<u8>>,
    loses_gossip: bool,
    loses_changes: bool,
    exchanges: Vec<Vec<u8>>,
    largest: (usize, usize),
}

impl<S: Storage> Cluster<S> {
    /// Authorities first, then members, all connected and started.
    pub(crate) fn new(authorities: usize, members: usize) -> Cluster<S> {
        Cluster::with(authorities, members, |_| ())
    }

    /// A larger one, in which everybody has been online for a while.
    pub(crate) fn started(authorities: usize, members: usize) -> Cluster<S> {
        let mut cluster = Cluster::with(authorities, members, |config| config.capacity = 64);
        cluster.run_until_converged();
        cluster.run(3 * INTERVAL_MS);
        cluster.forget_events();
        cluster
    }

    pub(crate) fn with(
        authorities: usize,
        members: usize,
        change: impl FnOnce(&mut Config),
    ) -> Cluster<S> {
        Cluster::with_keys(authorities, members, change)
    }
}

impl<S: Storage, K: Keys> Cluster<S, K> {
    /// As [`Cluster::with`], with keys of another kind.
    pub(crate) fn with_keys(
        authorities: usize,
        members: usize,
        change: impl FnOnce(&mut Config),
    ) -> Cluster<S, K> {
        let seeds = 1..=u8::try_from(authorities + members).expect("a small cluster");
        let listed: Vec<PeerId> =
            seeds.clone().take(authorities).map(|seed| keys(seed).1).collect();
        let authorities = Authorities::new(&listed).expect("distinct");
        let mut config = Config::new("test".parse().expect("valid"), authorities);
        config.interval_ms = INTERVAL_MS;
        config.capacity = 16;
        change(&mut config);
        let mut cluster = Cluster {
            config,
            nodes: Vec::new(),
            connections: BTreeSet::new(),
            ms: 0,
            gossip: Vec::new(),
            loses_gossip: false,
            loses_changes: false,
            exchanges: Vec::new(),
            largest: (0, 0),
        };
        for seed in seeds {
            cluster.add(K::of(keys(seed).0));
        }
        cluster.connect_all();
        cluster
    }

    fn add(&mut self, keys: K) -> usize {
        self.nodes.push(Node {
            keys,
            config: self.config.clone(),
            tracker: None,
            journal: Vec::new(),
            starts: 0,
            holds_syncs: false,
            holds_signatures: false,
            to_sign: None,
            position: 0,
            events: Vec::new(),
            recovered_root: Root::default(),
        });
        let node = self.nodes.len() - 1;
        self.start(node);
        node
    }

    /// A second machine with the key of `node` and an empty disk.
    pub(crate) fn add_clone_of(&mut self, node: usize) -> usize {
        let clone = self.add(self.nodes[node].keys.clone());
        // Both are connected to everyone, as far as a peer id tells.
        self.connect_all();
        self.settle();
        clone
    }

    fn start(&mut self, node: usize) {
        let now = self.now();
        let place = &mut self.nodes[node];
        place.starts += 1;
        let mut seed = [place.starts; 32];
        seed[0] = u8::try_from(node).expect("a small cluster");
        if place.starts == 1 {
            place.journal = header(&place.config, &place.keys.peer_id());
        }
        let mut tracker = tracker_with(&place.config, &place.keys, seed);
        let mut reader = Reader::new(&place.journal[..]);
        loop {
            match reader.next_frame().expect("a slice does not fail") {
                Next::Frame(frame) => tracker.recover(&frame).expect("own journal"),
                Next::End => break,
                damaged => panic!("an undamaged journal reads as {damaged:?}"),
            }
        }
        place.recovered_root = tracker.root();
        tracker.start(now);
        let fields = AnnouncementFields {
            addresses: &[&ADDRESS],
            agent: "test/1",
            capabilities: &["worker"],
            extra: &[],
        };
        tracker.announce(now, &fields).expect("bounded");
        place.tracker = Some(tracker);
        place.position = 0;
        place.to_sign = None;
    }

    pub(crate) fn now(&self) -> Now {
        at(self.ms)
    }

    /// How many nodes there are, those that do not run included.
    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn peer(&self, node: usize) -> PeerId {
        self.nodes[node].keys.peer_id()
    }

    pub(crate) fn tracker(&mut self, node: usize) -> &mut Tracker<S, K> {
        self.nodes[node].tracker.as_mut().expect("the node runs")
    }

    /// The root of the roll that `node` read from its journal at its last start.
    pub(crate) fn recovered_root(&self, node: usize) -> Root {
        self.nodes[node].recovered_root
    }

    pub(crate) fn view(&self, node: usize, of: usize) -> Option<NodeView<'_>> {
        self.view_of(node, &self.peer(of))
    }

    pub(crate) fn view_of(&self, node: usize, of: &PeerId) -> Option<NodeView<'_>> {
        self.nodes[node].tracker.as_ref().expect("the node runs").node(self.now(), of)
    }

    pub(crate) fn home(&mut self, node: usize) -> Option<PeerId> {
        let now = self.now();
        self.tracker(node).status(now).home
    }

    pub(crate) fn online(&self, node: usize) -> u32 {
        let tracker = self.nodes[node].tracker.as_ref().expect("the node runs");
        tracker.status(self.now()).online
    }

    pub(crate) fn saw(&self, node: usize, event: Event) -> bool {
        self.nodes[node].events.contains(&event)
    }

    /// Gives `node` another list of authorities while it runs, and when it starts again.
    pub(crate) fn set_authorities(&mut self, node: usize, acting: &[usize], retired: &[usize]) {
        let ids = |nodes: &[usize]| -> Vec<PeerId> {
            nodes.iter().map(|node| self.peer(*node)).collect()
        };
        let authorities = Authorities::with_retired(&ids(acting), &ids(retired)).expect("distinct");
        let (now, admission) = (self.now(), self.nodes[node].config.admission);
        self.nodes[node].config.authorities = authorities.clone();
        if let Some(tracker) = &mut self.nodes[node].tracker {
            tracker.set_authorities(now, authorities, admission).expect("it can be used");
        }
        self.settle();
    }

    pub(crate) fn times_seen(&self, node: usize, event: Event) -> usize {
        self.nodes[node].events.iter().filter(|seen| **seen == event).count()
    }

    pub(crate) fn forget_events(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.events.clear());
    }

    /// How often `node` told of an event that `is` one of those meant.
    pub(crate) fn told(&self, node: usize, is: impl Fn(&Event) -> bool) -> usize {
        self.nodes[node].events.iter().filter(|event| is(event)).count()
    }

    pub(crate) fn gossip_log(&self) -> &[Vec<u8>] {
        &self.gossip
    }

    /// Lets no gossip arrive from now on.
    pub(crate) fn lose_gossip(&mut self) {
        self.loses_gossip = true;
    }

    /// Lets no statements arrive that are read by cursor, from now on or not: the readers take them
    /// for read.
    pub(crate) fn lose_changes(&mut self, lose: bool) {
        self.loses_changes = lose;
    }

    /// All requests and responses so far.
    pub(crate) fn exchange_log(&self) -> &[Vec<u8>] {
        &self.exchanges
    }

    /// What `node` has on disk.
    pub(crate) fn journal(&self, node: usize) -> &[u8] {
        &self.nodes[node].journal
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn forget_sizes(&mut self) {
        self.largest = (0, 0);
    }

    /// The sizes of the largest request and the largest response.
    pub(crate) fn largest_exchange(&self) -> (usize, usize) {
        self.largest
    }

    /// Whether what `node` wrote is kept from becoming durable.
    pub(crate) fn hold_syncs(&mut self, node: usize, hold: bool) {
        let place = &mut self.nodes[node];
        place.holds_syncs = hold;
        if !hold {
            let position = place.position;
            self.tracker(node).handle_journal_synced(position);
        }
    }

    /// As [`Cluster::hold_syncs`] for a node that does not run.
    pub(crate) fn hold_syncs_of_stopped(&mut self, node: usize, hold: bool) {
        self.nodes[node].holds_syncs = hold;
    }

    /// As [`Cluster::hold_syncs`] for a node that is about to start.
    pub(crate) fn hold_next_syncs(&mut self, node: usize) {
        self.nodes[node].holds_syncs = true;
    }

    /// Whether the signatures of `node` that are made elsewhere are late.
    pub(crate) fn hold_signatures(&mut self, node: usize, hold: bool) {
        self.nodes[node].holds_signatures = hold;
        if !hold && let Some((version, bytes)) = self.nodes[node].to_sign.take() {
            let (now, signature) = (self.now(), self.signature(node, &bytes));
            // It may not be wanted any more.
            let _ = self.tracker(node).handle_signature(now, version, &signature);
        }
    }

    /// As [`Cluster::hold_signatures`] for a node that is about to start.
    pub(crate) fn hold_next_signatures(&mut self, node: usize) {
        self.nodes[node].holds_signatures = true;
    }

    /// What `node` asked to be signed, where signatures are held.
    pub(crate) fn to_sign(&self, node: usize) -> Option<(Version, Vec<u8>)> {
        self.nodes[node].to_sign.clone()
    }

    /// The signature of `node`.
    pub(crate) fn signature(&self, node: usize, message: &[u8]) -> Signature {
        self.nodes[node].keys.sign_elsewhere(message)
    }

    /// Lets `node` do nothing more, connected as it is.
    pub(crate) fn freeze(&mut self, node: usize) {
        self.nodes[node].tracker = None;
    }

    /// Kills `node`: nobody is told but by the connections that end.
    pub(crate) fn stop(&mut self, node: usize) {
        for other in 0..self.nodes.len() {
            self.disconnect(node, other);
        }
        self.nodes[node].tracker = None;
    }

    pub(crate) fn restart(&mut self, node: usize) {
        self.start(node);
        self.connect_all();
        self.settle();
    }

    /// Starts `node` anew, with nothing on its disk and another configuration.
    pub(crate) fn reconfigure(&mut self, node: usize, change: impl FnOnce(&mut Config)) {
        self.stop(node);
        self.lose_disk(node);
        let place = &mut self.nodes[node];
        change(&mut place.config);
        place.journal = header(&place.config, &place.keys.peer_id());
        self.restart(node);
    }

    /// Starts `node` anew with its disk, and with another list of authorities.
    pub(crate) fn restart_with(&mut self, node: usize, authorities: &Authorities) {
        self.stop(node);
        self.nodes[node].config.authorities = authorities.clone();
        self.restart(node);
    }

    /// Empties the disk of `node`, its key aside.
    pub(crate) fn lose_disk(&mut self, node: usize) {
        self.nodes[node].journal.clear();
    }

    /// Puts another journal in place of that of `node`.
    pub(crate) fn set_journal(&mut self, node: usize, journal: &[u8]) {
        self.nodes[node].journal = journal.to_vec();
    }

    /// Starts `node` connected to nobody.
    pub(crate) fn restart_alone(&mut self, node: usize) {
        self.start(node);
        self.settle();
    }

    /// Runs until every running node says that `node` is banned.
    pub(crate) fn run_until_banned_everywhere(&mut self, node: usize) {
        for _ in 0..20 {
            self.run(INTERVAL_MS);
            let running = |other: &usize| self.nodes[*other].tracker.is_some() && *other != node;
            let mut others = (0..self.nodes.len()).filter(running);
            if others.all(|other| {
                self.view(other, node).is_some_and(|view| view.standing == Standing::BANNED)
            }) {
                return;
            }
        }
        panic!("not banned everywhere after 20 intervals");
    }

    /// Puts a node with another key and an empty disk in the place of `node`, connected to all.
    pub(crate) fn replace(&mut self, node: usize, keys: Keypair) {
        self.stop(node);
        let place = &mut self.nodes[node];
        place.starts = 0;
        place.keys = K::of(keys);
        place.events.clear();
        self.restart(node);
    }

    /// Hands `message` to `node` as gossip that `from` passed on.
    pub(crate) fn gossip_to(&mut self, node: usize, from: usize, message: &[u8]) -> Verdict {
        let (now, from) = (self.now(), self.peer(from));
        let verdict = self.tracker(node).handle_gossip(now, &from, message);
        self.settle();
        verdict
    }

    pub(crate) fn crash_and_restart(&mut self, node: usize) {
        self.stop(node);
        self.restart(node);
    }

    pub(crate) fn disconnect(&mut self, one: usize, other: usize) {
        if self.connections.remove(&(one.min(other), one.max(other))) {
            let now = self.now();
            for (node, of) in [(one, other), (other, one)] {
                let peer = self.peer(of);
                if let Some(tracker) = &mut self.nodes[node].tracker {
                    tracker.handle_disconnected(now, &peer);
                }
            }
        }
    }

    /// Connects every pair of running nodes that is not connected.
    pub(crate) fn connect_all(&mut self) {
        let now = self.now();
        for one in 0..self.nodes.len() {
            for other in one + 1..self.nodes.len() {
                let both_run =
                    self.nodes[one].tracker.is_some() && self.nodes[other].tracker.is_some();
                if both_run && self.connections.insert((one, other)) {
                    for (node, of) in [(one, other), (other, one)] {
                        let peer = self.peer(of);
                        self.tracker(node).handle_connected(now, &peer);
                    }
                }
            }
        }
    }

    /// Lets `ms` pass.
    pub(crate) fn run(&mut self, ms: u64) {
        let end = self.ms + ms;
        loop {
            self.settle();
            self.assert_nothing_overdue();
            let deadlines =
                self.nodes.iter().filter_map(|node| node.tracker.as_ref()?.poll_timeout());
            let next =
                deadlines.min().map_or(end, |deadline| deadline.saturating_sub(at(0).mono_ms));
            if next >= end {
                self.ms = end;
                self.settle();
                return;
            }
            self.ms = next;
            let now = self.now();
            for node in &mut self.nodes {
                if let Some(tracker) = &mut node.tracker {
                    tracker.handle_timeout(now);
                }
            }
        }
    }

    /// A deadline that is not after the time it was handled at would be handled again and again.
    fn assert_nothing_overdue(&mut self) {
        let now = self.now();
        for tracker in self.nodes.iter_mut().filter_map(|node| node.tracker.as_mut()) {
            tracker.handle_timeout(now);
        }
        self.settle();
        for (number, node) in self.nodes.iter().enumerate() {
            let deadline = node.tracker.as_ref().and_then(|tracker| tracker.poll_timeout());
            let is_over = deadline.is_some_and(|deadline| deadline <= now.mono_ms);
            assert!(!is_over, "node {number} is due at {deadline:?}, at {}", now.mono_ms);
        }
    }

    /// Runs until all running nodes hold the same roll and see each other online.
    pub(crate) fn run_until_converged(&mut self) {
        for _ in 0..20 {
            self.run(INTERVAL_MS);
            let running: Vec<&Tracker<S, K>> =
                self.nodes.iter().filter_map(|node| node.tracker.as_deref()).collect();
            let root = running[0].root();
            let now = self.now();
            let count = running.len();
            if running.iter().all(|tracker| {
                tracker.root() == root && usize::try_from(tracker.status(now).online) == Ok(count)
            }) {
                return;
            }
        }
        let now = self.now();
        let states: Vec<String> = self
            .nodes
            .iter()
            .filter_map(|node| node.tracker.as_deref())
            .map(|tracker| format!("{:?}\n{:?}", tracker.status(now), tracker.counters()))
            .collect();
        panic!("not converged after 20 intervals:\n{}", states.join("\n"));
    }

    /// Drains all outputs until there are none.
    pub(crate) fn settle(&mut self) {
        while (0..self.nodes.len()).map(|node| self.drain(node)).fold(false, |a, b| a | b) {}
    }

    /// Drains the outputs of `node` in the stated order. Says whether there were any.
    fn drain(&mut self, node: usize) -> bool {
        let now = self.now();
        let place = &mut self.nodes[node];
        let Some(tracker) = &mut place.tracker else { return false };
        let mut drained = false;
        let mut to_sign = [0; MAX_SIGNING];
        while let Some(request) = tracker.poll_signature(&mut to_sign) {
            drained = true;
            let bytes = &to_sign[..request.len];
            place.to_sign = None;
            if place.holds_signatures {
                place.to_sign = Some((request.version, bytes.to_vec()));
            } else {
                let signature = place.keys.sign_elsewhere(bytes);
                let signed = tracker.handle_signature(now, request.version, &signature);
                signed.expect("it is the right one");
            }
        }
        let mut frame = [0; MAX_FRAME];
        while let Some(written) = tracker.poll_journal(&mut frame) {
            place.journal.extend_from_slice(&frame[..written.len]);
            place.position = written.position;
            drained = true;
        }
        if !place.holds_syncs {
            tracker.handle_journal_synced(place.position);
        }
        while let Some(event) = tracker.poll_event(now) {
            place.events.push(event);
            drained = true;
        }
        let mut message = [0; MAX_GOSSIP];
        let mut messages = Vec::new();
        while let Some(size) = tracker.poll_publication(&mut message) {
            assert_signed(&message[..size]);
            messages.push(message[..size].to_vec());
        }
        let mut request = [0; MAX_REQUEST];
        let mut requests = Vec::new();
        while let Some(sent) = tracker.poll_request(now, &mut request) {
            assert_signed(&request[..sent.len]);
            requests.push((sent.to, request[..sent.len].to_vec()));
        }
        drained |= !messages.is_empty() || !requests.is_empty();
        for message in messages {
            self.gossip.push(message.clone());
            if !self.loses_gossip {
                self.flood(node, &message, &mut BTreeSet::from([node]));
            }
        }
        for (to, request) in requests {
            self.exchange(node, &to, &request);
        }
        drained
    }

    /// Passes a message on along connections, as far as it is accepted.
    fn flood(&mut self, from: usize, message: &[u8], reached: &mut BTreeSet<usize>) {
        let (now, passed_on_by) = (self.now(), self.peer(from));
        for to in 0..self.nodes.len() {
            let connected = self.connections.contains(&(from.min(to), from.max(to)));
            let is_frozen = self.nodes[to].tracker.is_none();
            if !connected || is_frozen || !reached.insert(to) {
                continue;
            }
            let verdict = self.tracker(to).handle_gossip(now, &passed_on_by, message);
            assert_ne!(verdict, Verdict::Reject, "honest gossip is never rejected");
            if verdict == Verdict::Accept {
                self.flood(to, message, reached);
            }
        }
    }

    fn exchange(&mut self, from: usize, to: &PeerId, request: &[u8]) {
        let now = self.now();
        let asking = self.peer(from);
        let answering = (0..self.nodes.len()).find(|node| {
            self.peer(*node) == *to
                && self.connections.contains(&(from.min(*node), from.max(*node)))
        });
        let Some(answering) = answering else {
            return self.tracker(from).handle_request_failed(now, to);
        };
        if self.nodes[answering].tracker.is_none() {
            return;
        }
        let mut response = vec![0; MAX_RESPONSE];
        let size = self
            .tracker(answering)
            .handle_request(now, &asking, request, &mut response)
            .expect("an honest request is answered");
        self.largest = (self.largest.0.max(request.len()), self.largest.1.max(size));
        self.exchanges.push(request.to_vec());
        response.truncate(size);
        assert_signed(&response);
        if self.loses_changes {
            response = without_changes(response);
        }
        self.exchanges.push(response.clone());
        self.tracker(from)
            .handle_response(now, to, &response)
            .expect("an honest answer is understood");
    }
}

/// An answer without the statements that are read by cursor.
fn without_changes(response: Vec<u8>) -> Vec<u8> {
    match message::decode(&response, MAX_RESPONSE).expect("an answer is well formed") {
        Response::Sync(answer) => {
            let mut bytes = vec![0; MAX_RESPONSE];
            let answer = Response::Sync(SyncResponse { statements: &[], ..answer });
            let size = message::encode(&answer, &mut bytes).expect("it is smaller");
            bytes.truncate(size);
            bytes
        }
        Response::Walk(_) => response,
    }
}
