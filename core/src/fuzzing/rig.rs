//! What the targets share: a network of a few known keys, and trackers in it.

use std::{boxed::Box, sync::OnceLock, vec::Vec};

use crate::{
    AnnouncementFields, Authorities, Config, Hint, Keypair, MAX_FRAME, Network, NodeEventTracker,
    Now, PeerId, RecoverError, Signer,
    journal::{self, Frame, JOURNAL_FORMAT, Next, Reader},
    roll::Roll,
    statement::{Any, Kind, Signed},
    storage::{Heap, Storage},
};

/// A tracker of the network.
pub(super) type Tracker<S> = NodeEventTracker<S, Keypair>;

/// The number of the last actor, whose key is of the other kind.
const SECP256K1_ACTOR: usize = 7;
/// How many nodes have keys that the targets sign with.
pub(super) const ACTOR_COUNT: usize = 8;

/// A node with its keys. The first two are the network's authorities.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) keys: Keypair,
    pub(super) peer_id: PeerId,
    pub(super) hint: Hint,
}

/// All nodes with keys.
pub(super) fn actors() -> &'static [Actor; ACTOR_COUNT] {
    static ACTORS: OnceLock<[Actor; ACTOR_COUNT]> = OnceLock::new();
    ACTORS.get_or_init(|| {
        core::array::from_fn(|number| {
            let seed = [u8::try_from(number + 1).expect("few actors"); 32];
            let keys = match number {
                SECP256K1_ACTOR => Keypair::secp256k1(seed).expect("a scalar in range"),
                _ => Keypair::ed25519(seed),
            };
            let peer_id = keys.peer_id();
            Actor { keys, peer_id, hint: peer_id.hint() }
        })
    })
}

/// The network that all are in.
pub(super) fn network() -> Network {
    "test".parse().expect("a valid name")
}

/// The configuration of everybody, with the first actors as authorities.
pub(super) fn config(authorities: usize) -> Config {
    let listed: Vec<PeerId> = actors()[..authorities].iter().map(|actor| actor.peer_id).collect();
    let authorities = Authorities::new(&listed).expect("distinct");
    let mut config = Config::new(network(), authorities);
    config.capacity = 16;
    config
}

/// When the targets begin.
pub(super) const START: Now = Now { mono_ms: 1_000, unix_s: 1_790_000_000 };

/// A tracker of `actor` that was not started yet.
pub(super) fn tracker<S: Storage>(config: &Config, actor: usize, seed: u8) -> Box<Tracker<S>> {
    let keys = actors()[actor].keys.clone();
    let mut tracker = Box::new(Tracker::new());
    tracker.init(config.clone(), keys, [seed; 32]).expect("a valid configuration");
    tracker
}

/// The journal of an identity that was just made.
pub(super) fn new_journal(actor: usize) -> Vec<u8> {
    let network = network();
    let header = Frame::Header {
        format: JOURNAL_FORMAT,
        peer_id: actors()[actor].peer_id.as_bytes(),
        network: network.as_str(),
    };
    let mut journal = Vec::new();
    journal::write(&header, &mut journal).expect("a vector takes all");
    journal
}

/// A tracker of `actor` that announced itself and has its epoch on disk.
pub(super) fn started(config: &Config, actor: usize) -> Box<Tracker<Heap>> {
    let mut tracker = tracker::<Heap>(config, actor, 7);
    assert_eq!(replay(&mut tracker, &new_journal(actor)), []);
    tracker.start(START);
    tracker.announce(START, &AnnouncementFields::default()).expect("bounded");
    let (mut frame, mut position) = ([0; MAX_FRAME], 0);
    while let Some(written) = tracker.poll_journal(&mut frame) {
        position = written.position;
    }
    tracker.handle_journal_synced(position);
    tracker
}

/// Gives a tracker the frames of a journal, past all damage. Says which errors there were.
pub(super) fn replay<S: Storage>(tracker: &mut Tracker<S>, journal: &[u8]) -> Vec<RecoverError> {
    let mut errors = Vec::new();
    let mut reader = Reader::new(journal);
    loop {
        match reader.next_frame().expect("a slice does not fail") {
            Next::Frame(frame) => errors.extend(tracker.recover(&frame).err()),
            Next::Damaged { .. } => tracker.note_damage(),
            Next::TornTail { .. } | Next::End => return errors,
        }
    }
}

/// A tracker's compacted journal.
pub(super) fn snapshot<S: Storage>(tracker: &Tracker<S>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let size = tracker.snapshot(&mut bytes).expect("a vector takes all");
    assert_eq!(u64::try_from(bytes.len()), Ok(size), "a snapshot says its size");
    bytes
}

/// The statements in a journal, in its order.
pub(super) fn statements_in(journal: &[u8]) -> Vec<Vec<u8>> {
    let mut statements = Vec::new();
    let mut reader = Reader::new(journal);
    loop {
        match reader.next_frame().expect("a slice does not fail") {
            Next::Frame(Frame::Statement(statement)) => statements.push(statement.to_vec()),
            Next::Frame(_) | Next::Damaged { .. } => {}
            Next::TornTail { .. } | Next::End => return statements,
        }
    }
}

/// The size of a journal without what is torn off at its end.
pub(super) fn whole_frames(journal: &[u8]) -> usize {
    let mut reader = Reader::new(journal);
    while !matches!(reader.next_frame(), Ok(Next::TornTail { .. } | Next::End)) {}
    usize::try_from(reader.position()).expect("within the journal")
}

/// Who made a statement, as the configured authorities resolve it.
pub(super) fn writer_of(statement: &Signed<'_, Any>, config: &Config) -> Option<PeerId> {
    match statement.kind() {
        Kind::Announcement => statement.subject(),
        Kind::Decision | Kind::Presence => config.authorities.resolve(statement.writer()).copied(),
    }
}

/// A tracker's root is that of a roll which is filled anew with the same statements, and all of
/// them were signed by their writers. Says how many there are.
pub(super) fn check_roll<S: Storage>(tracker: &Tracker<S>, config: &Config) -> usize {
    let statements = statements_in(&snapshot(tracker));
    let mut roll = Roll::<Heap>::new();
    roll.set_capacity(statements.len());
    for bytes in &statements {
        let statement = Signed::parse(bytes).expect("what is held is well formed");
        roll.put(&statement).expect("there is room for each");
        let writer = writer_of(&statement, config).expect("only configured writers are held");
        let verified = statement.verify(&config.network, &writer, &actors()[0].keys);
        assert_eq!(verified, Ok(()), "held, and not signed: {statement:?}");
    }
    assert_eq!(roll.root(), tracker.root(), "the root is over something else than what is held");
    statements.len()
}
