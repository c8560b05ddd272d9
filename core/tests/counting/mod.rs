//! An allocator that counts, and rolls of any size made without real keys.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(unsafe_code, reason = "an allocator is an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use rollbook_core::{
    Announcement, Authorities, Config, HeapTracker, Intent, Keypair, Now, PeerId, Presence,
    PresenceState, PublicKey, Session, Signature, Signed, Signer, Standing, Version,
    journal::Frame,
    statement::{Decision, Fields, Register, RegisterId},
};

/// Counts, on the thread that asks, what is allocated and what is held.
pub(crate) struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).expect("no allocation is that large")
}

fn note(allocations: u64, held: i64) {
    // While a thread ends, its counters are gone and nobody asks for them.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + allocations));
    let _ = HELD.try_with(|bytes| bytes.set(bytes.get() + held));
}

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, signed(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(0, -signed(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, signed(size) - signed(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// How often this thread has allocated.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// The bytes that this thread holds on the heap.
pub(crate) fn bytes_held() -> i64 {
    HELD.get()
}

/// Signs with 64 bytes that mean nothing: what is known, older or recovered is not verified.
pub(crate) struct Unsigned(pub(crate) PeerId);

impl Signer for Unsigned {
    fn peer_id(&self) -> PeerId {
        self.0
    }

    fn sign(&self, _message: &[u8]) -> Signature {
        Signature::from_slice(&[7; 64]).expect("64 bytes fit")
    }
}

/// The peer id of node `number`, whose key nobody has.
pub(crate) fn peer(number: u32) -> PeerId {
    let mut key = [9; 32];
    key[..4].copy_from_slice(&number.to_le_bytes());
    PublicKey::Ed25519(key).peer_id()
}

/// The keys of authority `number`.
pub(crate) fn authority(number: u8) -> Keypair {
    Keypair::ed25519([number; 32])
}

pub(crate) fn now() -> Now {
    Now { mono_ms: 1_000, unix_s: 1_790_000_000 }
}

/// A member's tracker with room for `capacity` nodes, of a network with two authorities.
pub(crate) fn tracker(capacity: u32) -> Box<HeapTracker> {
    let authorities = [1, 2].map(|number| authority(number).peer_id());
    let authorities = Authorities::new(&authorities).expect("distinct");
    let mut config = Config::new("main".parse().expect("valid"), authorities);
    config.capacity = capacity;
    let mut tracker = Box::new(HeapTracker::new());
    tracker.init(config, Keypair::ed25519([3; 32]), [3; 32]).expect("a valid configuration");
    tracker
}

fn statement<'a, T: Fields<'a>>(writer: PeerId, about: &PeerId, seq: u32, fields: &T) -> Vec<u8> {
    let network = "main".parse().expect("valid");
    let version = Version { epoch: 1_789_000_000, seq };
    Signed::sign(&network, &Unsigned(writer), about, version, fields).expect("bounded").to_vec()
}

/// All that two authorities and the node itself say of a node that moved from one to the other: a
/// decision, a presence by each, and an announcement with two addresses.
pub(crate) fn statements(number: u32, seq: u32) -> [Vec<u8>; 4] {
    let subject = peer(number);
    let [home, other] = [1, 2].map(|number| authority(number).peer_id());
    let session = Session(number.to_le_bytes());
    let addresses: [&[u8]; 2] =
        [&[4, 192, 0, 2, 7, 6, 0x1d, 0xe7], &[4, 192, 0, 2, 7, 0x91, 2, 0x1d, 0xe7, 0xcd, 3]];
    let announcement = Announcement {
        session,
        home: home.hint(),
        intent: Intent::UP,
        issued_at: now().unix_s,
        addresses: heapless::Vec::from_slice(&addresses).expect("few"),
        agent: "rollbook/0.1.0",
        capabilities: heapless::Vec::from_slice(&["voter", "worker"]).expect("few"),
        extra: &[],
    };
    let mut decision = Decision { issued_at: now().unix_s, ..Decision::default() };
    assert!(decision.set(Register {
        id: RegisterId::STANDING,
        value: Standing::ADMITTED.0,
        stamp: 1
    }));
    let moved = Presence {
        session,
        state: PresenceState::MOVED,
        rests_on: Version { epoch: 1_789_000_000, seq: 1 },
        first_joined: now().unix_s - 100_000,
        joined: now().unix_s - 50_000,
        left: now().unix_s - 1_000,
        uptime: 90_000,
        issued_at: now().unix_s - 1_000,
        ..Presence::default()
    };
    let online = Presence {
        state: PresenceState::ONLINE,
        first_joined: now().unix_s - 1_000,
        joined: now().unix_s - 1_000,
        left: 0,
        uptime: 0,
        ..moved.clone()
    };
    [
        statement(home, &subject, 4 * number + seq, &decision),
        statement(home, &subject, 4 * number + 1 + seq, &online),
        statement(other, &subject, 4 * number + seq, &moved),
        statement(subject, &subject, seq, &announcement),
    ]
}

/// A started tracker that has `count` nodes in its journal.
pub(crate) fn with_nodes(count: u32) -> Box<HeapTracker> {
    let mut tracker = tracker(count);
    for number in 0..count {
        for statement in statements(number, 2) {
            tracker.recover(&Frame::Statement(&statement)).expect("there is room");
        }
    }
    tracker.start(now());
    tracker
}
