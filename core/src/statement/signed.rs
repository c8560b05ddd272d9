//! A signed statement as bytes, with typed views of it.

use core::{fmt, marker::PhantomData};

use heapless::Vec;
use serde::{Deserialize, Serialize};

use super::envelope::envelope;
use crate::{
    key::{SIGNATURE_SIZE_MAX, Signer, Verifier, VerifyError},
    limits::{PAYLOAD_SIZE_MAX, SIGNING_SIZE_MAX, STATEMENT_SIZE_MAX},
    network::Network,
    peer_id::{Hint, PEER_ID_SIZE_MAX, PeerId},
    version::Version,
};

/// The bytes of one signed statement.
pub type StatementBytes = Vec<u8, STATEMENT_SIZE_MAX>;

/// Bytes of a payload before its subject: the kind and the subject's size.
const PAYLOAD_HEAD_SIZE: usize = 2;
/// Bytes of the writer's hint.
const WRITER_SIZE: usize = 4;

/// Stands for a signature that is made elsewhere. It is valid under no kind of key, and leaves room
/// for whichever it is.
const NOT_SIGNED: [u8; SIGNATURE_SIZE_MAX] = [0; SIGNATURE_SIZE_MAX];

/// What a statement says.
///
/// The numbers are on the wire and in signatures: never reused. They also order a node's
/// statements, so that what vouches for a node comes before what it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// What an authority's operator decided about a node.
    Decision = 1,
    /// What an authority observed of a node.
    Presence = 2,
    /// What a node says of itself.
    Announcement = 3,
}

impl Kind {
    pub(crate) fn of(code: u8) -> Option<Kind> {
        match code {
            1 => Some(Kind::Decision),
            2 => Some(Kind::Presence),
            3 => Some(Kind::Announcement),
            _ => None,
        }
    }
}

/// The fields of one kind of statement.
pub trait Fields<'a>: Serialize + Deserialize<'a> {
    /// The kind whose fields these are.
    const KIND: Kind;
}

/// Stands for the fields of a statement whose kind is known only at run time.
#[derive(Clone, Copy, Debug)]
pub enum Any {}

/// Why bytes are no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatementError {
    /// Cut short, over a bound, or not of the form.
    Malformed,
    /// Of a kind that this version does not know.
    UnknownKind,
    /// An announcement of one node about another, which nobody may make.
    ForeignAnnouncement,
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StatementError::Malformed => "malformed statement",
            StatementError::UnknownKind => "statement of an unknown kind",
            StatementError::ForeignAnnouncement => "announcement about somebody else",
        })
    }
}

impl core::error::Error for StatementError {}

/// The bytes that are signed, in the three parts in which they lie. They compare as the bytes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Payload<'a> {
    kind: Kind,
    subject_size: u8,
    subject: &'a [u8],
    /// From the writer's hint on.
    body: &'a [u8],
}

impl<'a> Payload<'a> {
    /// How many bytes there are.
    pub fn size(&self) -> usize {
        PAYLOAD_HEAD_SIZE + self.subject.len() + self.body.len()
    }

    /// The first two bytes, then those of the subject, then the others.
    pub fn parts(&self) -> ([u8; PAYLOAD_HEAD_SIZE], &'a [u8], &'a [u8]) {
        ([self.kind as u8, self.subject_size], self.subject, self.body)
    }

    /// All of them in one piece.
    pub fn to_bytes(&self) -> Vec<u8, PAYLOAD_SIZE_MAX> {
        let mut bytes = Vec::new();
        let (head, subject, body) = self.parts();
        for part in [&head[..], subject, body] {
            bytes.extend_from_slice(part).expect("a payload is bounded");
        }
        bytes
    }
}

/// A signed statement with fields of type `T`, borrowed from the bytes that hold it.
///
/// That one exists says that its form is right, not that its signature is: see
/// [`Signed::verify`]. The subject lies apart from the rest, since a roll holds it once for all
/// statements about it.
pub struct Signed<'a, T> {
    kind: Kind,
    subject: &'a [u8],
    /// The payload from the writer's hint on.
    body: &'a [u8],
    signature: &'a [u8],
    writer: Hint,
    version: Version,
    fields: &'a [u8],
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Signed<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Signed<'_, T> {}

impl<'a> Signed<'a, Any> {
    /// Splits the bytes of one statement from the front of `bytes`, whatever its kind.
    pub fn split(bytes: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), StatementError> {
        let mut reader = Reader(bytes);
        let payload_size = reader.varint_u32()?;
        reader.bytes(usize::try_from(payload_size).unwrap_or(usize::MAX))?;
        let signature_size = reader.byte()?;
        reader.bytes(usize::from(signature_size))?;
        let size = bytes.len() - reader.0.len();
        if size > STATEMENT_SIZE_MAX {
            return Err(StatementError::Malformed);
        }
        Ok(bytes.split_at(size))
    }

    /// The whole of `bytes` as one statement.
    ///
    /// The form of the fields is checked too, so what is taken in can be read.
    pub fn parse(bytes: &'a [u8]) -> Result<Signed<'a, Any>, StatementError> {
        let (statement, rest) = Signed::take(bytes)?;
        if !rest.is_empty() {
            return Err(StatementError::Malformed);
        }
        statement.check()?;
        Ok(statement)
    }

    /// Takes one statement from the front of `bytes`, and what follows it. Whether its subject is a
    /// peer id and its fields can be read is left open: see [`Signed::check`].
    pub(crate) fn take(bytes: &'a [u8]) -> Result<(Signed<'a, Any>, &'a [u8]), StatementError> {
        let mut reader = Reader(bytes);
        let payload_size = reader.varint_u32()?;
        let payload = reader.bytes(usize::try_from(payload_size).unwrap_or(usize::MAX))?;
        let signature_size = reader.byte()?;
        let signature = reader.bytes(usize::from(signature_size))?;
        let rest = reader.0;
        if payload.len() > PAYLOAD_SIZE_MAX || signature.len() > SIGNATURE_SIZE_MAX {
            return Err(StatementError::Malformed);
        }
        let mut reader = Reader(payload);
        let kind = Kind::of(reader.byte()?).ok_or(StatementError::UnknownKind)?;
        let subject_size = reader.byte()?;
        let subject = reader.bytes(usize::from(subject_size))?;
        if subject.len() > PEER_ID_SIZE_MAX {
            return Err(StatementError::Malformed);
        }
        Ok((Signed::of_parts(kind, subject, reader.0, signature)?, rest))
    }

    /// Puts together what lies apart: the subject, and the payload from the writer's hint on.
    pub(crate) fn of_parts(
        kind: Kind,
        subject: &'a [u8],
        body: &'a [u8],
        signature: &'a [u8],
    ) -> Result<Signed<'a, Any>, StatementError> {
        let mut reader = Reader(body);
        let mut writer = Hint::NONE;
        writer.0.copy_from_slice(reader.bytes(WRITER_SIZE)?);
        let version = Version { epoch: reader.varint_u32()?, seq: reader.varint_u32()? };
        // The last epoch is nobody's, so there is always one above what is met.
        if version.epoch == u32::MAX {
            return Err(StatementError::Malformed);
        }
        let fields = reader.0;
        Ok(Signed { kind, subject, body, signature, writer, version, fields, of: PhantomData })
    }

    /// Checks what [`Signed::take`] leaves open.
    pub(crate) fn check(&self) -> Result<(), StatementError> {
        let Ok(subject) = PeerId::from_bytes(self.subject) else {
            return Err(StatementError::Malformed);
        };
        let well_formed = match self.kind {
            Kind::Announcement => {
                if subject.hint() != self.writer {
                    return Err(StatementError::ForeignAnnouncement);
                }
                self.typed::<super::Announcement<'_>>()
                    .and_then(|typed| typed.read())
                    .is_some_and(|announcement| announcement.is_bounded())
            }
            Kind::Decision => {
                self.typed::<super::Decision>().is_some_and(|typed| typed.read().is_some())
            }
            Kind::Presence => {
                self.typed::<super::Presence>().is_some_and(|typed| typed.read().is_some())
            }
        };
        if well_formed { Ok(()) } else { Err(StatementError::Malformed) }
    }

    /// The same with fields of type `T`, if it is of that kind.
    pub fn typed<T: Fields<'a>>(self) -> Option<Signed<'a, T>> {
        (self.kind == T::KIND).then_some(Signed {
            kind: self.kind,
            subject: self.subject,
            body: self.body,
            signature: self.signature,
            writer: self.writer,
            version: self.version,
            fields: self.fields,
            of: PhantomData,
        })
    }
}

impl<'a, T: Fields<'a>> Signed<'a, T> {
    /// The fields; `None` where they are malformed. What follows the known ones is ignored.
    pub fn read(&self) -> Option<T> {
        postcard::take_from_bytes(self.fields).ok().map(|(fields, _later_fields)| fields)
    }

    /// Signs `fields` about `subject` as `keys`' next statement, `version`.
    ///
    /// `None` where the payload would exceed its bound. Where the signature is made elsewhere, zero
    /// bytes stand for it.
    pub fn sign(
        network: &Network,
        keys: &impl Signer,
        subject: &PeerId,
        version: Version,
        fields: &T,
    ) -> Option<StatementBytes> {
        let writer = keys.peer_id();
        let mut payload = [0u8; PAYLOAD_SIZE_MAX];
        let mut size = 0;
        let mut append = |part: &[u8]| {
            payload.get_mut(size..size + part.len())?.copy_from_slice(part);
            size += part.len();
            Some(())
        };
        append(&[T::KIND as u8, u8::try_from(subject.as_bytes().len()).ok()?])?;
        append(subject.as_bytes())?;
        append(&writer.hint().0)?;
        size += postcard::to_slice(&version, &mut payload[size..]).ok()?.len();
        size += postcard::to_slice(fields, &mut payload[size..]).ok()?.len();
        let payload = &payload[..size];

        let signature = keys.sign(&envelope(network, &writer, payload));
        let signature = if signature.is_empty() { &NOT_SIGNED[..] } else { &signature };
        let mut bytes = StatementBytes::new();
        let mut length = [0u8; 5];
        let length = postcard::to_slice(&u32::try_from(size).ok()?, &mut length).ok()?;
        bytes.extend_from_slice(length).ok()?;
        bytes.extend_from_slice(payload).ok()?;
        bytes.push(u8::try_from(signature.len()).ok()?).ok()?;
        bytes.extend_from_slice(signature).ok()?;
        Some(bytes)
    }
}

impl<'a, T> Signed<'a, T> {
    /// What it says.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The node that it is about.
    pub fn subject(&self) -> Option<PeerId> {
        PeerId::from_bytes(self.subject).ok()
    }

    /// The bytes of the peer id of the node that it is about.
    pub fn subject_bytes(&self) -> &'a [u8] {
        self.subject
    }

    /// Who made it, in short.
    pub fn writer(&self) -> Hint {
        self.writer
    }

    /// Its place among the statements of its writer.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The bytes that are signed.
    pub fn payload(&self) -> Payload<'a> {
        let subject_size = u8::try_from(self.subject.len()).expect("at most 42 bytes");
        Payload { kind: self.kind, subject_size, subject: self.subject, body: self.body }
    }

    /// The payload from the writer's hint on.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The signature; see [`Signed::verify`].
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// Whether its signature is still to be made, elsewhere.
    pub(crate) fn is_unsigned(&self) -> bool {
        self.signature == NOT_SIGNED
    }

    /// The same with another signature.
    pub(crate) fn with_signature<'s>(self, signature: &'s [u8]) -> Signed<'s, T>
    where
        'a: 's,
    {
        Signed { signature, ..self }
    }

    /// The bytes that `writer` signs for it in `network`.
    pub(crate) fn envelope(&self, network: &Network, writer: &PeerId) -> Vec<u8, SIGNING_SIZE_MAX> {
        envelope(network, writer, &self.payload().to_bytes())
    }

    /// The whole, as on the wire.
    pub fn wire(&self) -> StatementBytes {
        let mut bytes = StatementBytes::new();
        let (head, subject, body) = self.payload().parts();
        let mut length = [0u8; 5];
        let size = u32::try_from(self.payload().size()).expect("a payload is bounded");
        let length = postcard::to_slice(&size, &mut length).expect("five bytes take any number");
        let signature_size = u8::try_from(self.signature.len()).expect("a signature is bounded");
        for part in [&*length, &head, subject, body, &[signature_size], self.signature] {
            bytes.extend_from_slice(part).expect("a statement is bounded");
        }
        bytes
    }

    /// How many bytes it has on the wire.
    pub fn wire_size(&self) -> usize {
        let payload_size = self.payload().size();
        let length_size = if payload_size < 1 << 7 { 1 } else { 2 };
        length_size + payload_size + 1 + self.signature.len()
    }

    /// The order within a slot: the greater version, then the greater payload. Signatures decide
    /// nothing.
    pub fn rank(&self) -> (Version, Payload<'a>) {
        (self.version, self.payload())
    }

    /// Checks that `writer` signed this in `network`.
    pub fn verify(
        &self,
        network: &Network,
        writer: &PeerId,
        verifier: &impl Verifier,
    ) -> Result<(), VerifyError> {
        verifier.verify(writer, &self.envelope(network, writer), self.signature)
    }
}

impl<T> fmt::Debug for Signed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("kind", &self.kind)
            .field("subject", &self.subject())
            .field("writer", &self.writer)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Reads from the front of a slice, never past its end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, StatementError> {
        let (&byte, rest) = self.0.split_first().ok_or(StatementError::Malformed)?;
        self.0 = rest;
        Ok(byte)
    }

    fn bytes(&mut self, size: usize) -> Result<&'a [u8], StatementError> {
        let (bytes, rest) = self.0.split_at_checked(size).ok_or(StatementError::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn varint_u32(&mut self) -> Result<u32, StatementError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                return Err(StatementError::Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                // One number has one form: who passes a statement on could pad it otherwise.
                let padded = shift > 0 && bits == 0;
                return if padded { Err(StatementError::Malformed) } else { Ok(value) };
            }
        }
        Err(StatementError::Malformed)
    }
}
