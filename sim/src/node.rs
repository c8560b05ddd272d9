//! A simulated machine: a tracker, or a hostile program, with its disk, its clocks and its links.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use rollbook_core::{AnnouncementFields, Now, PeerId, Root, Version};

use crate::{adapter::Tracker, disk::Disk, notary::Keys};

/// What the wall clock shows at the start of every run.
const START_UNIX_S: u64 = 1_790_000_000;

/// Something that happens to a node.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Gossip {
        from: usize,
        message: u32,
    },
    Request {
        from: usize,
        from_run: u32,
        bytes: Rc<[u8]>,
    },
    Response {
        peer: PeerId,
        bytes: Rc<[u8]>,
    },
    RequestFailed {
        peer: PeerId,
    },
    Connected {
        peer: PeerId,
    },
    Disconnected {
        peer: PeerId,
    },
    /// What came of a request for a signature, and whether it should be the right one.
    Signature {
        version: Version,
        signature: Option<Rc<[u8]>>,
        is_right: bool,
    },
    Timeout,
}

/// What runs on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Keeps to the protocol, as a member or an authority.
    Honest,
    /// Has the key of another node.
    Clone,
    /// Does what it likes.
    Hostile,
}

/// What a node says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) port: u8,
    pub(crate) agent: String,
    pub(crate) capability: String,
    pub(crate) extra: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) role: Role,
    pub(crate) keys: Keys,
    pub(crate) peer: PeerId,
    /// Its place among the lists of authorities that there are.
    pub(crate) list: usize,
    pub(crate) is_authority: bool,
    pub(crate) tracker: Option<Box<Tracker>>,
    pub(crate) disk: Disk,
    /// Counts its starts and ends: what belongs to an earlier run does not reach a later one.
    pub(crate) run: u32,
    pub(crate) said: Said,
    /// It leaves, or has left, by its own will.
    pub(crate) has_left: bool,
    /// A hostile program runs.
    pub(crate) is_up: bool,

    pub(crate) mono_origin_ms: u64,
    pub(crate) wall_offset_s: i64,

    /// Those that it has a connection with, and the connection's number.
    pub(crate) links: BTreeMap<usize, u64>,
    /// Those that it wants to be connected with.
    pub(crate) wanted: Vec<usize>,
    /// Of these: those that it passes gossip on to.
    pub(crate) mesh: Vec<usize>,
    /// Which gossip messages it has seen, a bit for each.
    seen: Vec<u64>,

    /// How long it takes over each input.
    pub(crate) slow_ms: u64,
    /// It does nothing before this time.
    pub(crate) busy_until_ms: u64,
    pub(crate) inbox: VecDeque<Input>,
    pub(crate) is_ready_planned: bool,

    /// When it is woken next, and when its disk is looked at next.
    pub(crate) wake_ms: u64,
    pub(crate) disk_ms: u64,
    pub(crate) synced: u64,
    /// Until when something is wrong with it.
    pub(crate) disturbed_ms: u64,
    /// The root of what it read at its last start.
    pub(crate) recovered_root: Root,
}

impl Node {
    pub(crate) fn new(role: Role, keys: Keys, peer: PeerId, list: usize) -> Node {
        Node {
            role,
            keys,
            peer,
            list,
            is_authority: false,
            tracker: None,
            disk: Disk::with(Vec::new()),
            run: 0,
            said: Said::default(),
            has_left: false,
            is_up: false,
            mono_origin_ms: 1_000,
            wall_offset_s: 0,
            links: BTreeMap::new(),
            wanted: Vec::new(),
            mesh: Vec::new(),
            seen: Vec::new(),
            slow_ms: 0,
            busy_until_ms: 0,
            inbox: VecDeque::new(),
            is_ready_planned: false,
            wake_ms: u64::MAX,
            disk_ms: u64::MAX,
            synced: 0,
            disturbed_ms: 0,
            recovered_root: Root::default(),
        }
    }

    /// What its clocks show at `ms` of the simulation.
    pub(crate) fn now(&self, ms: u64) -> Now {
        let unix_s = (START_UNIX_S + ms / 1_000).saturating_add_signed(self.wall_offset_s);
        Now { mono_ms: self.mono_origin_ms + ms, unix_s }
    }

    /// When its monotonic clock shows `mono_ms`.
    pub(crate) fn at(&self, mono_ms: u64) -> u64 {
        mono_ms.saturating_sub(self.mono_origin_ms)
    }

    /// Whether its machine is on, and what runs there answers the network.
    pub(crate) fn is_up(&self) -> bool {
        self.tracker.is_some() || self.is_up
    }

    /// Whether it keeps to the protocol and means to be here.
    pub(crate) fn is_living(&self) -> bool {
        self.role == Role::Honest && self.tracker.is_some() && !self.has_left
    }

    /// Notes a message; says whether it is new here.
    pub(crate) fn see(&mut self, message: u32) -> bool {
        let word = usize::try_from(message / 64).expect("small");
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let bit = 1 << (message % 64);
        let is_new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        is_new
    }

    pub(crate) fn has_seen(&self, message: u32) -> bool {
        let word = self.seen.get(usize::try_from(message / 64).expect("small"));
        word.is_some_and(|word| word & (1 << (message % 64)) != 0)
    }

    /// A later run remembers no gossip.
    pub(crate) fn forget_gossip(&mut self) {
        self.seen.clear();
    }
}

impl Said {
    /// Calls `f` with what it says in the tracker's form.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&AnnouncementFields<'_>) -> T) -> T {
        let address = [4, 10, 0, 0, self.port, 6, 0x1d, 0xe7];
        let capabilities = [self.capability.as_str()];
        f(&AnnouncementFields {
            addresses: &[&address],
            agent: &self.agent,
            capabilities: if self.capability.is_empty() { &[] } else { &capabilities },
            extra: &self.extra,
        })
    }
}
