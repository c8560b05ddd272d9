//! Messages: what decodes is the same after it was encoded, and is handled.

use std::{vec, vec::Vec};

use serde::Serialize;

use super::rig;
use crate::{
    MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, Verdict,
    message::{self, Request, Response},
    statement::StatementError,
};

/// A request, as an authority gets it.
pub(super) fn request(bytes: &[u8]) -> bool {
    let decoded = message::decode::<Request<'_>>(bytes, MAX_REQUEST);
    if let Ok(request) = &decoded {
        let again = encoded(request, MAX_REQUEST);
        assert!(again.len() <= bytes.len(), "an encoder writes no more than was read");
        assert_eq!(message::decode::<Request<'_>>(&again, MAX_REQUEST).as_ref(), Ok(request));
    }
    let config = rig::config(2);
    let mut authority = rig::started(&config, 0);
    let from = rig::actors()[2].peer_id;
    let mut response = vec![0; MAX_RESPONSE];
    let answered = authority.handle_request(rig::START, &from, bytes, &mut response);
    let is_answered = answered.is_ok();
    match &decoded {
        Ok(Request::Sync(_)) => assert!(is_answered, "{answered:?}"),
        Ok(Request::Walk(_)) => {}
        Err(error) => assert_eq!(answered, Err(*error)),
    }
    if let Ok(size) = answered {
        message::decode::<Response<'_>>(&response[..size], MAX_RESPONSE).expect("well formed");
    }
    rig::check_roll(&authority, &config);
    is_answered
}

/// A response, as a member gets it that asked an authority.
pub(super) fn response(bytes: &[u8]) -> bool {
    let decoded = message::decode::<Response<'_>>(bytes, MAX_RESPONSE);
    if let Ok(response) = &decoded {
        let again = encoded(response, MAX_RESPONSE);
        assert!(again.len() <= bytes.len(), "an encoder writes no more than was read");
        assert_eq!(message::decode::<Response<'_>>(&again, MAX_RESPONSE).as_ref(), Ok(response));
    }
    let config = rig::config(2);
    let mut member = rig::started(&config, 2);
    let home = rig::actors()[0].peer_id;
    member.handle_connected(rig::START, &home);
    let mut asked = vec![0; MAX_REQUEST];
    let sent = member.poll_request(rig::START, &mut asked).expect("an authority is asked at once");
    let handled = member.handle_response(rig::START, &sent.to, bytes);
    assert!(handled.is_err() || decoded.is_ok(), "taken, and it cannot be read");
    assert!(member.poll_timeout().is_some_and(|due_ms| due_ms >= rig::START.mono_ms));
    rig::check_roll(&member, &config);
    handled.is_ok()
}

/// A gossip message, as a member gets it that holds nothing yet.
pub(super) fn gossip(bytes: &[u8]) -> bool {
    let config = rig::config(2);
    let mut member = rig::started(&config, 2);
    let before = member.root();
    let verdict = member.handle_gossip(rig::START, &rig::actors()[0].peer_id, bytes);
    match (bytes.split_first(), verdict) {
        (Some((&message::FORMAT, statements)), _) if bytes.len() <= MAX_GOSSIP => {
            // Of what is nobody's, or no news, the fields are not looked at.
            let is_malformed = message::offered(statements).any(|statement| {
                statement.is_err_and(|error| error != StatementError::UnknownKind)
            });
            let is_looked_at = member.counters().verifications_over_budget == 0;
            let must_reject = is_malformed && is_looked_at;
            assert!(!must_reject || verdict == Verdict::Reject, "malformed, and not rejected");
        }
        _ => assert_eq!(verdict, Verdict::Reject),
    }
    assert!(verdict != Verdict::Accept || member.root() != before, "accepted, and nothing new");
    let taken = rig::check_roll(&member, &config);
    verdict == Verdict::Accept && taken > 0
}

fn encoded<T: Serialize>(message: &T, size_max: usize) -> Vec<u8> {
    let mut bytes = vec![0; size_max];
    let size = message::encode(message, &mut bytes).expect("what was decoded fits its bound");
    bytes.truncate(size);
    bytes
}
