//! What a node says of itself, going in and coming out.

use core::mem::size_of;

use rollbook_core::{
    AnnounceError, Announcement, AnnouncementFields,
    limits::{
        ADDRESS_SIZE_MAX, ADDRESSES_MAX, AGENT_SIZE_MAX, CAPABILITIES_MAX, CAPABILITY_SIZE_MAX,
        EXTRA_SIZE_MAX,
    },
};

use crate::{
    args::{Plain, now, read_sized},
    code::{Answer, Code, ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_FULL, ROLLBOOK_E_UTF8},
    handle::{enter, rollbook_tracker_t},
};

/// The most addresses that a node announces.
pub const ROLLBOOK_ADDRESSES_MAX: usize = 8;
/// The most bytes of an address.
pub const ROLLBOOK_ADDRESS_SIZE_MAX: usize = 96;
/// The most capabilities that a node announces.
pub const ROLLBOOK_CAPABILITIES_MAX: usize = 12;
/// The most bytes of a capability's name.
pub const ROLLBOOK_CAPABILITY_SIZE_MAX: usize = 32;
/// The most bytes of the agent.
pub const ROLLBOOK_AGENT_SIZE_MAX: usize = 48;
/// The most opaque bytes of the application.
pub const ROLLBOOK_EXTRA_SIZE_MAX: usize = 64;

const _: () = assert!(ROLLBOOK_ADDRESSES_MAX == ADDRESSES_MAX);
const _: () = assert!(ROLLBOOK_ADDRESS_SIZE_MAX == ADDRESS_SIZE_MAX);
const _: () = assert!(ROLLBOOK_CAPABILITIES_MAX == CAPABILITIES_MAX);
const _: () = assert!(ROLLBOOK_CAPABILITY_SIZE_MAX == CAPABILITY_SIZE_MAX);
const _: () = assert!(ROLLBOOK_AGENT_SIZE_MAX == AGENT_SIZE_MAX);
const _: () = assert!(ROLLBOOK_EXTRA_SIZE_MAX == EXTRA_SIZE_MAX);

/// An address: a binary multiaddr without the trailing peer id. `rollbook_multiaddr_parse` makes
/// one of text.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_address_t {
    /// How many bytes it has.
    pub size: u8,
    /// The bytes, then zeros.
    pub bytes: [u8; ROLLBOOK_ADDRESS_SIZE_MAX],
}

/// A capability: something that a node can do, by its name.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_capability_t {
    /// How many bytes its name has.
    pub size: u8,
    /// The name in UTF-8, then zeros.
    pub name: [u8; ROLLBOOK_CAPABILITY_SIZE_MAX],
}

/// What a node says of itself.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_announcement_t {
    /// How many addresses there are.
    pub address_count: u8,
    /// How many capabilities there are.
    pub capability_count: u8,
    /// How many bytes the agent has.
    pub agent_size: u8,
    /// How many bytes of the application there are.
    pub extra_size: u8,
    /// 1 where the node said that it leaves. Not read by `rollbook_tracker_announce`.
    pub leaving: u8,
    /// Zeros.
    pub zero: [u8; 3],
    /// How the node is reached.
    pub addresses: [rollbook_address_t; ROLLBOOK_ADDRESSES_MAX],
    /// What it can do.
    pub capabilities: [rollbook_capability_t; ROLLBOOK_CAPABILITIES_MAX],
    /// The software that it runs, in UTF-8.
    pub agent: [u8; ROLLBOOK_AGENT_SIZE_MAX],
    /// Opaque bytes of the application.
    pub extra: [u8; ROLLBOOK_EXTRA_SIZE_MAX],
}

const _: () = assert!(size_of::<rollbook_announcement_t>() == 8 + 8 * 97 + 12 * 33 + 48 + 64);

// SAFETY: it is made of bytes alone.
unsafe impl Plain for rollbook_announcement_t {}

impl rollbook_announcement_t {
    /// Nothing said.
    pub(crate) const EMPTY: rollbook_announcement_t = rollbook_announcement_t {
        address_count: 0,
        capability_count: 0,
        agent_size: 0,
        extra_size: 0,
        leaving: 0,
        zero: [0; 3],
        addresses: [rollbook_address_t { size: 0, bytes: [0; ROLLBOOK_ADDRESS_SIZE_MAX] };
            ROLLBOOK_ADDRESSES_MAX],
        capabilities: [rollbook_capability_t { size: 0, name: [0; ROLLBOOK_CAPABILITY_SIZE_MAX] };
            ROLLBOOK_CAPABILITIES_MAX],
        agent: [0; ROLLBOOK_AGENT_SIZE_MAX],
        extra: [0; ROLLBOOK_EXTRA_SIZE_MAX],
    };

    /// Takes over what a node said.
    pub(crate) fn fill(&mut self, said: &Announcement<'_>) {
        self.address_count = count(said.addresses.len());
        for (place, address) in self.addresses.iter_mut().zip(&said.addresses) {
            place.size = fill(&mut place.bytes, address);
        }
        self.capability_count = count(said.capabilities.len());
        for (place, name) in self.capabilities.iter_mut().zip(&said.capabilities) {
            place.size = fill(&mut place.name, name.as_bytes());
        }
        self.agent_size = fill(&mut self.agent, said.agent.as_bytes());
        self.extra_size = fill(&mut self.extra, said.extra);
        self.leaving = u8::from(said.intent == rollbook_core::Intent::LEAVING);
    }
}

/// Puts bytes that were bounded when they were read; says how many.
fn fill(place: &mut [u8], bytes: &[u8]) -> u8 {
    place[..bytes.len()].copy_from_slice(bytes);
    count(bytes.len())
}

fn count(number: usize) -> u8 {
    u8::try_from(number).expect("what a statement holds is bounded")
}

/// Says what this node is: kept outside the roll until an authority admits the node, and passed on.
/// Where it is what it said last, nothing happens.
///
/// @param announcement_size `sizeof *announcement`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_STATE`,
///         `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_ARGUMENT` for a size over its bound or an address that is
///         none, `ROLLBOOK_E_FULL` where all of it together is too long
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_announce(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    announcement: *const rollbook_announcement_t,
    announcement_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let said = read_sized(announcement, announcement_size)?;
            let tracker = node.started()?;
            let (mut addresses, mut names) = ([&[][..]; 8], [""; 12]);
            let fields = fields(&said, &mut addresses, &mut names)?;
            tracker.announce(now(mono_ms, unix_s), &fields).map_err(|why| {
                Code(match why {
                    AnnounceError::TooLong => ROLLBOOK_E_FULL,
                    _ => ROLLBOOK_E_ARGUMENT,
                })
            })
        })
    }
}

/// What is said, with its rows in `addresses` and `names`.
pub fn fields<'a>(
    said: &'a rollbook_announcement_t,
    addresses: &'a mut [&'a [u8]; ROLLBOOK_ADDRESSES_MAX],
    names: &'a mut [&'a str; ROLLBOOK_CAPABILITIES_MAX],
) -> Answer<AnnouncementFields<'a>> {
    let over = Code(ROLLBOOK_E_ARGUMENT);
    if said.zero != [0; 3] {
        return Err(over);
    }
    let given = said.addresses.get(..said.address_count.into()).ok_or(over)?;
    for (place, address) in addresses.iter_mut().zip(given) {
        *place = address.bytes.get(..address.size.into()).ok_or(over)?;
    }
    let given = said.capabilities.get(..said.capability_count.into()).ok_or(over)?;
    for (place, capability) in names.iter_mut().zip(given) {
        *place = utf8(capability.name.get(..capability.size.into()).ok_or(over)?)?;
    }
    Ok(AnnouncementFields {
        addresses: &addresses[..said.address_count.into()],
        agent: utf8(said.agent.get(..said.agent_size.into()).ok_or(over)?)?,
        capabilities: &names[..said.capability_count.into()],
        extra: said.extra.get(..said.extra_size.into()).ok_or(over)?,
    })
}

fn utf8(bytes: &[u8]) -> Answer<&str> {
    core::str::from_utf8(bytes).map_err(|_not_utf8| Code(ROLLBOOK_E_UTF8))
}
