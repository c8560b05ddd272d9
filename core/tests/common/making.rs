//! Statements and messages that are made by hand.

use rollbook_core::{
    PeerId, Session, Signed, Version,
    message::{self, Cursor, Flags, Hello, Observation, ObservationBatch, Request, SyncRequest},
    statement::Fields,
};

use super::keys;

/// What `writer` says about `subject`, as on the wire.
pub(crate) fn signed<'a, T: Fields<'a>>(
    writer: u8,
    subject: &PeerId,
    version: Version,
    fields: &T,
) -> Vec<u8> {
    let network = "test".parse().expect("valid");
    Signed::sign(&network, &keys(writer).0, subject, version, fields).expect("bounded").to_vec()
}

/// A gossip message with `statements`.
pub(crate) fn gossip(statements: &[Vec<u8>]) -> Vec<u8> {
    [&[message::FORMAT][..], &statements.concat()].concat()
}

/// A request that hands over one batch.
pub(crate) fn handing_over(session: Session, number: u32, seen: &[Observation<'_>]) -> Vec<u8> {
    let mut observations = Vec::new();
    for observation in seen {
        let mut bytes = [0; 64];
        let size = message::encode_observation(observation, &mut bytes).expect("it fits");
        observations.extend_from_slice(&bytes[..size]);
    }
    let hello = Hello {
        count: 0,
        root: [0; 16],
        authorities: [0; 8],
        flags: Flags::default(),
        in_touch: 0,
        size_max: 16_384,
    };
    let request = Request::Sync(SyncRequest {
        hello,
        cursor: Cursor::default(),
        renew: None,
        observations: Some(ObservationBatch { session, number, observations: &observations }),
        statements: &[],
    });
    let mut bytes = vec![0; 8_192];
    let size = message::encode(&request, &mut bytes).expect("it fits");
    bytes.truncate(size);
    bytes
}
