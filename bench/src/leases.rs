//! What it costs an authority to know who is here.

use rollbook_core::{
    Keypair, MAX_FRAME, MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, Now, PeerId, PresenceState, Root,
    Session, Signer, Version,
    limits::MESSAGE_SIZE_MAX,
    message::{
        self, Cursor, Flags, Hello, LeaseAnswer, Renew, Request, Response, SyncRequest,
        SyncResponse,
    },
};

use crate::{
    allocator,
    population::{self, NOW, Tracker, Trusting, announcement, authority, presence},
    table::{Table, number},
    timing::Stopwatch,
};

/// How many nodes renew their leases with one authority.
const LEASES: usize = 10_000;
/// The sync interval, in milliseconds.
const INTERVAL_MS: u64 = 10_000;
/// How often all renew while it is measured.
const ROUNDS: u64 = 3;
/// Of these, one goes on renewing while the others lapse: an authority that hears nobody at all
/// blames itself first.
const STAYS_OF: usize = 4;
/// Intervals until all that are silent are called left, at most.
const INTERVALS_MAX: u64 = 100;

pub(crate) fn report() -> String {
    let mut table = Table::new(&["what", "figure"]);
    let mut add = |what: &str, figure: String| table.row([what.to_owned(), figure]);
    let mut authority = Leasing::new(LEASES);
    let unconnected = authority.renew_all();
    add("renewals per second, nobody connected", per_second(LEASES, &unconnected));
    let before = allocator::held_bytes();
    let connected = authority.connect_all();
    let per_peer = (allocator::held_bytes() - before) / connected;
    let mut watch = Stopwatch::default();
    for _ in 0..ROUNDS {
        watch.add(&authority.renew_all());
    }
    let renewals = LEASES * usize::try_from(ROUNDS).expect("few");
    add("the same, as many peers connected as are kept", per_second(renewals, &watch));
    add("peers that are kept", number(connected as u64));
    let share = watch.total().as_secs_f64() * 1e3 / (ROUNDS * INTERVAL_MS) as f64;
    add("share of one core, all leases in 10 s", format!("{:.2} %", share * 100.0));
    let (lapsed, watch) = authority.lapse();
    add("leases that lapse at once", number(lapsed as u64));
    add("ms until all of them are signed and ready to be sent", {
        format!("{:.0}", watch.total().as_secs_f64() * 1e3)
    });
    add("bytes per lease", number(bytes_per_lease() as u64));
    add("bytes per connected peer", number(per_peer as u64));
    table.print(
        "Leases",
        "10,000 nodes at home with one authority, on one core and without the network: a renewal is \
         a request, its\nanswer, and all that a driver asks the tracker after each input. Each lapse is \
         signed. A connection of the\nruntime takes far more memory than what is told here of the \
         core: see the swarm's figures.",
    )
}

fn per_second(renewals: usize, watch: &Stopwatch) -> String {
    number(renewals as u128 * 1_000_000_000 / watch.total().as_nanos().max(1))
}

/// An authority with whom all others are at home.
struct Leasing {
    tracker: Tracker<Keypair>,
    peers: Vec<PeerId>,
    now: Now,
    /// How many nodes it holds, and the root of its roll, as it said last.
    held: (u32, Root),
    buffers: Buffers,
}

struct Buffers {
    request: Vec<u8>,
    response: Vec<u8>,
    gossip: Vec<u8>,
    frame: Vec<u8>,
}

impl Leasing {
    fn new(count: usize) -> Leasing {
        let peers = (0..count).map(population::peer).collect();
        let buffers = Buffers {
            request: vec![0; MAX_REQUEST],
            response: vec![0; MAX_RESPONSE],
            gossip: vec![0; MAX_GOSSIP],
            frame: vec![0; MAX_FRAME],
        };
        let tracker = with_state(count, PresenceState::ONLINE);
        assert!(tracker.authority().is_some_and(|authority| authority.lease_count() >= count));
        let held = (0, Root::default());
        let mut leasing = Leasing { tracker, peers, now: NOW, held, buffers };
        leasing.drain(&mut Stopwatch::default());
        leasing.renew(0, &mut Stopwatch::default());
        leasing
    }

    /// Connects all; says how many of them are kept.
    fn connect_all(&mut self) -> usize {
        for peer in &self.peers {
            self.tracker.handle_connected(self.now, peer);
        }
        let dropped = self.tracker.counters().peers_no_room;
        self.peers.len() - usize::try_from(dropped).expect("few")
    }

    /// Lets all renew, spread over one interval.
    fn renew_all(&mut self) -> Stopwatch {
        let mut watch = Stopwatch::default();
        let end_ms = self.now.mono_ms + INTERVAL_MS;
        let count = self.peers.len() as u64;
        for place in 0..self.peers.len() {
            let due_ms = end_ms - INTERVAL_MS + place as u64 * INTERVAL_MS / count;
            self.pass(due_ms);
            let size = self.renew(place, &mut watch);
            assert_eq!(size, 0, "equal rolls need no statements");
        }
        self.pass(end_ms);
        watch
    }

    fn pass(&mut self, mono_ms: u64) {
        let unix_s = NOW.unix_s + (mono_ms - NOW.mono_ms) / 1000;
        self.now = Now { mono_ms, unix_s };
    }

    /// One node's renewal: of who holds the same. Says how many bytes of statements it is answered.
    fn renew(&mut self, place: usize, watch: &mut Stopwatch) -> usize {
        let (count, root) = self.held;
        let hello = Hello {
            count,
            root,
            authorities: population::config(1).authorities.set_hash(),
            flags: Flags::RECONCILES,
            in_touch: 0,
            size_max: 16 * 1024,
        };
        let fields = SyncRequest {
            hello,
            cursor: Cursor::default(),
            renew: Some(Renew { session: Session([1, 2, 3, 4]) }),
            observations: None,
            statements: &[],
        };
        let Buffers { request, response, .. } = &mut self.buffers;
        let len = message::encode(&Request::Sync(fields), request).expect("it fits");
        let (tracker, now, peer) = (&mut self.tracker, self.now, &self.peers[place]);
        let size = watch
            .run(|| tracker.handle_request(now, peer, &request[..len], response))
            .expect("an honest request is answered");
        let answer = message::decode(&response[..size], MESSAGE_SIZE_MAX);
        let Ok(Response::Sync(SyncResponse { hello, lease, statements, .. })) = answer else {
            panic!("an answer of its kind");
        };
        assert_eq!(lease, LeaseAnswer::GRANTED);
        self.held = (hello.count, hello.root);
        let size = statements.len();
        self.drain(watch);
        size
    }

    /// What a driver does after each input.
    fn drain(&mut self, watch: &mut Stopwatch) {
        let Leasing { tracker, now, buffers, .. } = self;
        watch.run(|| {
            let mut position = None;
            while let Some(written) = tracker.poll_journal(&mut buffers.frame) {
                position = Some(written.position);
            }
            if let Some(position) = position {
                tracker.handle_journal_synced(position);
            }
            while tracker.poll_publication(&mut buffers.gossip).is_some() {}
            while tracker.poll_request(*now, &mut buffers.request).is_some() {}
            while tracker.poll_event(*now).is_some() {}
            std::hint::black_box(tracker.poll_timeout());
        });
    }

    /// Lets most leases lapse; says how many, and how long the authority took over it.
    fn lapse(mut self) -> (usize, Stopwatch) {
        let mut watch = Stopwatch::default();
        let silent = self.peers.len() - self.peers.len() / STAYS_OF;
        let before = self.tracker.counters().leases_lapsed;
        for _ in 0..INTERVALS_MAX {
            for place in (0..self.peers.len()).step_by(STAYS_OF) {
                // Their renewals are counted above.
                self.renew(place, &mut Stopwatch::default());
            }
            self.pass(self.now.mono_ms + INTERVAL_MS);
            watch.run(|| self.tracker.handle_timeout(self.now));
            self.drain(&mut watch);
            let lapsed = self.tracker.counters().leases_lapsed - before;
            if usize::try_from(lapsed) == Ok(silent) {
                return (silent, watch);
            }
        }
        panic!("silent nodes are not called left: {:?}", self.tracker.counters());
    }
}

/// An authority's tracker that holds `count` nodes, all in one state.
fn with_state(count: usize, state: PresenceState) -> Tracker<Keypair> {
    let keys = authority(0);
    let trusting = Trusting(keys.peer_id());
    let home = trusting.0.hint();
    let version = |seq| Version { epoch: 1_790_000_000, seq };
    let statements = (0..count).flat_map(|number| {
        let node = Trusting(population::peer(number));
        let seq = u32::try_from(number + 1).expect("few");
        [presence(&trusting, &node.0, state, version(seq)), announcement(&node, home, version(1))]
    });
    population::member(keys, 1, statements)
}

/// What holding everybody's lease takes more than holding none.
fn bytes_per_lease() -> usize {
    let held = |state| {
        let before = allocator::held_bytes();
        let tracker = with_state(LEASES, state);
        let held = allocator::held_bytes() - before;
        drop(tracker);
        held
    };
    (held(PresenceState::ONLINE) - held(PresenceState::LEFT)) / LEASES
}
