//! What the program does: an authority and a member on inline storage, joined back to back, live
//! through everything that a roll is for. Every step is asserted.

use embedded_io::Write as _;
use rollbook_core::{
    Announcement, AnnouncementFields, Authorities, CommandError, Config, Event, Grant, Here, Hint,
    Inline, Intent, Keypair, MAX_FRAME, MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, NodeEventTracker,
    Now, OutgoingRequest, PeerId, PublicKey, Root, Session, Signed, Signer, Verdict, VerifyError,
    Version, journal,
};

use crate::{
    flash::Flash,
    memory::{Moves, take_moves},
    meter::{Call, measure, on_painted_stack},
    place::Place,
    system::print,
};

/// Bytes of statements per node.
const BYTES: usize = 768;
/// Connected peers, and nodes that wait to be vouched for.
const PEERS: usize = 4;
/// The capacity of the trackers that are run.
const NODES: usize = 32;
/// The most that initialisation may move at once, in bytes.
const MOVED_MAX: usize = 1024;
/// An address and a port, as a multiaddr.
const ADDRESS: [u8; 8] = [4, 192, 0, 2, 1, 6, 0x1d, 0xe7];

/// The tracker of a member.
type Member<const NODES: usize> = NodeEventTracker<Inline<NODES, BYTES, PEERS>, Keypair>;
/// The tracker of an authority.
type Authority<const NODES: usize> = NodeEventTracker<Inline<NODES, BYTES, PEERS, NODES>, Keypair>;
/// All trackers that are run are of one type, as there is one in firmware: another would have all
/// the code once more.
type Tracker = Authority<NODES>;

// Firmware has one of these. Empty trackers are all zeros, so none of them is in the program's
// image; the test looks.
#[unsafe(no_mangle)]
static TRACKER_AUTHORITY: Place<Tracker> = Place::new(Tracker::new());
#[unsafe(no_mangle)]
static TRACKER_MEMBER: Place<Tracker> = Place::new(Tracker::new());
#[unsafe(no_mangle)]
static TRACKER_RECOVERED: Place<Tracker> = Place::new(Tracker::new());
#[unsafe(no_mangle)]
static TRACKER_COMPACTED: Place<Tracker> = Place::new(Tracker::new());
#[unsafe(no_mangle)]
static TRACKER_128: Place<Authority<128>> = Place::new(Authority::new());
#[unsafe(no_mangle)]
static TRACKER_512: Place<Authority<512>> = Place::new(Authority::new());

static FLASH_AUTHORITY: Place<Flash> = Place::new(Flash::new());
static FLASH_MEMBER: Place<Flash> = Place::new(Flash::new());
static FLASH_COMPACTED: Place<Flash> = Place::new(Flash::new());
static BUFFERS: Place<Buffers> = Place::new(Buffers {
    frame: [0; MAX_FRAME],
    message: [0; MAX_GOSSIP],
    request: [0; MAX_REQUEST],
    response: [0; MAX_RESPONSE],
});

/// What messages and frames are written into.
struct Buffers {
    frame: [u8; MAX_FRAME],
    message: [u8; MAX_GOSSIP],
    request: [u8; MAX_REQUEST],
    response: [u8; MAX_RESPONSE],
}

/// A node with its journal, and what its application was told.
struct Node {
    tracker: &'static mut Tracker,
    flash: &'static mut Flash,
    told: [Option<Event>; 128],
    told_count: usize,
}

impl Node {
    /// A new identity: its journal begins with its header.
    fn new(
        place: &'static Place<Tracker>,
        flash: &'static Place<Flash>,
        config: &Config,
        keys: &Keypair,
        seed: u8,
    ) -> Node {
        let (tracker, flash) = (place.take(), flash.take());
        initialise(tracker, config, keys, seed);
        let peer_id = keys.peer_id();
        let header = journal::Frame::Header {
            format: journal::JOURNAL_FORMAT,
            peer_id: peer_id.as_bytes(),
            network: config.network.as_str(),
        };
        journal::write(&header, flash).expect("the flash has room");
        replay(tracker, flash.written());
        Node { tracker, flash, told: [None; 128], told_count: 0 }
    }

    fn peer_id(&self) -> PeerId {
        *self.tracker.peer_id()
    }

    fn was_told(&self, event: Event) -> bool {
        self.told[..self.told_count].contains(&Some(event))
    }

    fn start(&mut self, now: Now) {
        measure(Call::Start, || self.tracker.start(now));
    }

    fn announce(&mut self, now: Now, agent: &str) {
        let fields = AnnouncementFields {
            addresses: &[&ADDRESS],
            agent,
            capabilities: &["worker"],
            ..Default::default()
        };
        let announced = measure(Call::Announce, || self.tracker.announce(now, &fields));
        announced.expect("the fields are within their bounds");
    }

    /// Writes what is to be written.
    fn drain_journal(&mut self, frame: &mut [u8]) {
        while let Some(written) = measure(Call::PollJournal, || self.tracker.poll_journal(frame)) {
            let kept = self.flash.write_all(&frame[..written.len]);
            kept.expect("the flash has room");
            self.tracker.handle_journal_synced(written.position);
        }
    }

    /// Drains all outputs in the stated order; `peer` is the only other node, while connected.
    fn drain(&mut self, mut peer: Option<&mut Node>, buffers: &mut Buffers, now: Now) {
        let Buffers { frame, message, request, response } = buffers;
        self.drain_journal(frame);
        while let Some(size) = self.poll_publication(message) {
            if let Some(peer) = &mut peer {
                let verdict = peer.gossip(now, &self.peer_id(), &message[..size]);
                assert_ne!(verdict, Verdict::Reject);
            }
        }
        while let Some(sent) = self.poll_request(now, request) {
            let peer = peer.as_mut().expect("nobody is asked while there is nobody");
            assert_eq!(sent.to, peer.peer_id());
            let asking = self.peer_id();
            let size = peer.request(now, &asking, &request[..sent.len], response);
            self.response(now, &sent.to, &response[..size]);
        }
        while let Some(event) = measure(Call::PollEvent, || self.tracker.poll_event(now)) {
            self.told[self.told_count] = Some(event);
            self.told_count += 1;
        }
    }

    fn poll_publication(&mut self, message: &mut [u8]) -> Option<usize> {
        measure(Call::PollPublication, || self.tracker.poll_publication(message))
    }

    fn gossip(&mut self, now: Now, from: &PeerId, message: &[u8]) -> Verdict {
        measure(Call::Gossip, || self.tracker.handle_gossip(now, from, message))
    }

    fn poll_request(&mut self, now: Now, out: &mut [u8]) -> Option<OutgoingRequest> {
        measure(Call::PollRequest, || self.tracker.poll_request(now, out))
    }

    fn request(&mut self, now: Now, from: &PeerId, request: &[u8], out: &mut [u8]) -> usize {
        let tracker = &mut *self.tracker;
        let size = measure(Call::Request, || tracker.handle_request(now, from, request, out));
        size.expect("an honest request is answered")
    }

    fn response(&mut self, now: Now, from: &PeerId, response: &[u8]) {
        let tracker = &mut *self.tracker;
        let taken = measure(Call::Response, || tracker.handle_response(now, from, response));
        taken.expect("an honest answer is understood");
    }
}

/// Makes an empty tracker one node's, where it is; shows how deep that went and what it moved.
fn initialise<const NODES: usize>(
    tracker: &mut Authority<NODES>,
    config: &Config,
    keys: &Keypair,
    seed: u8,
) {
    let (config, keys) = (config.clone(), keys.clone());
    let _ = take_moves();
    let (made, depth) = on_painted_stack(|| tracker.init(config, keys, [seed; 32]));
    let Moves { copied_max, shifted_max } = take_moves();
    made.expect("the configuration is valid");
    assert!(copied_max.max(shifted_max) <= MOVED_MAX, "{copied_max} or {shifted_max} bytes moved");
    print(format_args!("init {NODES} stack {depth} copied {copied_max} shifted {shifted_max}"));
}

/// Gives a tracker what its journal holds whole; says where that ends.
fn replay(tracker: &mut Tracker, journal: &[u8]) -> u64 {
    let mut frames = journal::Reader::new(journal);
    loop {
        match frames.next_frame().expect("memory does not fail") {
            journal::Next::Frame(frame) => {
                let taken = measure(Call::Recover, || tracker.recover(&frame));
                taken.expect("the journal is this node's");
            }
            journal::Next::TornTail { .. } | journal::Next::End => return frames.position(),
            journal::Next::Damaged { .. } => panic!("the journal is whole but for its end"),
        }
    }
}

/// Runs all of it.
pub(crate) fn run() {
    print_sizes();
    verify_both_kinds_of_key();

    let authority_keys = Keypair::ed25519([1; 32]);
    let member_keys = other_keys(2);
    let authorities = Authorities::new(&[authority_keys.peer_id()]).expect("there is one");
    let config = Config::new("main".parse().expect("a valid name"), authorities);
    let mut network = Network {
        authority: Node::new(&TRACKER_AUTHORITY, &FLASH_AUTHORITY, &config, &authority_keys, 1),
        member: Node::new(&TRACKER_MEMBER, &FLASH_MEMBER, &config, &member_keys, 2),
        buffers: BUFFERS.take(),
        now: Now { mono_ms: 1_000, unix_s: 1_790_000_000 },
        connected: false,
    };
    initialise(TRACKER_128.take(), &config, &member_keys, 3);
    initialise(TRACKER_512.take(), &config, &member_keys, 4);

    network.join();
    network.refuse_a_forgery();
    network.decide();
    network.fill();
    let root = network.authority.tracker.root();
    recover(&TRACKER_RECOVERED, &config, &member_keys, 5, network.member.flash, root);
    let compacted = FLASH_COMPACTED.take();
    let size = measure(Call::Snapshot, || network.member.tracker.snapshot(compacted));
    assert_eq!(size, Ok(compacted.written().len() as u64));
    let recovered = recover(&TRACKER_COMPACTED, &config, &member_keys, 6, compacted, root);
    network.leave();
    network.go_on_with(recovered);
    network.fall_silent();
}

/// The two of them.
struct Network {
    authority: Node,
    member: Node,
    buffers: &'static mut Buffers,
    now: Now,
    connected: bool,
}

impl Network {
    /// Announces, gossips and synchronises until both hold the same and see each other.
    fn join(&mut self) {
        let now = self.now;
        for node in [&mut self.authority, &mut self.member] {
            node.start(now);
            node.announce(now, "firmware/1");
        }
        self.connect();
        let member = self.member.peer_id();
        self.run_until(|network| network.member.was_told(Event::Joined { peer: member }));
        self.run_until(|network| network.authority.was_told(Event::Joined { peer: member }));
        self.assert_equal_roots();
        let seen = self.authority.tracker.node(self.now, &member).expect("it joined");
        assert_eq!(seen.here, Here::Online);
        let (_, said) = seen.announcement.expect("it said what it is");
        assert_eq!(said.agent, "firmware/1");
        assert_eq!(said.addresses.as_slice(), [&ADDRESS]);
        self.print_statement_size();
    }

    fn connect(&mut self) {
        let Network { authority, member, now, .. } = self;
        let (authority_id, member_id) = (authority.peer_id(), member.peer_id());
        measure(Call::Connected, || authority.tracker.handle_connected(*now, &member_id));
        measure(Call::Connected, || member.tracker.handle_connected(*now, &authority_id));
        self.connected = true;
    }

    fn disconnect(&mut self) {
        let Network { authority, member, now, .. } = self;
        let (authority_id, member_id) = (authority.peer_id(), member.peer_id());
        measure(Call::Disconnected, || authority.tracker.handle_disconnected(*now, &member_id));
        measure(Call::Disconnected, || member.tracker.handle_disconnected(*now, &authority_id));
        self.connected = false;
    }

    /// A statement that was tampered with is refused, and the true one is taken after that.
    fn refuse_a_forgery(&mut self) {
        let Network { authority, member, buffers, now, .. } = self;
        member.announce(*now, "firmware/2");
        member.drain_journal(&mut buffers.frame);
        let size = member.poll_publication(&mut buffers.message).expect("it has news");
        let message = &mut buffers.message[..size];
        let (from, root) = (member.peer_id(), authority.tracker.root());
        // The signature is what a statement ends with.
        message[size - 1] ^= 1;
        assert_eq!(authority.gossip(*now, &from, message), Verdict::Reject);
        assert_eq!(authority.tracker.root(), root);
        message[size - 1] ^= 1;
        assert_eq!(authority.gossip(*now, &from, message), Verdict::Accept);
        assert_eq!(authority.gossip(*now, &from, message), Verdict::Ignore);
        assert_ne!(authority.tracker.root(), root);
        self.run_for(1);
        self.assert_equal_roots();
    }

    /// A decision of the authority is on its disk, and then everywhere.
    fn decide(&mut self) {
        let (now, peer) = (self.now, self.member.peer_id());
        let tracker = &mut *self.authority.tracker;
        let receipt = measure(Call::Grant, || tracker.grant(now, &peer, Grant::VALIDATOR));
        let receipt = receipt.expect("the member is admitted");
        assert!(self.authority.tracker.durable() < receipt.0);
        self.run_until(|network| network.member.was_told(Event::GrantsChanged { peer }));
        assert!(self.authority.tracker.durable() >= receipt.0);
        self.assert_equal_roots();
    }

    /// Both hold as many nodes as they have room for; one more is refused and costs nothing.
    fn fill(&mut self) {
        for seed in 3..=u8::try_from(NODES).expect("a small roll") {
            let peer = other_keys(seed).peer_id();
            let admitted = self.authority.tracker.admit(self.now, &peer);
            admitted.expect("there is room");
        }
        let one_more = Keypair::ed25519([0xff; 32]).peer_id();
        let refused = self.authority.tracker.admit(self.now, &one_more);
        assert_eq!(refused, Err(CommandError::Full));
        self.run_for(20);
        self.assert_equal_roots();

        // What one of them says of itself is merged with what was decided.
        let keys = other_keys(3);
        let said = Announcement {
            session: Session([3; 4]),
            home: Hint::NONE,
            intent: Intent::UP,
            issued_at: self.now.unix_s,
            addresses: Default::default(),
            agent: "firmware/3",
            capabilities: Default::default(),
            extra: &[],
        };
        let network = "main".parse().expect("a valid name");
        let version = Version { epoch: 1, seq: 1 };
        let statement = Signed::sign(&network, &keys, &keys.peer_id(), version, &said);
        let statement = statement.expect("it is bounded");
        let from = self.member.peer_id();
        let message = &mut self.buffers.message[..=statement.len()];
        message[0] = 1;
        message[1..].copy_from_slice(&statement);
        assert_eq!(self.authority.gossip(self.now, &from, message), Verdict::Accept);
        assert_eq!(self.authority.gossip(self.now, &from, message), Verdict::Ignore);
        self.run_for(20);
        self.assert_equal_roots();
        let views = self.member.tracker.nodes(self.now);
        assert_eq!(views.filter(|view| view.standing.admits()).count(), NODES);
    }

    /// A node that leaves is seen to have left.
    fn leave(&mut self) {
        let now = self.now;
        measure(Call::Leave, || self.member.tracker.leave(now));
        let peer = self.member.peer_id();
        self.run_until(|network| network.authority.was_told(Event::Left { peer }));
        self.run_until(|network| network.member.tracker.is_leave_acknowledged());
    }

    /// The member is back with the roll that it kept, in a session of its own.
    fn go_on_with(&mut self, recovered: &'static mut Tracker) {
        self.disconnect();
        let (now, authority) = (self.now, self.authority.peer_id());
        self.member.tracker = recovered;
        self.member.start(now);
        assert!(self.member.tracker.node(now, &authority).is_some(), "the roll is there at once");
        self.member.announce(now, "firmware/4");
        self.connect();
        self.authority.told_count = 0;
        let peer = self.member.peer_id();
        self.run_until(|network| network.authority.was_told(Event::Joined { peer }));
        self.run_for(20);
        self.assert_equal_roots();
    }

    /// A node that falls silent is seen to have left when its lease has lapsed.
    fn fall_silent(&mut self) {
        self.disconnect();
        self.authority.told_count = 0;
        let peer = self.member.peer_id();
        self.run_until(|network| network.authority.was_told(Event::Left { peer }));
        assert!(self.member.tracker.status(self.now).degraded);
    }

    /// Lets a second pass.
    fn step(&mut self) {
        let Network { authority, member, buffers, now, connected } = self;
        authority.drain(connected.then_some(&mut *member), buffers, *now);
        member.drain(connected.then_some(&mut *authority), buffers, *now);
        now.mono_ms += 1_000;
        now.unix_s += 1;
        for node in [authority, member] {
            measure(Call::Timeout, || node.tracker.handle_timeout(*now));
        }
    }

    fn run_for(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.step();
        }
    }

    #[track_caller]
    fn run_until(&mut self, is_reached: impl Fn(&Network) -> bool) {
        let end_ms = self.now.mono_ms + 120_000;
        while !is_reached(self) {
            assert!(self.now.mono_ms < end_ms, "it should have come to this within two minutes");
            self.step();
        }
    }

    fn assert_equal_roots(&self) {
        assert_eq!(self.authority.tracker.root(), self.member.tracker.root());
    }

    /// Shows how many bytes are held about a node.
    fn print_statement_size(&self) {
        let size = self.member.tracker.status(self.now).roll_bytes;
        print(format_args!("statements {}", size / 2));
    }
}

/// A new tracker that is given a journal comes to the same roll.
fn recover(
    place: &'static Place<Tracker>,
    config: &Config,
    keys: &Keypair,
    seed: u8,
    flash: &mut Flash,
    root: Root,
) -> &'static mut Tracker {
    let tracker = place.take();
    initialise(tracker, config, keys, seed);
    // A crash cut the last frame short: it is noticed, and costs only that.
    let whole = flash.written().len();
    flash.write_all(&[9; 5]).expect("the flash has room");
    assert_eq!(replay(tracker, flash.written()), whole as u64);
    flash.truncate(whole);
    assert_eq!(tracker.root(), root);
    tracker
}

/// Signatures of each kind of key count, and anything else does not.
fn verify_both_kinds_of_key() {
    let keys = Keypair::ed25519([9; 32]);
    let (key, mut signature) = (keys.public_key(), keys.sign(b"message"));
    assert_eq!(measure(Call::VerifyEd25519, || key.verify(b"message", &signature)), Ok(()));
    signature[3] ^= 1;
    assert!(measure(Call::VerifyEd25519, || key.verify(b"message", &signature)).is_err());

    let keys = other_keys(9);
    let (key, mut signature) = (keys.public_key(), keys.sign(b"message"));
    #[cfg(feature = "secp256k1")]
    {
        assert!(matches!(key, PublicKey::Secp256k1(_)));
        assert_eq!(measure(Call::VerifySecp256k1, || key.verify(b"message", &signature)), Ok(()));
    }
    signature[8] ^= 1;
    assert_eq!(key.verify(b"message", &signature), Err(VerifyError::BadSignature));

    #[cfg(not(feature = "secp256k1"))]
    {
        let unsupported = PublicKey::Secp256k1([2; 33]);
        assert_eq!(unsupported.check(), Err(VerifyError::UnsupportedKey));
        assert_eq!(unsupported.verify(b"message", &signature), Err(VerifyError::UnsupportedKey));
    }
}

/// The keys of all nodes but the authority, of the other kind where there is another.
fn other_keys(seed: u8) -> Keypair {
    #[cfg(feature = "secp256k1")]
    return Keypair::secp256k1([seed; 32]).expect("a scalar in range");
    #[cfg(not(feature = "secp256k1"))]
    return Keypair::ed25519([seed; 32]);
}

/// Shows what the memory of one tracker comes to, at several capacities.
fn print_sizes() {
    print_size::<32>();
    print_size::<128>();
    print_size::<512>();
}

fn print_size<const NODES: usize>() {
    let (member, authority) = (size_of::<Member<NODES>>(), size_of::<Authority<NODES>>());
    print(format_args!("memory {NODES} {BYTES} {PEERS} member {member} authority {authority}"));
}
