//! What happens when: the queue of a simulation.
//!
//! Invariant: of two things at one time, the one that was put in first comes out first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

/// Things to happen, by time.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    order: BinaryHeap<Reverse<(u64, u64)>>,
    /// Those that stand in `order`, by their number.
    things: BTreeMap<u64, T>,
    next: u64,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        Queue { order: BinaryHeap::new(), things: BTreeMap::new(), next: 0 }
    }

    /// Lets `thing` happen at `ms`.
    pub(crate) fn push(&mut self, ms: u64, thing: T) {
        self.order.push(Reverse((ms, self.next)));
        self.things.insert(self.next, thing);
        self.next += 1;
    }

    /// The next thing up to `end_ms`, with its time.
    pub(crate) fn pop(&mut self, end_ms: u64) -> Option<(u64, T)> {
        let Reverse((ms, number)) = *self.order.peek()?;
        if ms > end_ms {
            return None;
        }
        self.order.pop();
        let thing = self.things.remove(&number).expect("what is in the order is there");
        Some((ms, thing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_by_time_and_then_in_the_order_in_which_they_were_put_in() {
        let mut queue = Queue::new();
        queue.push(5, "b");
        queue.push(3, "a");
        queue.push(5, "c");
        queue.push(9, "d");
        let upto_8: Vec<_> = std::iter::from_fn(|| queue.pop(8)).collect();
        assert_eq!(upto_8, [(3, "a"), (5, "b"), (5, "c")]);
        assert_eq!(queue.pop(9), Some((9, "d")));
    }
}
