//! What a tracker of this library is made of.

use rollbook_core::NodeEventTracker;

use crate::keys::Keys;

/// The tracker behind a handle.
pub(crate) type Tracker = NodeEventTracker<Storage, Keys>;

/// Tables on the heap.
#[cfg(feature = "std")]
pub(crate) type Storage = rollbook_core::Heap;

/// Tables within the handle.
#[cfg(not(feature = "std"))]
pub(crate) type Storage = rollbook_core::Inline<NODES, BYTES, PEERS, LEASES>;

/// Nodes of the roll.
#[cfg(not(feature = "std"))]
const NODES: usize = capacity(option_env!("ROLLBOOK_NODES"), 32);
/// Bytes of statements per node.
#[cfg(not(feature = "std"))]
const BYTES: usize = capacity(option_env!("ROLLBOOK_STATEMENT_BYTES"), 768);
/// Connected peers, and nodes that wait outside the roll.
#[cfg(not(feature = "std"))]
const PEERS: usize = capacity(option_env!("ROLLBOOK_PEERS"), 4);
/// Sessions that an authority knows to be here: none for a device that is never one.
#[cfg(not(feature = "std"))]
const LEASES: usize = capacity(option_env!("ROLLBOOK_LEASES"), 0);

/// The number in a setting of the build.
#[cfg(not(feature = "std"))]
const fn capacity(setting: Option<&str>, otherwise: usize) -> usize {
    let Some(text) = setting else { return otherwise };
    let digits = text.as_bytes();
    assert!(!digits.is_empty() && digits.len() <= 6, "a capacity is a number below a million");
    let (mut index, mut number) = (0, 0);
    while index < digits.len() {
        assert!(digits[index].is_ascii_digit(), "a capacity is a number");
        number = number * 10 + (digits[index] - b'0') as usize;
        index += 1;
    }
    number
}
