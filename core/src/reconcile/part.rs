//! The parts of a walk's messages as bytes: read in place, written as far as there is room.
//!
//! Invariants:
//! - [`Parts`] that exist are well formed to their end, so reading them again cannot fail;
//! - no count is believed that its bytes do not bear out.

use super::{
    LIST_COUNT_MAX,
    range::KeyRange,
    slot::{SLOT_COUNT, SlotSet},
    tag::{Digest, Tag},
};
use crate::{
    message::{MessageError, Page},
    statement::{Any, Signed},
    version::Version,
};

const TAGS: u8 = 0;
const LIST: u8 = 1;
const WANT: u8 = 2;
const STATEMENTS: u8 = 3;
const STATEMENTS_END: u8 = 0;

/// Parts one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a>(&'a [u8]);

/// See the module above.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    Tags(Tags<'a>),
    List(List<'a>),
    Want(Want),
    /// As on the wire, one after the other, of whatever form.
    Statements(&'a [u8]),
}

/// What is in some children of a range, in short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tags<'a> {
    pub(crate) range: KeyRange,
    children: u16,
    tags: &'a [u8],
}

/// All nodes of a range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<'a> {
    pub(crate) range: KeyRange,
    count: u8,
    entries: &'a [u8],
}

/// A node in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// By which it is found in the list's range.
    pub(crate) suffix: [u8; 4],
    pub(crate) slots: Slots<'a>,
}

/// A node of which something is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    pub(crate) range: KeyRange,
    pub(crate) slots: SlotSet,
}

/// The slots of a node that are not empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots<'a> {
    count: u8,
    bytes: &'a [u8],
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) number: u8,
    pub(crate) version: Version,
    pub(crate) digest: Digest,
}

impl<'a> Parts<'a> {
    /// Checks `bytes` to their end.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Parts<'a>, MessageError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            take_part(&mut rest).ok_or(MessageError::Malformed)?;
        }
        Ok(Parts(bytes))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            (!rest.is_empty()).then(|| take_part(&mut rest).expect("the parts are well formed"))
        })
    }

    /// The statements among them, as on the wire, some at a time.
    pub(crate) fn statements(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.iter().filter_map(|part| match part {
            Part::Statements(wire) => Some(wire),
            _ => None,
        })
    }

    /// All but the statements.
    pub(crate) fn questions(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        self.iter().filter(|part| !matches!(part, Part::Statements(_)))
    }
}

impl<'a> Tags<'a> {
    /// The children spoken of, with their tags.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, Tag)> + use<'a> {
        let (tags, _) = self.tags.as_chunks();
        children(self.children).zip(tags.iter().copied())
    }
}

impl<'a> List<'a> {
    pub(crate) fn count(&self) -> usize {
        self.count.into()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let mut rest = self.entries;
        (0..self.count).map(move |_| take_entry(&mut rest).expect("the list is well formed"))
    }
}

impl<'a> Slots<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Slot> + use<'a> {
        let mut rest = self.bytes;
        (0..self.count).map(move |_| take_slot(&mut rest).expect("the slots are well formed"))
    }
}

impl Slot {
    pub(super) fn set(&self) -> SlotSet {
        SlotSet::of(self.number)
    }
}

/// The children in a set, the first one first.
pub(crate) fn children(set: u16) -> impl Iterator<Item = u8> {
    (0..16).filter(move |child| set & 1 << child != 0)
}

fn take_part<'a>(rest: &mut &'a [u8]) -> Option<Part<'a>> {
    match take_byte(rest)? {
        TAGS => {
            let range = take_range(rest)?;
            let children = u16::from_be_bytes(*take_array(rest)?);
            let size = size_of::<Tag>() * usize::try_from(children.count_ones()).ok()?;
            let tags = rest.split_off(..size)?;
            (!range.is_single()).then_some(Part::Tags(Tags { range, children, tags }))
        }
        LIST => {
            let range = take_range(rest)?;
            let count = take_byte(rest)?;
            let entries = take_while_checked(rest, |rest| take_entries(rest, range, count))?;
            Some(Part::List(List { range, count, entries }))
        }
        WANT => {
            let range = take_range(rest)?;
            let slots = SlotSet::from_bytes(*take_array(rest)?);
            Some(Part::Want(Want { range, slots }))
        }
        STATEMENTS => {
            let statements = take_while_checked(rest, take_statements)?;
            // The end of the message will do for the end of them.
            let _ = take_byte(rest);
            Some(Part::Statements(statements))
        }
        _ => None,
    }
}

fn take_statements(rest: &mut &[u8]) -> Option<()> {
    while rest.first().is_some_and(|byte| *byte != STATEMENTS_END) {
        let (_, after) = Signed::split(rest).ok()?;
        *rest = after;
    }
    Some(())
}

/// The entries of a list: few, in order, in its range.
fn take_entries(rest: &mut &[u8], range: KeyRange, count: u8) -> Option<()> {
    let mut before = None;
    for _ in 0..count {
        let Entry { suffix, .. } = take_entry(rest)?;
        range.node(suffix)?;
        let is_next = before.is_none_or(|before| {
            before < suffix || (before == suffix && range.has_whole_suffixes())
        });
        before = is_next.then_some(Some(suffix))?;
    }
    (usize::from(count) <= LIST_COUNT_MAX).then_some(())
}

fn take_entry<'a>(rest: &mut &'a [u8]) -> Option<Entry<'a>> {
    Some(Entry { suffix: *take_array(rest)?, slots: take_slots(rest)? })
}

fn take_slots<'a>(rest: &mut &'a [u8]) -> Option<Slots<'a>> {
    let count = take_byte(rest).filter(|count| *count <= SLOT_COUNT)?;
    let bytes = take_while_checked(rest, |rest| {
        (0..count).try_for_each(|_| take_slot(rest).map(|_slot| ()))
    })?;
    Some(Slots { count, bytes })
}

fn take_slot(rest: &mut &[u8]) -> Option<Slot> {
    let number = take_byte(rest).filter(|number| *number < SLOT_COUNT)?;
    let (version, after) = postcard::take_from_bytes(rest).ok()?;
    *rest = after;
    let digest = *take_array(rest)?;
    Some(Slot { number, version, digest })
}

fn take_range(rest: &mut &[u8]) -> Option<KeyRange> {
    let bits = take_byte(rest)?;
    let bytes = rest.split_off(..usize::from(bits.div_ceil(8)))?;
    let mut prefix = [0; 8];
    prefix.get_mut(..bytes.len())?.copy_from_slice(bytes);
    KeyRange::new(u64::from_be_bytes(prefix), bits)
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    rest.split_off_first().copied()
}

fn take_array<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (array, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(array)
}

/// The bytes that `check` goes over.
fn take_while_checked<'a>(
    rest: &mut &'a [u8],
    check: impl FnOnce(&mut &'a [u8]) -> Option<()>,
) -> Option<&'a [u8]> {
    let start = *rest;
    check(rest)?;
    Some(&start[..start.len() - rest.len()])
}

/// Writes parts behind each other.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    page: Page<'a>,
    /// The last part is statements, and more may follow in it.
    in_statements: bool,
}

/// A place in what was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    used: usize,
    in_statements: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(room: &'a mut [u8]) -> Writer<'a> {
        Writer { page: Page::new(room), in_statements: false }
    }

    /// How many bytes are written.
    pub(crate) fn used(&self) -> usize {
        self.page.used()
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { used: self.used(), in_statements: self.in_statements }
    }

    /// Takes back what was written after `mark`.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.page.truncate(mark.used);
        self.in_statements = mark.in_statements;
    }

    /// A statement; possibly a part of what leads to it where there is no room.
    pub(super) fn statement(&mut self, statement: &Signed<'_, Any>) -> Option<()> {
        if !self.in_statements {
            self.bytes(&[STATEMENTS])?;
            self.in_statements = true;
        }
        self.bytes(&statement.wire())
    }

    /// The beginning of tags: one for each of `children` is to follow.
    pub(super) fn tags(&mut self, range: KeyRange, children: u16) -> Option<()> {
        self.head(TAGS, range)?;
        self.bytes(&children.to_be_bytes())
    }

    pub(super) fn tag(&mut self, tag: Tag) -> Option<()> {
        self.bytes(&tag)
    }

    /// The beginning of a list: `count` times a suffix and slots are to follow.
    pub(super) fn list(&mut self, range: KeyRange, count: usize) -> Option<()> {
        self.head(LIST, range)?;
        self.bytes(&[u8::try_from(count).ok()?])
    }

    pub(super) fn suffix(&mut self, suffix: [u8; 4]) -> Option<()> {
        self.bytes(&suffix)
    }

    /// A want; possibly a part of it where there is no room.
    pub(super) fn want(&mut self, range: KeyRange, slots: SlotSet) -> Option<()> {
        self.head(WANT, range)?;
        self.bytes(&slots.to_bytes())
    }

    /// The beginning of slots: `count` of them are to follow.
    pub(super) fn slots(&mut self, count: usize) -> Option<()> {
        self.bytes(&[u8::try_from(count).ok()?])
    }

    pub(super) fn slot(&mut self, slot: &Slot) -> Option<()> {
        let mut version = [0; 10];
        self.bytes(&[slot.number])?;
        self.bytes(postcard::to_slice(&slot.version, &mut version).ok()?)?;
        self.bytes(&slot.digest)
    }

    fn head(&mut self, kind: u8, range: KeyRange) -> Option<()> {
        if self.in_statements {
            self.bytes(&[STATEMENTS_END])?;
            self.in_statements = false;
        }
        let prefix = range.prefix().to_be_bytes();
        self.bytes(&[kind, range.bits()])?;
        self.bytes(&prefix[..usize::from(range.bits().div_ceil(8))])
    }

    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        self.page.push(bytes).then_some(())
    }
}
