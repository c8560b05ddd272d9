//! What a node says of itself.

use core::fmt;

use heapless::Vec;
use serde::{Deserialize, Serialize};

use super::{Fields, Kind};
use crate::{
    limits::{
        ADDRESS_SIZE_MAX, ADDRESSES_MAX, AGENT_SIZE_MAX, CAPABILITIES_MAX, CAPABILITY_SIZE_MAX,
        EXTRA_SIZE_MAX,
    },
    peer_id::Hint,
};

/// One run of a node: random, drawn at each start. Joins, leaves and uptime are counted by it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Session(pub [u8; 4]);

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({self})")
    }
}

/// Whether a node means to be here. Unknown codes read as [`Intent::UP`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent(pub u8);

impl Intent {
    /// It is here.
    pub const UP: Intent = Intent(0);
    /// It is stopping in order.
    pub const LEAVING: Intent = Intent(1);
}

/// What a node says of itself: how it is reached, what it runs, what it can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement<'a> {
    /// The run that it speaks for.
    pub session: Session,
    /// The authority that it renews its lease with, [`Hint::NONE`] while it has none.
    pub home: Hint,
    /// Whether it means to be here.
    pub intent: Intent,
    /// When it was made, in unix seconds by the node's own clock: shown, never compared.
    pub issued_at: u64,
    /// Binary multiaddrs without the trailing peer id, at most 8 of at most 96 bytes.
    #[serde(borrow)]
    pub addresses: Vec<&'a [u8], ADDRESSES_MAX>,
    /// The software that it runs, at most 48 bytes.
    pub agent: &'a str,
    /// What it can do, at most 12 names of at most 32 bytes.
    #[serde(borrow)]
    pub capabilities: Vec<&'a str, CAPABILITIES_MAX>,
    /// Opaque bytes of the application, at most 64.
    pub extra: &'a [u8],
}

impl<'a> Fields<'a> for Announcement<'a> {
    const KIND: Kind = Kind::Announcement;
}

impl Announcement<'_> {
    /// Whether every part keeps its bound.
    ///
    /// An address may be of a protocol that is not known here: it is kept, passed on and not
    /// dialled, rather than costing the node its whole announcement.
    pub fn is_bounded(&self) -> bool {
        self.agent.len() <= AGENT_SIZE_MAX
            && self.extra.len() <= EXTRA_SIZE_MAX
            && self.addresses.iter().all(|address| address.len() <= ADDRESS_SIZE_MAX)
            && self
                .capabilities
                .iter()
                .all(|name| !name.is_empty() && name.len() <= CAPABILITY_SIZE_MAX)
    }
}
