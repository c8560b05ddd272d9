//! What is on disk already, and so may be shown to others.
//!
//! A frame is `must_sync` (the node's epoch, an authority's own statements) or lazy (what others
//! hold too). What depends on a `must_sync` frame is held back until the caller says that it is
//! durable; what was received costs no sync.
//!
//! Invariants:
//! - `visible` is below every own statement that may not be on disk;
//! - nothing leaves the node in the name of an epoch that may not be on disk;
//! - `durable` is below every own statement of which what it said may not be on disk, whether it is
//!   still held or gave way to a later one.

/// Follows the journal's frames from written to durable.
#[derive(Debug)]
pub(crate) struct Durability {
    /// The position of the last frame given out.
    position: u64,
    /// The position of the last frame given out that is `must_sync`.
    must_position: u64,
    /// The position of the last frame known to be durable.
    synced: u64,
    /// The position of the frame that holds the epoch, once it was given out.
    epoch_position: Option<u64>,
    /// Up to which change the journal was drained, and by which frame: the drain that is awaited,
    /// and the latest after it.
    awaited: Option<Drained>,
    latest: Option<Drained>,
    /// The own statements that may not be on disk: from a change up to a change.
    unsynced: Option<(u64, u64)>,
    /// The last change up to which all was given out.
    drained: u64,
    /// Own statements gave way before they were given out, the first of them made by a change: what
    /// they said is on disk with the second change.
    owed: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Drained {
    position: u64,
    change: u64,
}

impl Durability {
    /// Nothing was written yet.
    pub(crate) const fn new() -> Durability {
        Durability {
            position: 0,
            must_position: 0,
            synced: 0,
            epoch_position: None,
            awaited: None,
            latest: None,
            unsynced: None,
            drained: 0,
            owed: None,
        }
    }

    /// Numbers a frame that is given out.
    pub(crate) fn next_position(&mut self, must_sync: bool) -> u64 {
        self.position += 1;
        if must_sync {
            self.must_position = self.position;
        }
        self.position
    }

    /// The epoch changed: it is not on disk until [`Durability::epoch_written`]'s frame is.
    pub(crate) fn epoch_changed(&mut self) {
        self.epoch_position = None;
    }

    pub(crate) fn epoch_written(&mut self, position: u64) {
        self.epoch_position = Some(position);
    }

    /// Whether statements may leave the node.
    pub(crate) fn epoch_durable(&self) -> bool {
        self.epoch_position.is_some_and(|position| position <= self.synced)
    }

    /// An own statement was made, by the changes from `first` to `last`: what it brings along must
    /// not be lost without it either.
    pub(crate) fn own_statement(&mut self, first: u64, last: u64) {
        let earlier = self.unsynced.unwrap_or((first, last));
        self.unsynced = Some((earlier.0.min(first), earlier.1.max(last)));
    }

    /// The own statement made by the change `earlier` gave way to the one made by `later`, which
    /// says what it said.
    pub(crate) fn gave_way(&mut self, earlier: u64, later: u64) {
        if earlier > self.drained {
            let owed = self.owed.unwrap_or((earlier, later));
            self.owed = Some((owed.0.min(earlier), owed.1.max(later)));
        }
    }

    /// All changes up to `change` were given out as frames.
    pub(crate) fn drained(&mut self, change: u64) {
        self.drained = self.drained.max(change);
        // Lazy frames behind the last one that matters are not waited for.
        let drained = Drained { position: self.must_position, change };
        match self.awaited {
            None => self.awaited = Some(drained),
            Some(awaited) if awaited == drained => {}
            Some(_) => self.latest = Some(drained),
        }
        self.settle();
    }

    /// All frames up to `position` are durable.
    pub(crate) fn synced(&mut self, position: u64) {
        self.synced = self.synced.max(position.min(self.position));
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(awaited) = self.awaited.filter(|awaited| awaited.position <= self.synced) {
            self.unsynced = match self.unsynced {
                Some((_, last)) if last <= awaited.change => None,
                Some((first, last)) => Some((first.max(awaited.change + 1), last)),
                None => None,
            };
            self.owed = self.owed.filter(|(_, later)| *later > awaited.change);
            self.awaited = self.latest.take();
        }
    }

    /// Whether the frame at `position` is durable.
    pub(crate) fn is_synced(&self, position: u64) -> bool {
        position <= self.synced
    }

    /// The last change, of `head` in all, up to which no own statement may be lost.
    pub(crate) fn visible(&self, head: u64) -> u64 {
        self.unsynced.map_or(head, |(first, _)| first - 1)
    }

    /// The last change, of `head` in all, up to which nothing that own statements said may be lost.
    pub(crate) fn durable(&self, head: u64) -> u64 {
        let visible = self.visible(head);
        self.owed.map_or(visible, |(first, _)| visible.min(first - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_statement_is_visible_once_its_frame_is_durable() {
        let mut durability = Durability::new();
        durability.own_statement(3, 3);
        assert_eq!(durability.visible(5), 2);
        let position = durability.next_position(true);
        durability.drained(5);
        assert_eq!(durability.visible(5), 2);
        durability.synced(position);
        assert_eq!(durability.visible(5), 5);
    }

    #[test]
    fn statement_that_brings_others_along_is_visible_with_the_last_of_them() {
        let mut durability = Durability::new();
        durability.own_statement(3, 5);
        durability.own_statement(4, 4);
        assert_eq!(durability.visible(5), 2);
        let position = durability.next_position(true);
        durability.drained(5);
        durability.synced(position);
        assert_eq!(durability.visible(5), 5);
    }

    #[test]
    fn what_is_made_while_a_sync_is_under_way_waits_for_the_next() {
        let mut durability = Durability::new();
        durability.own_statement(1, 1);
        let first = durability.next_position(true);
        durability.drained(1);
        durability.own_statement(2, 2);
        let second = durability.next_position(true);
        durability.drained(2);
        durability.own_statement(3, 3);
        durability.synced(first);
        assert_eq!(durability.visible(3), 1);
        durability.synced(second);
        assert_eq!(durability.visible(3), 2);
    }

    #[test]
    fn what_gave_way_before_it_was_given_out_is_durable_with_what_it_gave_way_to() {
        let mut durability = Durability::new();
        durability.own_statement(1, 1);
        durability.own_statement(3, 3);
        durability.gave_way(1, 3);
        // All that is left before the third change.
        durability.drained(2);
        assert_eq!((durability.visible(3), durability.durable(3)), (2, 0));
        let position = durability.next_position(true);
        durability.drained(3);
        assert_eq!(durability.durable(3), 0);
        durability.synced(position);
        assert_eq!(durability.durable(3), 3);
        // What was given out is on disk by itself.
        durability.own_statement(4, 4);
        durability.gave_way(3, 4);
        assert_eq!(durability.durable(4), 3);
    }

    #[test]
    fn lazy_frames_behind_it_are_not_waited_for() {
        let mut durability = Durability::new();
        durability.own_statement(1, 1);
        let own = durability.next_position(true);
        durability.next_position(false);
        durability.drained(2);
        durability.synced(own);
        assert_eq!(durability.visible(2), 2);
    }

    #[test]
    fn epoch_counts_from_the_sync_of_its_own_frame() {
        let mut durability = Durability::new();
        durability.epoch_changed();
        assert!(!durability.epoch_durable());
        let position = durability.next_position(true);
        durability.epoch_written(position);
        assert!(!durability.epoch_durable());
        durability.synced(position);
        assert!(durability.epoch_durable());
        durability.epoch_changed();
        assert!(!durability.epoch_durable());
    }
}
