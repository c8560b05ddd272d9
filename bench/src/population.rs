//! Networks of made-up nodes: what their statements are, and trackers that hold them.

use rollbook_core::{
    Announcement, Authorities, Config, Heap, Hint, Intent, Keypair, Network, NodeEventTracker, Now,
    PeerId, Presence, PresenceState, Session, Signature, Signed, Signer, Verifier, VerifyError,
    Version,
    journal::{Frame, JOURNAL_FORMAT},
    statement::StatementBytes,
};

/// The time of all measurements.
pub(crate) const NOW: Now = Now { mono_ms: 1_000, unix_s: 1_790_000_000 };

/// Keys that sign and believe anything, so that what is measured is not the signatures.
#[derive(Clone, Debug)]
pub(crate) struct Trusting(pub(crate) PeerId);

impl Signer for Trusting {
    fn peer_id(&self) -> PeerId {
        self.0
    }

    fn sign(&self, message: &[u8]) -> Signature {
        let mut signature = [0x5a; 64];
        signature[..8].copy_from_slice(&(message.len() as u64).to_le_bytes());
        Signature::from_slice(&signature).expect("64 bytes fit")
    }
}

impl Verifier for Trusting {
    fn verify(&self, _: &PeerId, _: &[u8], _: &[u8]) -> Result<(), VerifyError> {
        Ok(())
    }
}

/// A tracker on the heap.
pub(crate) type Tracker<K = Trusting> = NodeEventTracker<Heap, K>;

/// The network of all measurements.
pub(crate) fn network() -> Network {
    "bench".parse().expect("a valid name")
}

/// The keys of authority number `number`, from 0.
pub(crate) fn authority(number: u8) -> Keypair {
    Keypair::ed25519([200 + number; 32])
}

/// Node number `number`, with a key that need not exist.
pub(crate) fn peer(number: usize) -> PeerId {
    let mut multihash = [0x5a; 38];
    multihash[..6].copy_from_slice(&[0x00, 0x24, 0x08, 0x01, 0x12, 0x20]);
    multihash[6..14].copy_from_slice(&(number as u64).to_be_bytes());
    PeerId::from_bytes(&multihash).expect("an identity multihash")
}

/// The keys of the node whose roll is looked at: number `number` of them.
pub(crate) fn own(number: u8) -> Trusting {
    Trusting(Keypair::ed25519([100 + number; 32]).peer_id())
}

/// What a node with these keys announces: two addresses, an agent, two capabilities.
pub(crate) fn announcement(keys: &impl Signer, home: Hint, version: Version) -> StatementBytes {
    let ip4 = [4, 192, 0, 2, 7, 6, 0x1d, 0xe7];
    let ip6 = [&[41][..], &[0x20; 16], &[6, 0x1d, 0xe7]].concat();
    let fields = Announcement {
        session: Session([1, 2, 3, 4]),
        home,
        intent: Intent::UP,
        issued_at: NOW.unix_s,
        addresses: [&ip4[..], &ip6].into_iter().collect(),
        agent: "rollbook/0.1.0",
        capabilities: ["worker", "scraper"].into_iter().collect(),
        extra: &[],
    };
    Signed::sign(&network(), keys, &keys.peer_id(), version, &fields).expect("within bounds")
}

/// What an authority observed of `subject`.
pub(crate) fn presence(
    keys: &impl Signer,
    subject: &PeerId,
    state: PresenceState,
    version: Version,
) -> StatementBytes {
    let fields = Presence {
        session: Session([1, 2, 3, 4]),
        state,
        rests_on: Version { epoch: 1_790_000_000, seq: 1 },
        first_joined: NOW.unix_s - 86_400,
        joined: NOW.unix_s - 3_600,
        counted_from: NOW.unix_s - 3_600,
        uptime: 50_000,
        issued_at: NOW.unix_s - 3_600,
        ..Presence::default()
    };
    Signed::sign(&network(), keys, subject, version, &fields).expect("within bounds")
}

/// What every node of the network is told: `count` nodes with an announcement and a presence each.
pub(crate) fn statements(count: usize) -> Vec<StatementBytes> {
    let authority = Trusting(authority(0).peer_id());
    (0..count).flat_map(|number| of_node(&authority, number, 1)).collect()
}

/// The announcement, as number `seq`, and the presence of one node.
pub(crate) fn of_node(authority: &Trusting, number: usize, seq: u32) -> [StatementBytes; 2] {
    let node = Trusting(peer(number));
    let version = Version { epoch: 1_790_000_000, seq };
    let observed = Version { epoch: 1_790_000_000, seq: u32::try_from(number + 1).expect("few") };
    [
        presence(authority, &node.0, PresenceState::ONLINE, observed),
        announcement(&node, authority.0.hint(), version),
    ]
}

/// The configuration of all trackers.
pub(crate) fn config(authorities: u8) -> Config {
    let listed: Vec<PeerId> = (0..authorities).map(|number| authority(number).peer_id()).collect();
    let mut config = Config::new(network(), Authorities::new(&listed).expect("distinct"));
    config.capacity = 2_000_000;
    config
}

/// A started member with a journal that holds `statements`.
pub(crate) fn member<K: Signer + Verifier>(
    keys: K,
    authorities: u8,
    statements: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> Tracker<K> {
    let own = keys.peer_id();
    let config = config(authorities);
    let mut tracker = Tracker::new();
    let seed = [own.as_bytes()[20]; 32];
    tracker.init(config, keys, seed).expect("a valid configuration");
    let header =
        Frame::Header { format: JOURNAL_FORMAT, peer_id: own.as_bytes(), network: "bench" };
    tracker.recover(&header).expect("its own");
    for statement in statements {
        tracker.recover(&Frame::Statement(statement.as_ref())).expect("there is room");
    }
    tracker.start(NOW);
    let (mut frame, mut position) = ([0; rollbook_core::MAX_FRAME], 0);
    while let Some(written) = tracker.poll_journal(&mut frame) {
        position = written.position;
    }
    tracker.handle_journal_synced(position);
    while tracker.poll_event(NOW).is_some() {}
    tracker
}
