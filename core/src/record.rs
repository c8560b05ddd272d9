//! How one statement lies in the row of bytes that holds those of its node.
//!
//! The subject is left out: it is the same for all of them, and a third of most payloads.
//!
//! ```text
//! kind (1) | signature size (1) | body size (2) | change number (8) | body | signature
//! body: the payload from the writer's hint on
//! ```

use crate::{
    limits::STATEMENT_SIZE_MAX,
    peer_id::{Hint, PeerId},
    statement::{Any, Kind, Signed},
};

/// Bytes before the body.
const HEAD_SIZE: usize = 12;
/// Bytes of the writer's hint.
const WRITER_SIZE: usize = 4;

/// The bytes of one record.
pub(crate) type RecordBytes = heapless::Vec<u8, { HEAD_SIZE + STATEMENT_SIZE_MAX }>;

/// One statement of a node, with the number of the change that brought it.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) changed: u64,
    pub(crate) kind: Kind,
    body: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Record<'a> {
    /// Takes one from the front of `bytes`, and what follows it.
    #[inline]
    pub(crate) fn take(bytes: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let (&[kind, signature_size, b0, b1, ref number @ ..], rest) =
            bytes.split_first_chunk::<HEAD_SIZE>()?;
        let kind = Kind::of(kind)?;
        let (body, rest) = rest.split_at_checked(u16::from_le_bytes([b0, b1]).into())?;
        let (signature, rest) = rest.split_at_checked(signature_size.into())?;
        Some((Record { changed: u64::from_le_bytes(*number), kind, body, signature }, rest))
    }

    /// The bytes of `statement`, taken in by change number `changed`.
    pub(crate) fn encode(statement: &Signed<'_, Any>, changed: u64) -> RecordBytes {
        let (body, signature) = (statement.body(), statement.signature());
        let [b0, b1] = u16::try_from(body.len()).expect("a payload is bounded").to_le_bytes();
        let signature_size = u8::try_from(signature.len()).expect("a signature is bounded");
        let head = [statement.kind() as u8, signature_size, b0, b1];
        let mut bytes = RecordBytes::new();
        for part in [&head[..], &changed.to_le_bytes(), body, signature] {
            bytes.extend_from_slice(part).expect("the parts of a statement are bounded");
        }
        bytes
    }

    /// How many bytes [`Record::encode`] gives.
    pub(crate) fn size(statement: &Signed<'_, Any>) -> usize {
        HEAD_SIZE + statement.body().len() + statement.signature().len()
    }

    /// Who made the statement.
    pub(crate) fn writer(&self) -> Hint {
        let mut writer = Hint::NONE;
        writer.0.copy_from_slice(&self.body[..WRITER_SIZE]);
        writer
    }

    /// The slot that it is in, in the order of slots.
    pub(crate) fn slot(&self) -> (Kind, Hint) {
        (self.kind, self.writer())
    }

    /// The statement's payload from the writer's hint on.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The statement, about `subject`.
    pub(crate) fn statement(&self, subject: &'a PeerId) -> Signed<'a, Any> {
        Signed::of_parts(self.kind, subject.as_bytes(), self.body, self.signature)
            .expect("only well-formed statements are put in")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        key::{Keypair, Signer},
        statement::Decision,
        version::Version,
    };

    #[test]
    fn statement_comes_back_from_its_record_with_any_change_number() {
        let (writer, subject) = (Keypair::ed25519([1; 32]), Keypair::ed25519([2; 32]).peer_id());
        let network = "test".parse().expect("valid");
        let version = Version { epoch: 7, seq: u32::MAX };
        let said = Decision::default();
        let bytes = Signed::sign(&network, &writer, &subject, version, &said).expect("bounded");
        let statement = Signed::parse(&bytes).expect("just signed");
        for changed in [0, 1, 1 << 20, u64::MAX] {
            let mut row = Record::encode(&statement, changed).to_vec();
            let size = row.len();
            assert_eq!(size, Record::size(&statement));
            assert!(size < bytes.len());
            row.extend_from_slice(b"rest");
            let (record, rest) = Record::take(&row).expect("well formed");
            assert_eq!(rest, b"rest");
            assert_eq!(
                (record.changed, record.slot()),
                (changed, (Kind::Decision, writer.peer_id().hint()))
            );
            assert_eq!(record.statement(&subject).wire(), bytes);
            for cut in 0..size {
                assert!(Record::take(&row[..cut]).is_none(), "cut at {cut}");
            }
        }
    }
}
