//! Signatures that are made elsewhere: by a secure element, or in another process.
//!
//! Invariants:
//! - one is asked for at a time, of the announcement first, then in the order of the journal, which
//!   waits for them;
//! - what is not signed is in no journal, snapshot or message, and holds back what stands behind it
//!   as what is not on disk does.

use core::fmt;

use super::NodeEventTracker;
use crate::{
    key::{SIGNATURE_SIZE_MAX, Signer, Verifier, VerifyError},
    peer_id::PeerId,
    statement::{Any, Signed},
    storage::Storage,
    time::Now,
    version::Version,
};

/// Bytes to be signed with this node's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureRequest {
    /// The version of the statement that they are of: no other of this node's has the same.
    pub version: Version,
    /// How many bytes of the buffer they take.
    pub len: usize,
}

/// Why a signature was not taken. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureError {
    /// No signature is awaited of a statement in this version: it was not asked for, or a newer
    /// statement took its place.
    NotAwaited,
    /// It is not this node's signature of that statement, which is asked for again.
    Invalid(VerifyError),
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignatureError::NotAwaited => {
                f.write_str("no statement in this version waits for a signature")
            }
            SignatureError::Invalid(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SignatureError {}

/// What was asked for and has not come.
#[derive(Debug)]
pub(super) struct Signing {
    asked: Option<(Version, PeerId)>,
    /// Since when nothing that was asked for has come.
    since_ms: Option<u64>,
}

impl Signing {
    pub(super) const NONE: Signing = Signing { asked: None, since_ms: None };
}

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// Writes the bytes into `out` that are to be signed next, where this node's [`Signer`] leaves
    /// that to others: its `sign` gives an empty signature. The signature comes back by
    /// [`NodeEventTracker::handle_signature`] or [`NodeEventTracker::handle_signature_failed`].
    ///
    /// One is asked for at a time, and another before it came only where a newer statement took its
    /// place. [`SIGNING_SIZE_MAX`](crate::limits::SIGNING_SIZE_MAX) bytes always suffice; in fewer a
    /// request may find no room, which reads as if there were none, and waits.
    pub fn poll_signature(&mut self, out: &mut [u8]) -> Option<SignatureRequest> {
        let (now_ms, asked) = (self.last_ms, self.awaited());
        if asked.is_some() {
            return None;
        }
        let Some(statement) = self.next_unsigned() else {
            self.signing.since_ms = None;
            return None;
        };
        let subject = statement.subject().expect("an own statement has a subject");
        let (version, own) = (statement.version(), self.ledger.own());
        let bytes = statement.envelope(&self.ledger.network, own);
        out.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        self.signing.asked = Some((version, subject));
        self.signing.since_ms.get_or_insert(now_ms);
        Some(SignatureRequest { version, len: bytes.len() })
    }

    /// The signature arrived that was asked for by the request for `version`. It is checked; where
    /// it is not valid all is as it was, and it is asked for again.
    pub fn handle_signature(
        &mut self,
        now: Now,
        version: Version,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.advance(now);
        let asked = self.awaited().filter(|(asked, _)| *asked == version);
        let Some((_, subject)) = asked else { return Err(SignatureError::NotAwaited) };
        self.signing.asked = None;
        if signature.len() > SIGNATURE_SIZE_MAX {
            return Err(SignatureError::Invalid(VerifyError::BadSignature));
        }
        self.ledger.put_signature(&subject, version, signature).map_err(SignatureError::Invalid)?;
        self.signing.since_ms = None;
        if version == self.ledger.announced() {
            self.sync_with_home_at(now.mono_ms);
        }
        Ok(())
    }

    /// No signature comes for the request for `version`. Where it is still wanted, it is asked for
    /// again.
    pub fn handle_signature_failed(&mut self, version: Version) {
        if self.signing.asked.is_some_and(|(asked, _)| asked == version) {
            self.signing.asked = None;
        }
    }

    /// Whether any of this node's statements is not signed yet.
    pub fn awaits_signature(&self) -> bool {
        self.next_unsigned().is_some()
    }

    /// The statement of which a signature was asked for, where that is still wanted.
    fn awaited(&self) -> Option<(Version, PeerId)> {
        let (version, subject) = self.signing.asked?;
        self.ledger.unsigned(&subject, version).map(|_| (version, subject))
    }

    /// The statement that is to be signed next.
    fn next_unsigned(&self) -> Option<Signed<'_, Any>> {
        self.ledger.unsigned_announcement().or_else(|| self.next_unsigned_in_roll())
    }

    /// The first statement in the roll that is not signed yet. None of them was given out as a frame.
    pub(super) fn next_unsigned_in_roll(&self) -> Option<Signed<'_, Any>> {
        let mut reader = self.journal;
        loop {
            let (_, held) = reader.next_statement(&self.ledger.roll, u64::MAX)?;
            if held.statement.is_unsigned() {
                return Some(held.statement);
            }
        }
    }

    /// Whether signatures stay out for so long that others should not wonder why the rolls differ.
    pub(super) fn is_mute(&self) -> bool {
        let since_ms = self.signing.since_ms;
        since_ms.is_some_and(|since_ms| self.last_ms.saturating_sub(since_ms) >= self.interval_ms)
            && self.awaits_signature()
    }
}
