//! What an authority observed of a node.

use heapless::Vec;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

use super::{Fields, Kind, Session};
use crate::{limits::TALLIES_MAX, version::Version};

/// What an authority last saw of a session. Unknown codes read as [`PresenceState::NONE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceState(pub u8);

impl PresenceState {
    /// No session was observed: history only.
    pub const NONE: PresenceState = PresenceState(0);
    /// The session is here.
    pub const ONLINE: PresenceState = PresenceState(1);
    /// The session ended, or its lease lapsed.
    pub const LEFT: PresenceState = PresenceState(2);
    /// The session renews with another authority now.
    pub const MOVED: PresenceState = PresenceState(3);
}

/// What was counted about a node by others, in one of eight counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Which counter.
    pub counter: u8,
    /// How often.
    pub count: u64,
    /// When last, in unix seconds.
    pub last: u64,
}

/// What was counted about a node before Rollbook, in one counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// How often.
    pub count: u64,
    /// When last, in unix seconds; 0 if unknown.
    pub last: u64,
}

/// A node's history from before Rollbook. Folded by maximum, so importing it twice, or at two
/// authorities, counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// When it first joined, in unix seconds; 0 if unknown.
    pub first_joined: u64,
    /// For how long it was here in all, in seconds.
    pub uptime: u64,
    /// What was counted about it: successes, timeouts, not found.
    pub counted: [Counted; 3],
}

impl Imported {
    /// A history of which nothing was counted.
    pub const fn of(first_joined: u64, uptime: u64) -> Imported {
        Imported { first_joined, uptime, counted: [Counted { count: 0, last: 0 }; 3] }
    }

    /// The earlier beginning, the longer uptime and the greater counts.
    pub(crate) fn merged(self, other: Imported) -> Imported {
        Imported {
            first_joined: earliest(self.first_joined, other.first_joined),
            uptime: self.uptime.max(other.uptime),
            counted: core::array::from_fn(|counter| Counted {
                count: self.counted[counter].count.max(other.counted[counter].count),
                last: self.counted[counter].last.max(other.counted[counter].last),
            }),
        }
    }
}

/// The earlier of two times, of which 0 is none.
fn earliest(one: u64, other: u64) -> u64 {
    match (one, other) {
        (0, time) | (time, 0) => time,
        (one, other) => one.min(other),
    }
}

/// What an authority observed of a node. Times are unix seconds by the authority's clock, 0 where
/// there is none; they are shown and never compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// The run that it speaks of.
    pub session: Session,
    /// What it last saw of it.
    pub state: PresenceState,
    /// The version of the announcement that it rests on: `LEFT` counts only against
    /// announcements up to this one.
    pub rests_on: Version,
    /// When the node first joined here.
    pub first_joined: u64,
    /// When the session joined, here or at the home that it moved here from.
    pub joined: u64,
    /// When it last left.
    pub left: u64,
    /// The sum of its sessions while this authority was its home, in seconds, without the part that
    /// is under way.
    pub uptime: u64,
    /// When this was made.
    pub issued_at: u64,
    /// Its history from before Rollbook.
    pub imported: Option<Imported>,
    /// In an authority's statement about itself: its older presences that it has not issued again
    /// are void.
    pub horizon: Option<Version>,
    /// What others counted about it, each counter once.
    pub tallies: Vec<Tally, TALLIES_MAX>,
    /// Since when this authority counts the session: since it joined, or moved here.
    pub counted_from: u64,
}

impl Fields<'_> for Presence {
    const KIND: Kind = Kind::Presence;
}

/// The form on the wire. Later times stand as distances from earlier ones, which are short: a
/// presence is sent at each transition of each node.
#[derive(Serialize, Deserialize)]
struct Wire {
    session: Session,
    state: PresenceState,
    rests_on: Version,
    first_joined: u64,
    joined_after_first: i64,
    left_after_joined: Option<i64>,
    uptime: u64,
    issued_after: i64,
    imported: Option<Imported>,
    horizon: Option<Version>,
    tallies: Vec<Tally, TALLIES_MAX>,
    counted_after_joined: i64,
}

impl Presence {
    /// Takes over from an earlier presence by the same writer what this one lacks: of each total the
    /// greater, and the first of the first times. Which session is here this one knows better, if it
    /// knows of any. Says whether there was anything. A presence holds all that its writer counted
    /// before, unless the writer had forgotten it.
    pub(crate) fn recall(&mut self, earlier: &Presence) -> bool {
        let before = self.clone();
        self.first_joined = earliest(self.first_joined, earlier.first_joined);
        if self.state == PresenceState::NONE {
            (self.session, self.state, self.rests_on) =
                (earlier.session, earlier.state, earlier.rests_on);
            self.joined = earlier.joined;
            self.counted_from = earlier.counted_from;
        }
        self.left = self.left.max(earlier.left);
        self.uptime = self.uptime.max(earlier.uptime);
        self.imported = match (self.imported, earlier.imported) {
            (Some(one), Some(other)) => Some(one.merged(other)),
            (one, other) => one.or(other),
        };
        self.horizon = self.horizon.max(earlier.horizon);
        for tally in &earlier.tallies {
            match self.tallies.iter_mut().find(|held| held.counter == tally.counter) {
                Some(held) => {
                    held.count = held.count.max(tally.count);
                    held.last = held.last.max(tally.last);
                }
                // Each of the counters has a place.
                None => drop(self.tallies.push(*tally)),
            }
        }
        *self != before
    }

    /// Whether it is about this session, and that is here or went on elsewhere.
    pub(crate) fn goes_on(&self, session: Session) -> bool {
        self.session == session
            && matches!(self.state, PresenceState::ONLINE | PresenceState::MOVED)
    }

    /// Whether it says that a session left which has announced itself since, in `version`.
    pub(crate) fn is_refuted_by(&self, session: Session, version: Version) -> bool {
        self.state == PresenceState::LEFT && self.session == session && self.rests_on < version
    }

    /// Adds what passed of the session until `ended_unix` to what is counted.
    pub(crate) fn count_until(&mut self, ended_unix: u64) {
        let counted = ended_unix.saturating_sub(self.counted_from);
        self.uptime = self.uptime.saturating_add(counted);
    }

    /// As [`Presence::count_until`], of a session that left then.
    pub(crate) fn close(&mut self, left_unix: u64) {
        let left_unix = left_unix.max(self.counted_from);
        self.count_until(left_unix);
        self.left = left_unix;
    }

    /// When it last changed by what the authority saw.
    fn transition(joined: u64, left: u64) -> u64 {
        joined.max(left)
    }

    fn to_wire(&self) -> Option<Wire> {
        let after =
            |later: u64, earlier: u64| i64::try_from(i128::from(later) - i128::from(earlier)).ok();
        Some(Wire {
            session: self.session,
            state: self.state,
            rests_on: self.rests_on,
            first_joined: self.first_joined,
            joined_after_first: after(self.joined, self.first_joined)?,
            left_after_joined: match self.left {
                0 => None,
                left => Some(after(left, self.joined)?),
            },
            uptime: self.uptime,
            issued_after: after(self.issued_at, Presence::transition(self.joined, self.left))?,
            imported: self.imported,
            horizon: self.horizon,
            tallies: self.tallies.clone(),
            counted_after_joined: after(self.counted_from, self.joined)?,
        })
    }

    fn from_wire(wire: Wire) -> Option<Presence> {
        let joined = wire.first_joined.checked_add_signed(wire.joined_after_first)?;
        let left = match wire.left_after_joined {
            None => 0,
            Some(distance) => joined.checked_add_signed(distance)?,
        };
        let issued_at = Presence::transition(joined, left).checked_add_signed(wire.issued_after)?;
        Some(Presence {
            session: wire.session,
            state: wire.state,
            rests_on: wire.rests_on,
            first_joined: wire.first_joined,
            joined,
            left,
            uptime: wire.uptime,
            issued_at,
            imported: wire.imported,
            horizon: wire.horizon,
            tallies: wire.tallies,
            counted_from: joined.checked_add_signed(wire.counted_after_joined)?,
        })
    }
}

impl Serialize for Presence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_wire().ok_or(S::Error::custom("times out of range"))?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Presence, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Presence::from_wire(wire).ok_or(D::Error::custom("times out of range"))
    }
}
