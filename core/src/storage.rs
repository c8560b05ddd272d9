//! Where the roll lives: inline arrays of fixed capacity, or the heap.
//!
//! The tables are written once against two small traits, [`List`] and [`Buffer`]; [`Inline`] and
//! [`Heap`] say what stands behind them. Full is a value, never a panic.

use core::{fmt::Debug, ops::DerefMut};

/// There is no room for what was offered; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A growable row of values.
pub trait List<T>: Default + Debug + DerefMut<Target = [T]> {
    /// Inserts `value` before place `index`, which is at most the length.
    fn insert_at(&mut self, index: usize, value: T) -> Result<(), Full>;
    /// Takes out the value at `index`, keeping the order of the others.
    fn remove_at(&mut self, index: usize) -> T;
    /// Takes out the value at `index`, putting the last one in its place.
    fn swap_remove_at(&mut self, index: usize) -> T;
    /// How many values fit; `usize::MAX` where only memory bounds them.
    fn capacity_max(&self) -> usize;
}

/// A row of bytes that can be spliced.
pub trait Buffer: Clone + Default + Debug + DerefMut<Target = [u8]> {
    /// Makes it `size` bytes long; new bytes are zero.
    fn set_size(&mut self, size: usize) -> Result<(), Full>;

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
    /// How many nodes wait outside the roll at most.
    const WAITING_MAX: usize;
    /// How many connected peers are synchronised with at most.
    const PEERS_MAX: usize;
}

/// Storage in the tracker itself: no allocator needed.
///
/// `NODES` nodes of up to `BYTES` bytes of statements each, of which the table needs 8 for itself
/// per statement, `PEERS` connected peers, and as many nodes that wait outside the roll.
#[derive(Debug)]
pub struct Inline<const NODES: usize, const BYTES: usize, const PEERS: usize>;

impl<const NODES: usize, const BYTES: usize, const PEERS: usize> Storage
    for Inline<NODES, BYTES, PEERS>
{
    type Statements = heapless::Vec<u8, BYTES>;
    type PerNode<T: Debug> = heapless::Vec<T, NODES>;
    type PerPeer<T: Debug> = heapless::Vec<T, PEERS>;
    const WAITING_MAX: usize = PEERS;
    const PEERS_MAX: usize = PEERS;
}

impl<T: Debug, const N: usize> List<T> for heapless::Vec<T, N> {
    fn insert_at(&mut self, index: usize, value: T) -> Result<(), Full> {
        self.insert(index, value).map_err(|_value| Full)
    }

    fn remove_at(&mut self, index: usize) -> T {
        self.remove(index)
    }

    fn swap_remove_at(&mut self, index: usize) -> T {
        self.swap_remove(index)
    }

    fn capacity_max(&self) -> usize {
        N
    }
}

impl<const N: usize> Buffer for heapless::Vec<u8, N> {
    fn set_size(&mut self, size: usize) -> Result<(), Full> {
        self.resize(size, 0).map_err(|_too_long| Full)
    }
}

#[cfg(feature = "alloc")]
mod heap {
    use alloc::vec::Vec;

    use super::{Buffer, Debug, Full, List, Storage};

    /// Storage on the heap.
    #[derive(Debug)]
    pub struct Heap;

    impl Storage for Heap {
        type Statements = Vec<u8>;
        type PerNode<T: Debug> = Vec<T>;
        type PerPeer<T: Debug> = Vec<T>;
        const WAITING_MAX: usize = 1024;
        const PEERS_MAX: usize = 4096;
    }

    impl<T: Debug> List<T> for Vec<T> {
        fn insert_at(&mut self, index: usize, value: T) -> Result<(), Full> {
            self.insert(index, value);
            Ok(())
        }

        fn remove_at(&mut self, index: usize) -> T {
            self.remove(index)
        }

        fn swap_remove_at(&mut self, index: usize) -> T {
            self.swap_remove(index)
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
            Ok(())
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
