//! Where the roll lives: inline arrays of fixed capacity, or the heap.
//!
//! The tables are written once against two small traits, [`List`] and [`Buffer`]; [`Inline`] and
//! [`Heap`] say what stands behind them. Full is a value, never a panic.

use core::{fmt::Debug, ops::DerefMut};

/// There is no room for what was offered; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A growable row of values.
pub trait List<T>: Debug + DerefMut<Target = [T]> {
    /// No values: a constant, so that tables begin where they stay.
    const EMPTY: Self;
    /// Inserts `value` before place `index`, which is at most the length.
    fn insert_at(&mut self, index: usize, value: T) -> Result<(), Full>;
    /// Takes out the value at `index`, keeping the order of the others.
    fn remove_at(&mut self, index: usize) -> T;
    /// Takes out the value at `index`, putting the last one in its place.
    fn swap_remove_at(&mut self, index: usize) -> T;
    /// Takes all values out.
    fn clear(&mut self);
    /// How many values fit; `usize::MAX` where only memory bounds them.
    fn capacity_max(&self) -> usize;
}

/// A row of bytes that can be spliced.
pub trait Buffer: Clone + Default + Debug + DerefMut<Target = [u8]> {
    /// Makes it `size` bytes long; new bytes are zero.
    fn set_size(&mut self, size: usize) -> Result<(), Full>;
    /// How many bytes fit; `usize::MAX` where only memory bounds them.
    fn capacity_max(&self) -> usize;

    /// Puts `with` in the place of the `removed` bytes from `start` on.
    fn splice(&mut self, start: usize, removed: usize, with: &[u8]) -> Result<(), Full> {
        let size = self.len();
        let grown = (size - removed) + with.len();
        if grown > size {
            self.set_size(grown)?;
        }
        self.copy_within(start + removed..size, start + with.len());
        self[start..start + with.len()].copy_from_slice(with);
        if grown < size {
            self.set_size(grown)?;
        }
        Ok(())
    }
}

/// The memory of one tracker.
pub trait Storage: Sized + Debug {
    /// The statements of one node.
    type Statements: Buffer;
    /// Something for each node of the roll.
    type PerNode<T: Debug>: List<T>;
    /// Something for each connected peer, and for each node that waits outside the roll.
    type PerPeer<T: Debug>: List<T>;
    /// Something for each session that an authority knows to be here.
    type PerLease<T: Debug>: List<T>;
    /// Something for each step of a walk that is still to be done.
    type PerWalk<T: Debug>: List<T>;
    /// How many nodes wait outside the roll at most.
    const WAITING_MAX: usize;
    /// How many connected peers are synchronised with at most.
    const PEERS_MAX: usize;
    /// How many steps of a walk are remembered at most; at least 64. More make a walk over many
    /// differences take fewer exchanges.
    const WALK_MAX: usize;
}

/// Storage in the tracker itself: no allocator needed.
///
/// `NODES` nodes of up to `BYTES` bytes of statements each (a statement takes some 30 bytes less
/// than on the wire, since the node's id is held once), `PEERS` connected peers, and as many nodes that wait outside the roll. Only an
/// authority needs `LEASES`, one for each node that it is to know to be here.
///
/// An empty tracker is all zero bytes, so a static one takes no room in a program's image:
///
/// ```
/// use rollbook_core::{Inline, Keypair, NodeEventTracker};
///
/// const TRACKER: NodeEventTracker<Inline<32, 768, 4>, Keypair> = NodeEventTracker::new();
/// ```
#[derive(Debug)]
pub struct Inline<
    const NODES: usize,
    const BYTES: usize,
    const PEERS: usize,
    const LEASES: usize = 0,
>;

impl<const NODES: usize, const BYTES: usize, const PEERS: usize, const LEASES: usize> Storage
    for Inline<NODES, BYTES, PEERS, LEASES>
{
    type Statements = heapless::Vec<u8, BYTES>;
    type PerNode<T: Debug> = heapless::Vec<T, NODES>;
    type PerPeer<T: Debug> = heapless::Vec<T, PEERS>;
    type PerLease<T: Debug> = heapless::Vec<T, LEASES>;
    type PerWalk<T: Debug> = heapless::Vec<T, 64>;
    const WAITING_MAX: usize = PEERS;
    const PEERS_MAX: usize = PEERS;
    const WALK_MAX: usize = 64;
}

impl<T: Debug, const N: usize> List<T> for heapless::Vec<T, N> {
    const EMPTY: Self = heapless::Vec::new();

    fn insert_at(&mut self, index: usize, value: T) -> Result<(), Full> {
        self.insert(index, value).map_err(|_value| Full)
    }

    fn remove_at(&mut self, index: usize) -> T {
        self.remove(index)
    }

    fn swap_remove_at(&mut self, index: usize) -> T {
        self.swap_remove(index)
    }

    fn clear(&mut self) {
        self.clear();
    }

    fn capacity_max(&self) -> usize {
        N
    }
}

impl<const N: usize> Buffer for heapless::Vec<u8, N> {
    fn set_size(&mut self, size: usize) -> Result<(), Full> {
        self.resize(size, 0).map_err(|_too_long| Full)
    }

    fn capacity_max(&self) -> usize {
        N
    }
}

#[cfg(feature = "alloc")]
mod heap {
    use alloc::vec::Vec;

    use super::{Buffer, Debug, Full, List, Storage};

    /// By how many values a table grows at least.
    const GROWTH_MIN: usize = 8;

    /// Storage on the heap.
    #[derive(Debug)]
    pub struct Heap;

    impl Storage for Heap {
        type Statements = Vec<u8>;
        type PerNode<T: Debug> = Vec<T>;
        type PerPeer<T: Debug> = Vec<T>;
        type PerLease<T: Debug> = Vec<T>;
        type PerWalk<T: Debug> = Vec<T>;
        const WAITING_MAX: usize = 1024;
        const PEERS_MAX: usize = 4096;
        const WALK_MAX: usize = 1024;
    }

    impl<T: Debug> List<T> for Vec<T> {
        const EMPTY: Self = Vec::new();

        fn insert_at(&mut self, index: usize, value: T) -> Result<(), Full> {
            // Growing by an eighth instead of doubling, a table is never half empty.
            if self.len() == self.capacity() {
                self.reserve_exact(GROWTH_MIN.max(self.len() / 8));
            }
            self.insert(index, value);
            Ok(())
        }

        fn remove_at(&mut self, index: usize) -> T {
            self.remove(index)
        }

        fn swap_remove_at(&mut self, index: usize) -> T {
            self.swap_remove(index)
        }

        fn clear(&mut self) {
            self.clear();
        }

        fn capacity_max(&self) -> usize {
            usize::MAX
        }
    }

    impl Buffer for Vec<u8> {
        fn set_size(&mut self, size: usize) -> Result<(), Full> {
            // Statements change seldom and there are many nodes: no spare room is kept.
            self.reserve_exact(size.saturating_sub(self.len()));
            self.resize(size, 0);
            self.shrink_to_fit();
            Ok(())
        }

        fn capacity_max(&self) -> usize {
            usize::MAX
        }
    }
}

#[cfg(feature = "alloc")]
pub use heap::Heap;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splice_replaces_grows_and_shrinks() {
        let mut buffer = heapless::Vec::<u8, 8>::from_slice(b"abcdef").expect("fits");
        buffer.splice(1, 2, b"XYZ").expect("fits");
        assert_eq!(&buffer[..], b"aXYZdef");
        buffer.splice(0, 4, b"-").expect("fits");
        assert_eq!(&buffer[..], b"-def");
        buffer.splice(4, 0, b"tail").expect("fits");
        assert_eq!(&buffer[..], b"-deftail");
        assert_eq!(buffer.splice(0, 1, b"--"), Err(Full));
        assert_eq!(&buffer[..], b"-deftail");
    }
}
