//! Statements by themselves: what a program can see of one that it came by.

use core::mem::size_of;

use rollbook_core::{
    Network, PeerId, Signed, VerifyError,
    statement::{Kind, StatementError},
};

use crate::{
    args::{self, Plain, SizedOut},
    code::{
        Answer, Code, ROLLBOOK_E_CONFIG, ROLLBOOK_E_KEY, ROLLBOOK_E_MALFORMED,
        ROLLBOOK_E_SIGNATURE, ROLLBOOK_E_UNSUPPORTED,
    },
    guard::guard,
    keys::Keys,
    peer_id::rollbook_peer_id_t,
};

/// What an authority's operator decided about a node.
pub const ROLLBOOK_STATEMENT_DECISION: u8 = 1;
/// What an authority observed of a node.
pub const ROLLBOOK_STATEMENT_PRESENCE: u8 = 2;
/// What a node says of itself.
pub const ROLLBOOK_STATEMENT_ANNOUNCEMENT: u8 = 3;

/// The number of a kind.
pub(crate) fn kind_of(kind: Kind) -> u8 {
    match kind {
        Kind::Decision => ROLLBOOK_STATEMENT_DECISION,
        Kind::Presence => ROLLBOOK_STATEMENT_PRESENCE,
        Kind::Announcement => ROLLBOOK_STATEMENT_ANNOUNCEMENT,
    }
}

/// A signed, versioned fact by one writer about one node.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_statement_t {
    /// Its version: the epoch and the number in it. It orders the statements of one writer.
    pub epoch: u32,
    /// See `epoch`.
    pub seq: u32,
    /// How many bytes were signed, without what stands around them in the envelope.
    pub payload_size: u32,
    /// How many bytes the signature has.
    pub signature_size: u32,
    /// What stands for the writer: the first 4 bytes of the SHA-256 of its peer id. Zeros in an
    /// announcement, whose writer is its subject.
    pub writer: [u8; 4],
    /// One of `ROLLBOOK_STATEMENT_*`.
    pub kind: u8,
    /// Zeros.
    pub zero: [u8; 3],
    /// The node that it is about.
    pub subject: rollbook_peer_id_t,
}

const _: () = assert!(size_of::<rollbook_statement_t>() == 4 * 4 + 8 + 48);

// SAFETY: it is made of integers and rows of them, without padding, as is asserted.
unsafe impl Plain for rollbook_statement_t {}

/// Reads a statement as on the wire. Its signature is not looked at.
///
/// @param statement_size `sizeof *statement`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_MALFORMED`, `ROLLBOOK_E_UNSUPPORTED` for
///         one of a kind that this version does not know
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_statement_read(
    bytes: *const u8,
    size: usize,
    statement: *mut rollbook_statement_t,
    statement_size: usize,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (bytes, mut out) =
            unsafe { (args::bytes(bytes, size)?, SizedOut::new(statement, statement_size)?) };
        let signed = Signed::parse(bytes).map_err(malformed)?;
        let subject = signed.subject().ok_or(Code(ROLLBOOK_E_MALFORMED))?;
        let (version, size) =
            (signed.version(), |size: usize| u32::try_from(size).expect("a statement is bounded"));
        out.put(&rollbook_statement_t {
            epoch: version.epoch,
            seq: version.seq,
            payload_size: size(signed.payload().size()),
            signature_size: size(signed.signature().len()),
            writer: signed.writer().0,
            kind: kind_of(signed.kind()),
            zero: [0; 3],
            subject: (&subject).into(),
        });
        Ok(())
    })
}

/// Checks the signature of a statement as on the wire.
///
/// @param network the network's name, which is in what was signed
/// @param writer who must have signed it
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_CONFIG` for a name that
///         is none, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_MALFORMED`, `ROLLBOOK_E_UNSUPPORTED`,
///         `ROLLBOOK_E_KEY`, `ROLLBOOK_E_SIGNATURE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_statement_verify(
    network: *const u8,
    network_size: usize,
    writer: *const u8,
    writer_size: usize,
    bytes: *const u8,
    size: usize,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (network, writer, bytes) = unsafe {
            (
                args::text(network, network_size)?,
                args::peer_id(writer, writer_size)?,
                args::bytes(bytes, size)?,
            )
        };
        let network: Network = network.parse().map_err(|_why| Code(ROLLBOOK_E_CONFIG))?;
        verify(&network, &writer, bytes)
    })
}

fn verify(network: &Network, writer: &PeerId, bytes: &[u8]) -> Answer {
    let signed = Signed::parse(bytes).map_err(malformed)?;
    signed.verify(network, writer, &Keys::Outside(*writer)).map_err(|why| {
        Code(match why {
            VerifyError::BadSignature => ROLLBOOK_E_SIGNATURE,
            _ => ROLLBOOK_E_KEY,
        })
    })
}

fn malformed(why: StatementError) -> Code {
    Code(match why {
        StatementError::UnknownKind => ROLLBOOK_E_UNSUPPORTED,
        _ => ROLLBOOK_E_MALFORMED,
    })
}
