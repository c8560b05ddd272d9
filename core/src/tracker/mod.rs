//! The state machine of one node: inputs in, outputs out, no I/O and no clock.
//!
//! Methods come in four groups: inputs (`handle_*`), commands, outputs (`poll_*`) and getters.
//! After every input and command the outputs are drained in this order: signature, journal,
//! publication, request, event. See the run loop in the crate's documentation.
//!
//! Invariants:
//! - nothing that depends on a frame leaves before that frame is durable;
//! - nothing leaves unsigned;
//! - every queue is bounded; what is dropped is counted;
//! - no input makes it panic.

mod commands;
mod home;
mod inputs;
mod outputs;
mod roll_out;
mod signing;
mod snapshot;
mod status;
mod sync;
mod walk;

use core::fmt;

use heapless::Deque;

pub use commands::{AnnounceError, AnnouncementFields, ObserveError};
pub use inputs::Verdict;
pub use outputs::{JournalFrame, OutgoingRequest};
pub use roll_out::RollOutError;
pub use signing::{SignatureError, SignatureRequest};
pub use snapshot::SnapshotPlace;
pub use status::{Role, Status};

use crate::{
    authorities::{Authorities, AuthoritiesError, InTouch},
    authority::{Admission, CentralAuthority},
    event::Event,
    journal::{Frame, JOURNAL_FORMAT},
    key::{PublicKey, Signer, Verifier, VerifyError},
    ledger::{Finding, Ledger},
    limits::{MESSAGE_SIZE_MAX, RESPONSE_SIZE_MAX},
    network::Network,
    observations::Observations,
    peer_id::{Hint, PeerId},
    peers::Peers,
    random::Random,
    roll::{ChangeReader, Reported},
    statement::{Session, Signed, StatementError},
    storage::{Full, Storage},
    time::Now,
};
use home::Home;
use signing::Signing;
use walk::Walking;

/// How many notices wait for the application.
const NOTICES_MAX: usize = 16;
/// How often in a row a node claims its identity back before it reports a duplicate.
const CLAIMS_MAX: u8 = 4;
/// How long a node keeps quiet after it reported a duplicate of itself.
const CLAIM_PAUSE_MS: u64 = 10 * 60 * 1000;
/// How many intervals a lease lasts.
const LEASE_INTERVALS: u64 = 3;
/// How many more pass until a lapsed lease becomes a statement.
const GRACE_INTERVALS: u64 = 1;
/// How often a random peer is asked whether its roll differs, in intervals.
const REPAIR_INTERVALS: u64 = 6;

/// For how many nodes another interval passes in between.
const NODES_PER_REPAIR_INTERVAL: usize = 4096;

/// How many runs of others are remembered of which was told that nothing is in common with them.
const RUNS_APART_MAX: usize = 8;

/// What a tracker is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network; part of every signature.
    pub network: Network,
    /// The authorities in the order in which a member tries them. A node that is among them is
    /// one.
    pub authorities: Authorities,
    /// How often a member asks its home for changes and renews its lease, in milliseconds.
    /// Shorter finds out sooner, longer costs less; a lease lasts three of them.
    pub interval_ms: u64,
    /// The most nodes that the roll holds. A member of a larger network becomes partial.
    pub capacity: u32,
    /// Who becomes a member, if this node is an authority.
    pub admission: Admission,
    /// Hold only this node, the authorities and what
    /// [`hold`](NodeEventTracker::hold) names, for a device with little room. Not for an authority.
    pub partial: bool,
    /// The size of journal, in bytes, below which no compaction is asked for.
    pub compaction_floor: u64,
    /// After how long an authority publishes what others counted about a node, in milliseconds,
    /// where nothing else is to be said of it. Shorter shows it sooner, longer costs less.
    pub tallies_interval_ms: u64,
    /// The largest message of synchronisation that is taken, in bytes, from 16 KiB to 1 MiB. The
    /// same memory serves to read and to answer; larger makes large differences cheaper.
    pub message_size_max: u32,
}

impl Config {
    /// The defaults: an interval of 10 s, 100,000 nodes, open admission, 256 KiB of journal,
    /// tallies every hour, messages of 16 KiB.
    pub fn new(network: Network, authorities: Authorities) -> Config {
        Config {
            network,
            authorities,
            interval_ms: 10_000,
            capacity: 100_000,
            admission: Admission::Open,
            partial: false,
            compaction_floor: 256 * 1024,
            tallies_interval_ms: 60 * 60 * 1000,
            message_size_max: 16 * 1024,
        }
    }
}

/// Why a tracker cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The interval is below 10 ms or above a day.
    Interval,
    /// The largest message is below 16 KiB or above 1 MiB.
    MessageSize,
    /// An authority is configured to be partial: others rely on it to hold every node.
    PartialAuthority,
    /// The list of authorities cannot be used.
    Authorities(AuthoritiesError),
    /// A key, the node's own or an authority's, cannot sign statements.
    Key(VerifyError),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Interval => f.write_str("the sync interval is not within 10 ms and a day"),
            ConfigError::MessageSize => {
                f.write_str("the largest message is not within 16 KiB and 1 MiB")
            }
            ConfigError::PartialAuthority => f.write_str("an authority cannot be partial"),
            ConfigError::Authorities(error) => error.fmt(f),
            ConfigError::Key(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ConfigError {}

/// Why a frame of a journal cannot be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoverError {
    /// The journal is of another format.
    Format,
    /// The journal is another node's.
    ForeignPeer,
    /// The journal is of another network.
    ForeignNetwork,
    /// The frame holds no statement that this version can read. It can be skipped.
    Statement(StatementError),
    /// The roll is full. The rest is lost to this replica until it is synchronised.
    Full,
    /// The journal holds what this node issued as an authority, and it is none of those configured
    /// now. To go on without it would lose what was acknowledged.
    NoLongerAuthority,
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecoverError::Format => "the journal is of a format that this version cannot read",
            RecoverError::ForeignPeer => "the journal belongs to another node",
            RecoverError::ForeignNetwork => "the journal belongs to another network",
            RecoverError::Statement(_) => "the journal holds a statement that cannot be read",
            RecoverError::Full => "the journal holds more nodes than the roll has room for",
            RecoverError::NoLongerAuthority => {
                "the journal holds what this node issued as an authority, and this node is not \
                 among the configured authorities"
            }
        })
    }
}

impl core::error::Error for RecoverError {}

/// The roll of one node, and what it does to keep it: takes in gossip, synchronises, renews its
/// lease, and as an authority issues decisions and presences.
#[derive(Debug)]
pub struct NodeEventTracker<S: Storage, K> {
    /// As configured.
    interval_ms: u64,
    /// As configured.
    compaction_floor: u64,
    /// As configured.
    message_size_max: u32,
    /// As configured.
    tallies_interval_ms: u64,
    ledger: Ledger<S, K>,
    /// Acts exactly if this node is among the authorities that act.
    authority: CentralAuthority<S>,
    peers: Peers<S>,
    walking: Walking<S>,
    observations: Observations<S>,
    home: Home,
    signing: Signing,
    random: Random,
    session: Session,
    /// Names this run to those who follow its changes.
    incarnation: [u8; 4],
    /// When each authority was last heard directly.
    heard: heapless::Vec<(Hint, u64), { crate::limits::AUTHORITIES_MAX }>,
    in_touch: InTouch,
    /// The runs of others, the last few of them, of which the application was told that there is
    /// nothing in common with them.
    runs_apart: heapless::Vec<[u8; 4], RUNS_APART_MAX>,
    /// When inputs were last handled, to notice that this node slept.
    last_ms: u64,
    /// When one of the peers is asked next whether its roll differs.
    next_repair_ms: u64,
    /// Whether the one that is asked then is the one longest not known to hold the same.
    repairs_oldest: bool,
    /// When this node, as its own home, renews next.
    next_own_renewal_ms: u64,
    /// When this authority last got back something that it had forgotten, or began to recover.
    remembered_ms: u64,
    /// The journal that was taken back says whose it is.
    has_header: bool,
    header_written: bool,
    /// It is written behind all that was given back, since it says that this is all there.
    header_last: bool,
    /// A part of the journal could not be read.
    is_damaged: bool,
    epoch_written: Option<u32>,
    alive_written: u64,
    journal: ChangeReader,
    /// The bytes of journal since the last snapshot was asked for, what was recovered included.
    journal_growth: u64,
    publications: ChangeReader,
    events: ChangeReader,
    notices: Deque<Event, NOTICES_MAX>,
    compaction_due: bool,
    /// Whether the application was told that this replica is partial.
    told_partial: bool,
    /// The home that the application was told of last.
    told_home: Option<PeerId>,
    /// How often this node claimed its identity back since `claims_since_ms`.
    claims: u8,
    claims_since_ms: u64,
    started: bool,
}

impl<S: Storage, K: Signer + Verifier> Default for NodeEventTracker<S, K> {
    fn default() -> Self {
        NodeEventTracker::new()
    }
}

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// A tracker without a node: a constant, all zero bytes, so that its tables begin in the memory
    /// where they stay. See [`NodeEventTracker::init`].
    pub const fn new() -> Self {
        NodeEventTracker {
            interval_ms: 0,
            compaction_floor: 0,
            message_size_max: 0,
            tallies_interval_ms: 0,
            ledger: Ledger::new(),
            authority: CentralAuthority::new(),
            peers: Peers::new(),
            walking: Walking::new(),
            observations: Observations::new(),
            home: Home::NONE,
            signing: Signing::NONE,
            random: Random::UNSEEDED,
            session: Session([0; 4]),
            incarnation: [0; 4],
            heard: heapless::Vec::new(),
            in_touch: InTouch::NONE,
            runs_apart: heapless::Vec::new(),
            last_ms: 0,
            next_repair_ms: 0,
            repairs_oldest: false,
            next_own_renewal_ms: 0,
            remembered_ms: 0,
            has_header: false,
            header_written: false,
            header_last: false,
            is_damaged: false,
            epoch_written: None,
            alive_written: 0,
            journal: ChangeReader::START,
            journal_growth: 0,
            publications: ChangeReader::START,
            events: ChangeReader::START,
            notices: Deque::new(),
            compaction_due: false,
            told_partial: false,
            told_home: None,
            claims: 0,
            claims_since_ms: 0,
            started: false,
        }
    }

    /// Says which node this is, once. `seed` must differ at every start and be known to nobody
    /// else: it names the session, and salts the hashes that differences are found by.
    pub fn init(&mut self, config: Config, keys: K, seed: [u8; 32]) -> Result<(), ConfigError> {
        assert!(!self.ledger.is_init(), "a tracker is initialised once");
        if !(10..=24 * 60 * 60 * 1000).contains(&config.interval_ms) {
            return Err(ConfigError::Interval);
        }
        let size_max = usize::try_from(config.message_size_max).unwrap_or(usize::MAX);
        if !(RESPONSE_SIZE_MAX..=MESSAGE_SIZE_MAX).contains(&size_max) {
            return Err(ConfigError::MessageSize);
        }
        let own = keys.peer_id();
        check_keys(config.authorities.iter().map(|(_, peer_id)| peer_id).chain([&own]))
            .map_err(ConfigError::Key)?;
        self.random = Random::new(&seed);
        self.walking.init(&seed);
        self.session.0.copy_from_slice(&self.random.number().to_le_bytes()[..4]);
        self.incarnation.copy_from_slice(&self.random.number().to_le_bytes()[..4]);
        self.interval_ms = config.interval_ms;
        self.compaction_floor = config.compaction_floor;
        self.message_size_max = config.message_size_max;
        self.tallies_interval_ms = config.tallies_interval_ms;
        if config.authorities.acts(&own) {
            if config.partial {
                return Err(ConfigError::PartialAuthority);
            }
            self.init_authority(config.admission);
        }
        self.told_partial = config.partial;
        self.ledger.init(config, keys);
        Ok(())
    }

    /// Lets this node act as an authority, in the times that are configured.
    fn init_authority(&mut self, admission: Admission) {
        let grace_ms = GRACE_INTERVALS * self.interval_ms;
        self.authority.init(admission, self.window_ms(), grace_ms);
        self.authority.counting.init(self.interval_ms, self.tallies_interval_ms);
    }

    /// Takes back a frame of this node's journal, before [`NodeEventTracker::start`]. Their order
    /// does not matter and repeating one changes nothing.
    pub fn recover(&mut self, frame: &Frame<'_>) -> Result<(), RecoverError> {
        assert!(self.ledger.is_init(), "a tracker is initialised before a journal is replayed");
        assert!(!self.started, "a journal is replayed before the start");
        match frame {
            Frame::Header { format, peer_id, network } => {
                if *format != JOURNAL_FORMAT {
                    return Err(RecoverError::Format);
                }
                if *peer_id != self.ledger.own().as_bytes() {
                    return Err(RecoverError::ForeignPeer);
                }
                // An identity is made before it is in a network.
                if !network.is_empty() && *network != self.ledger.network.as_str() {
                    return Err(RecoverError::ForeignNetwork);
                }
                self.has_header = true;
                self.header_written |= !network.is_empty();
            }
            Frame::Epoch(epoch) => self.ledger.note_epoch(*epoch),
            Frame::Statement(bytes) => {
                self.journal_growth += bytes.len() as u64;
                let statement = Signed::parse(bytes).map_err(RecoverError::Statement)?;
                if statement.is_unsigned() {
                    return Err(RecoverError::Statement(StatementError::Malformed));
                }
                let is_listed = self.ledger.authorities.contains_peer(self.ledger.own());
                if !is_listed && self.ledger.was_issued_here(&statement) {
                    return Err(RecoverError::NoLongerAuthority);
                }
                self.ledger.recover(&statement).map_err(|Full| RecoverError::Full)?;
            }
            Frame::Alive(unix_s) if self.authority.is_configured() => {
                self.authority.note_alive(*unix_s);
            }
            Frame::Alive(_) => {}
            Frame::Observed { observer, session, number, totals }
                if self.authority.is_configured() =>
            {
                let batch = (*session, *number);
                self.authority.counting.recover(&self.ledger, observer, batch, totals);
            }
            Frame::Observed { .. } => {}
        }
        Ok(())
    }

    /// Begins the run, after the journal was replayed: takes the next epoch, whose frame comes out
    /// of the journal first.
    pub fn start(&mut self, now: Now) {
        assert!(self.ledger.is_init(), "a tracker is initialised before it is started");
        assert!(!self.started, "a tracker is started once");
        self.ledger.normalise_all();
        let is_whole = self.has_whole_journal();
        // Where nothing is stored, or something was lost, the time stands in for the epochs that
        // may have been used.
        let floor = match self.ledger.epoch() {
            epoch if epoch > 0 && is_whole => 0,
            _ => u32::try_from(now.unix_s).unwrap_or(u32::MAX).min(u32::MAX / 2),
        };
        self.ledger.begin_epoch(floor);
        // What the journal holds is neither written nor reported nor published again.
        let head = self.ledger.roll.head();
        self.journal = ChangeReader::from(head, head);
        self.publications = ChangeReader::from(head, head);
        self.last_ms = now.mono_ms;
        self.next_repair_ms = now.mono_ms + self.random.jittered(self.repair_interval_ms());
        self.next_own_renewal_ms = now.mono_ms;
        if self.authority.is_configured() && !is_whole {
            self.authority.begin_recovery();
            self.remembered_ms = now.mono_ms;
            // Whatever becomes of the damage, a later start sees that this did not end.
            self.header_written = false;
            self.header_last = true;
            self.ledger.withhold();
            self.notify(Event::Recovering);
        }
        if let Some(authority) = self.authority.acting() {
            authority.resume(&self.ledger, now);
        }
        self.refresh_in_touch(now);
        self.note_reported(now);
        self.told_home = self.home_now();
        self.started = true;
    }

    /// Whether the journal that was taken back is all that this node ever wrote, as far as it tells.
    fn has_whole_journal(&self) -> bool {
        self.has_header && !self.is_damaged
    }

    /// Notes, before the start, that a part of this node's journal could not be read. An authority
    /// may have forgotten what it said then, as it has where the journal does not even begin with
    /// its [header](Frame::Header): it [recovers](Event::Recovering) first.
    pub fn note_damage(&mut self) {
        assert!(!self.started, "a journal is replayed before the start");
        self.is_damaged = true;
    }

    /// Ends the recovery of an authority whose operator vouches that it never said anything that
    /// it does not hold. It ends by itself once this roll equals that of another replica, which
    /// holds what this authority said; or once all was read of one that gave something of it back,
    /// and for 6 intervals nobody has given back anything more.
    pub fn end_recovery(&mut self, now: Now) {
        if !self.authority.is_recovering() {
            return;
        }
        self.authority.end_recovery();
        self.authority.resume(&self.ledger, now);
        self.ledger.speak();
        // What others gave back is theirs already.
        let head = self.ledger.roll.head();
        self.publications = ChangeReader::from(head, head);
        self.notify(Event::Recovered);
        self.announce_again(now);
    }

    /// Takes the recovered roll as known to the application: events tell what changes after.
    fn note_reported(&mut self, now: Now) {
        let mut reader = ChangeReader::START;
        while let Some((index, entry)) = reader.peek(&self.ledger.roll) {
            let context = self.view_context(now);
            let seen = outputs::reported(entry.node(), &context);
            let session = outputs::session_last_online(entry.node(), &context);
            reader.pass(index, entry);
            self.ledger.roll.entry_mut(index).reported = Reported { session, ..seen };
        }
        let head = self.ledger.roll.head();
        self.events = ChangeReader::from(head, head);
    }

    /// Longer in large networks, where more others look as well.
    fn repair_interval_ms(&self) -> u64 {
        let more = self.ledger.roll.count() / NODES_PER_REPAIR_INTERVAL;
        (REPAIR_INTERVALS + u64::try_from(more).unwrap_or(0)) * self.interval_ms
    }

    fn window_ms(&self) -> u64 {
        LEASE_INTERVALS * self.interval_ms
    }

    fn notify(&mut self, event: Event) {
        if self.notices.is_full() {
            self.notices.pop_front();
            self.ledger.counters.notices_lost += 1;
        }
        self.notices.push_back(event).expect("there is room for one more");
    }

    fn note_finding(&mut self, now: Now, finding: Finding) {
        match finding {
            Finding::Equivocation { writer, subject } => {
                self.notify(Event::Equivocation { writer, subject });
            }
            Finding::Claimed => self.claim_identity(now),
            // All of a message at once: see `take_statements`.
            Finding::Remembered => {}
        }
    }

    /// Somebody spoke in this node's name, an earlier life of its or a clone: speaks up in a later
    /// epoch, a few times at most.
    fn claim_identity(&mut self, now: Now) {
        if now.mono_ms.saturating_sub(self.claims_since_ms) >= CLAIM_PAUSE_MS {
            self.claims = 0;
            self.claims_since_ms = now.mono_ms;
        }
        self.claims = self.claims.saturating_add(1);
        match self.claims {
            0..=CLAIMS_MAX => self.announce_again(now),
            claims if claims == CLAIMS_MAX + 1 => self.notify(Event::DuplicateIdentity),
            _ => {}
        }
    }

    /// When a node that reported a duplicate of itself looks again whether it is what others see.
    fn claim_due_ms(&self) -> Option<u64> {
        (self.claims > CLAIMS_MAX).then(|| self.claims_since_ms.saturating_add(CLAIM_PAUSE_MS))
    }

    /// Speaks up again after the pause, where the roll still holds the other one's announcement:
    /// that one may be long gone, and then nobody would send its words again.
    fn claim_after_pause(&mut self, now: Now) {
        if self.claim_due_ms().is_none_or(|due_ms| now.mono_ms < due_ms) {
            return;
        }
        self.claims = 0;
        let held = self.ledger.roll.get(self.ledger.own()).and_then(|node| node.announcement());
        if held.is_some_and(|held| held.version() > self.ledger.announced()) {
            self.claim_identity(now);
        }
    }

    /// The authorities in touch: those heard directly within one lease window, and those that home
    /// says it heard.
    fn refresh_in_touch(&mut self, now: Now) {
        let mut in_touch: InTouch = self.directly_in_touch().collect();
        if self.home.heard_within(now, self.window_ms()) {
            let says = self.home.says_in_touch().iter();
            says.filter(|hint| self.ledger.authorities.acts_as(**hint))
                .for_each(|hint| in_touch.insert(*hint));
        }
        if in_touch == self.in_touch {
            return;
        }
        for (hint, peer) in self.ledger.authorities.clone().iter() {
            match (self.in_touch.contains(hint), in_touch.contains(hint)) {
                (false, true) => self.notify(Event::AuthorityInTouch { peer: *peer }),
                (true, false) => self.notify(Event::AuthorityLost { peer: *peer }),
                _ => {}
            }
        }
        self.in_touch = in_touch;
        // Every node's presence may read differently now.
        self.events = ChangeReader::START;
    }

    /// The authorities that were heard within one lease window.
    fn heard_within_window(&self) -> impl Iterator<Item = Hint> {
        let is_recent = |heard_ms: u64| self.last_ms.saturating_sub(heard_ms) < self.window_ms();
        self.heard.iter().filter(move |(_, ms)| is_recent(*ms)).map(|(hint, _)| *hint)
    }

    /// The same, and this one, unless it is cut off.
    fn directly_in_touch(&self) -> impl Iterator<Item = Hint> {
        let counts = self.authority.is_configured() && !self.authority.is_isolated();
        self.heard_within_window().chain(counts.then(|| self.ledger.own_hint()))
    }

    fn note_heard(&mut self, now: Now, peer: &PeerId) {
        if !self.ledger.authorities.acts(peer) {
            return;
        }
        let hint = peer.hint();
        match self.heard.iter_mut().find(|(heard, _)| *heard == hint) {
            Some((_, heard_ms)) => *heard_ms = now.mono_ms,
            None => self
                .heard
                .push((hint, now.mono_ms))
                .expect("there are no more authorities than are configured"),
        }
    }
}

/// Whether each of `peers` has a key that can sign.
fn check_keys<'a>(peers: impl IntoIterator<Item = &'a PeerId>) -> Result<(), VerifyError> {
    peers
        .into_iter()
        .try_for_each(|peer| PublicKey::of(peer).ok_or(VerifyError::UnsupportedKey)?.check())
}
