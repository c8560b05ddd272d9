//! What an authority's operator decided about a node.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use super::{Fields, Kind};
use crate::limits::REGISTERS_MAX;

/// Whether a node belongs to the network.
///
/// The code's highest bit says whether it admits, so that replicas agree about codes that they do
/// not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing(pub u8);

impl Standing {
    /// Waits for a decision or a first vouching. Never in a statement.
    pub const PENDING: Standing = Standing(0x00);
    /// Taken off the roll; may be admitted again.
    pub const REMOVED: Standing = Standing(0x01);
    /// Kept out.
    pub const BANNED: Standing = Standing(0x02);
    /// Belongs to the network.
    pub const ADMITTED: Standing = Standing(0x80);

    /// Whether a node of this standing belongs to the network.
    pub const fn admits(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// Something that an authority lets a node have or be: `staked`, `validator`, and 13 that the
/// application names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant(u8);

impl Grant {
    /// The node has a stake.
    pub const STAKED: Grant = Grant(1);
    /// The node validates for others.
    pub const VALIDATOR: Grant = Grant(2);
    /// How many grants the application names.
    pub const APP_COUNT: u8 = 13;

    /// The application's grant number `index`, from 0; `None` from 13 on.
    pub const fn app(index: u8) -> Option<Grant> {
        if index < Grant::APP_COUNT { Some(Grant(3 + index)) } else { None }
    }

    /// The number of an application's grant; `None` for the built-in ones.
    pub const fn app_index(self) -> Option<u8> {
        self.0.checked_sub(3)
    }

    /// All grants there are.
    pub fn all() -> impl Iterator<Item = Grant> {
        (1..=2 + Grant::APP_COUNT).map(Grant)
    }

    /// The register that holds it.
    pub const fn register(self) -> RegisterId {
        RegisterId(self.0)
    }
}

/// A set of grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants(u16);

impl Grants {
    /// Whether `grant` is in it.
    pub const fn contains(self, grant: Grant) -> bool {
        self.0 & (1 << grant.0) != 0
    }

    /// Adds `grant`.
    pub fn insert(&mut self, grant: Grant) {
        self.0 |= 1 << grant.0;
    }

    /// Its grants in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Grant> {
        Grant::all().filter(move |grant| self.contains(*grant))
    }
}

/// Which register: 0 is the standing, the others are grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RegisterId(pub u8);

impl RegisterId {
    /// The standing.
    pub const STANDING: RegisterId = RegisterId(0);

    /// How restrictive `value` is in this register: of two values with one stamp the more
    /// restrictive one counts.
    pub const fn restriction(self, value: u8) -> (bool, u8) {
        match self {
            // Not to admit restricts more than to admit; among equals the greater code decides.
            RegisterId(0) => (!Standing(value).admits(), value),
            // Not to grant restricts more than to grant.
            _ => (value == 0, value),
        }
    }
}

/// One decided value with its stamp.
///
/// The stamp is a Lamport number: one more than the greatest that the deciding authority had seen
/// for this node in any authority's decision. Versions of different writers are never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Which register.
    pub id: RegisterId,
    /// The standing's code, or 1 for granted and 0 for not.
    pub value: u8,
    /// Its Lamport number.
    pub stamp: u32,
}

impl Register {
    /// Of two values of one register, the one with the greater of these counts.
    pub(crate) fn precedence(&self) -> (u32, (bool, u8)) {
        (self.stamp, self.id.restriction(self.value))
    }
}

/// What an authority's operator decided about a node: registers, each with its stamp.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When it was made, in unix seconds by the authority's clock: shown, never compared.
    pub issued_at: u64,
    /// The decided registers, each once.
    pub registers: Vec<Register, REGISTERS_MAX>,
}

impl Fields<'_> for Decision {
    const KIND: Kind = Kind::Decision;
}

impl Decision {
    /// Sets a register, in place of what stood there. `false` if all 16 places are taken.
    #[must_use]
    pub fn set(&mut self, register: Register) -> bool {
        match self.registers.iter_mut().find(|held| held.id == register.id) {
            Some(held) => {
                *held = register;
                true
            }
            None => self.registers.push(register).is_ok(),
        }
    }

    /// Takes over from an earlier decision by the same writer what this one lacks: registers, and
    /// values with greater stamps. Says whether there was anything. A decision holds all that its
    /// writer decided before, unless the writer had forgotten it.
    pub(crate) fn recall(&mut self, earlier: &Decision) -> bool {
        let mut recalled = false;
        for register in &earlier.registers {
            let held = self.registers.iter().find(|held| held.id == register.id);
            if held.is_none_or(|held| held.precedence() < register.precedence()) {
                recalled |= self.set(*register);
            }
        }
        recalled
    }

    /// The greatest stamp in it.
    pub fn stamp_max(&self) -> u32 {
        self.registers.iter().map(|register| register.stamp).max().unwrap_or(0)
    }
}
