//! The layout of statements, written out by hand from `docs/protocol.md`: a second opinion on what
//! the core encodes, and the way to bytes that the core would not make.

use crate::statements::{
    AnnouncementVector, DecisionVector, Fields, PresenceVector, VersionVector,
};

/// Bytes that are put together piece by piece.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout(pub(crate) Vec<u8>);

impl Layout {
    /// The part that begins every payload.
    pub(crate) fn prefix(kind: u8, subject: &[u8], hint: &[u8], version: VersionVector) -> Layout {
        let size = u8::try_from(subject.len()).expect("a subject is short");
        Layout::default().byte(kind).byte(size).raw(subject).raw(hint).version(version)
    }

    /// The whole payload of a statement.
    pub(crate) fn payload(
        subject: &[u8],
        hint: &[u8],
        version: VersionVector,
        fields: &Fields,
    ) -> Vec<u8> {
        let prefix = |kind| Layout::prefix(kind, subject, hint, version);
        match fields {
            Fields::Decision(decision) => prefix(1).decision(decision).0,
            Fields::Presence(presence) => prefix(2).presence(presence).0,
            Fields::Announcement(announcement) => prefix(3).announcement(announcement).0,
        }
    }

    /// A statement as on the wire.
    pub(crate) fn statement(payload: &[u8], signature: &[u8]) -> Vec<u8> {
        let size = u8::try_from(signature.len()).expect("a signature is short");
        Layout::default().counted(payload).byte(size).raw(signature).0
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Layout {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn byte(self, byte: u8) -> Layout {
        self.raw(&[byte])
    }

    /// Unsigned LEB128.
    pub(crate) fn varint(mut self, mut value: u64) -> Layout {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.byte(value.to_le_bytes()[0])
    }

    /// Zigzag, then unsigned LEB128.
    pub(crate) fn signed_varint(self, value: i64) -> Layout {
        self.varint(((value << 1) ^ (value >> 63)).cast_unsigned())
    }

    /// Bytes or text after their number.
    pub(crate) fn counted(self, bytes: &[u8]) -> Layout {
        self.count(bytes.len()).raw(bytes)
    }

    pub(crate) fn count(self, count: usize) -> Layout {
        self.varint(count as u64)
    }

    fn version(self, version: VersionVector) -> Layout {
        self.varint(version.epoch.into()).varint(version.seq.into())
    }

    fn optional<T>(self, value: Option<T>, write: impl FnOnce(Layout, T) -> Layout) -> Layout {
        match value {
            None => self.byte(0),
            Some(value) => write(self.byte(1), value),
        }
    }

    fn each<T>(self, items: &[T], write: impl Fn(Layout, &T) -> Layout) -> Layout {
        items.iter().fold(self.count(items.len()), write)
    }

    pub(crate) fn announcement(self, said: &AnnouncementVector) -> Layout {
        self.raw(&said.session.0)
            .raw(&said.home.0)
            .byte(said.intent)
            .varint(said.issued_at)
            .each(&said.addresses, |layout, address| layout.counted(&address.0))
            .counted(said.agent.as_bytes())
            .each(&said.capabilities, |layout, name| layout.counted(name.as_bytes()))
            .counted(&said.extra.0)
    }

    pub(crate) fn decision(self, decided: &DecisionVector) -> Layout {
        self.varint(decided.issued_at).each(&decided.registers, |layout, register| {
            layout.byte(register.id).byte(register.value).varint(register.stamp.into())
        })
    }

    pub(crate) fn presence(self, seen: &PresenceVector) -> Layout {
        let after = |later: u64, earlier: u64| later.wrapping_sub(earlier).cast_signed();
        let left = (seen.left != 0).then(|| after(seen.left, seen.joined));
        let transition = seen.joined.max(seen.left);
        self.raw(&seen.session.0)
            .byte(seen.state)
            .version(seen.rests_on)
            .varint(seen.first_joined)
            .signed_varint(after(seen.joined, seen.first_joined))
            .optional(left, Layout::signed_varint)
            .varint(seen.uptime)
            .signed_varint(after(seen.issued_at, transition))
            .optional(seen.imported, |layout, imported| {
                let layout = layout.varint(imported.first_joined).varint(imported.uptime);
                let counted = imported.counted.into_iter();
                counted.fold(layout, |layout, (count, last)| layout.varint(count).varint(last))
            })
            .optional(seen.horizon, Layout::version)
            .each(&seen.tallies, |layout, tally| {
                layout.byte(tally.counter).varint(tally.count).varint(tally.last)
            })
            .signed_varint(after(seen.counted_from, seen.joined))
    }
}
