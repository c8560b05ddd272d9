//! The calls of the core whose form a driver has to follow: the one place to change with it.

use rollbook_core::{
    Authorities, Config, Heap, MAX_FRAME, MAX_REQUEST, MAX_RESPONSE, Network, NodeEventTracker,
    Now, PeerId, Verdict, Version, journal,
    limits::MESSAGE_SIZE_MAX,
    message::{
        self, Cursor, Flags, Hello, LeaseAnswer, Renew, Request, Response, SyncRequest,
        SyncResponse,
    },
};

use crate::{dice::Dice, notary::Keys};

/// A simulated node's tracker.
pub(crate) type Tracker = NodeEventTracker<Heap, Keys>;

/// A tracker that has recovered nothing yet.
pub(crate) fn new_tracker(config: Config, keys: Keys, seed: [u8; 32]) -> Box<Tracker> {
    let mut tracker = Box::new(Tracker::new());
    tracker.init(config, keys, seed).expect("the simulation's configurations are valid");
    tracker
}

/// What making an identity writes: the first frame of its journal.
pub(crate) fn identity_frame(peer: &PeerId, network: &Network) -> Vec<u8> {
    let frame = journal::Frame::Header {
        format: journal::JOURNAL_FORMAT,
        peer_id: peer.as_bytes(),
        network: network.as_str(),
    };
    let mut bytes = vec![0; MAX_FRAME];
    let size = journal::encode(&frame, &mut bytes).expect("a header fits a frame");
    bytes.truncate(size);
    bytes
}

/// Hands in a gossip message that `from` passed on.
pub(crate) fn handle_gossip(
    tracker: &mut Tracker,
    now: Now,
    from: &PeerId,
    message: &[u8],
) -> Verdict {
    tracker.handle_gossip(now, from, message)
}

/// Whether a request asks for a lease to be renewed.
pub(crate) fn renews(request: &[u8]) -> bool {
    let decoded = message::decode(request, MESSAGE_SIZE_MAX);
    matches!(decoded, Ok(Request::Sync(request)) if request.renew.is_some())
}

/// What a hostile node says of itself in a request or a response.
pub(crate) fn hello(dice: &mut Dice, authorities: &Authorities) -> Hello {
    let mut root = [0; 16];
    root.copy_from_slice(&dice.bytes(16));
    Hello {
        count: u32::try_from(dice.below(1_000)).expect("small"),
        root,
        authorities: authorities.set_hash(),
        flags: Flags(u16::try_from(dice.below(16)).expect("small")),
        in_touch: 0xff,
        size_max: u32::try_from(dice.below(40_000)).expect("small"),
    }
}

/// A request with these statements, and a renewal.
pub(crate) fn request(hello: Hello, renew: Option<Renew>, statements: &[u8]) -> Vec<u8> {
    let fields =
        SyncRequest { hello, cursor: Cursor::default(), renew, observations: None, statements };
    encoded(&Request::Sync(fields), MAX_REQUEST)
}

/// A response that grants a lease, acknowledges whatever was announced, and stands anywhere.
pub(crate) fn response(dice: &mut Dice, hello: Hello, statements: &[u8]) -> Vec<u8> {
    let mut incarnation = [0; 4];
    incarnation.copy_from_slice(&dice.bytes(4));
    let after = dice.below(1_000);
    let fields = SyncResponse {
        hello,
        cursor: Cursor { incarnation, since: dice.below(after + 1), after },
        lease: LeaseAnswer(u8::try_from(dice.below(7)).expect("small")),
        acknowledged: Version { epoch: u32::MAX, seq: u32::MAX },
        observed: 0,
        authorities: &[],
        statements,
    };
    encoded(&Response::Sync(fields), MAX_RESPONSE)
}

fn encoded<T: serde::Serialize>(message: &T, size_max: usize) -> Vec<u8> {
    let mut bytes = vec![0; size_max];
    let size = message::encode(message, &mut bytes).expect("it fits");
    bytes.truncate(size);
    bytes
}
