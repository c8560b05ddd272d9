//! The roll: all `NodeData` that this replica holds, in order, with its sequence of changes.
//!
//! Every change of a statement takes the next number of one sequence and moves its node to the end
//! of one list. Whoever follows the roll (the journal, gossip, events, other replicas) reads that
//! list from where it stopped, so nothing is queued per reader and a node that changed twice is
//! read once.
//!
//! Invariants:
//! - `order` holds each entry's index once, sorted by the hash of its peer id, then the id;
//! - the list from `oldest` to `newest` holds each entry once, by rising change number;
//! - an entry's change number is at least that of each of its statements;
//! - a bucket of the digest is marked stale from a change in it until it is computed again.

use sha2::{Digest, Sha256};

use crate::{
    node_data::{Held, NodeData, Offer},
    peer_id::PeerId,
    statement::{Any, Signed},
    storage::{Full, List, Storage},
    view::Here,
};

/// How many buckets the digest has: one per first byte of a node's order key.
const BUCKET_COUNT: usize = 256;
/// What stands for the end of the list of changes.
const NONE: u32 = u32::MAX;

/// The first 16 bytes of a SHA-256.
pub type Root = [u8; 16];

/// A node in the roll.
#[derive(Debug)]
pub(crate) struct Entry<S: Storage> {
    node: NodeData<S::Statements>,
    order_key: u64,
    changed: u64,
    older: u32,
    newer: u32,
    /// What was last reported to the application about it.
    pub(crate) reported: Reported,
}

/// What the application was last told about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) standing: u8,
    pub(crate) grants: crate::statement::Grants,
    pub(crate) here: Here,
    /// The session that it was told to have joined in.
    pub(crate) session: crate::statement::Session,
    pub(crate) announcement: crate::version::Version,
}

impl<S: Storage> Entry<S> {
    /// What is held about the node.
    pub(crate) fn node(&self) -> &NodeData<S::Statements> {
        &self.node
    }

    /// The number of its last change.
    pub(crate) fn changed(&self) -> u64 {
        self.changed
    }
}

/// The table of all nodes that this replica knows of.
#[derive(Debug)]
pub struct Roll<S: Storage> {
    entries: S::PerNode<Entry<S>>,
    order: S::PerNode<u32>,
    oldest: u32,
    newest: u32,
    /// The number of the last change.
    head: u64,
    /// The most nodes that are held.
    capacity: usize,
    /// The size of all statements, in bytes.
    size: u64,
    buckets: [Root; BUCKET_COUNT],
    stale: [bool; BUCKET_COUNT],
}

impl<S: Storage> Roll<S> {
    /// An empty roll of at most `capacity` nodes.
    pub fn new(capacity: usize) -> Roll<S> {
        let entries = S::PerNode::<Entry<S>>::default();
        Roll {
            capacity: capacity.min(entries.capacity_max()),
            entries,
            order: S::PerNode::default(),
            oldest: NONE,
            newest: NONE,
            head: 0,
            size: 0,
            buckets: [[0; 16]; BUCKET_COUNT],
            stale: [false; BUCKET_COUNT],
        }
    }

    /// Takes `statement` in if it advances its slot, adding its subject if need be.
    pub fn put(&mut self, statement: &Signed<'_, Any>) -> Result<Offer, Full> {
        let subject = statement.subject().expect("a parsed statement has a peer id as subject");
        let order_key = subject.order_key();
        let offer = match self.find(order_key, &subject) {
            Ok(place) => {
                let index = self.order[place];
                let entry = &mut self.entries[slot(index)];
                let size = size_of_statements(entry.node());
                let offer = entry.node.put(statement, self.head + 1)?;
                if offer.advances() {
                    self.size = self.size - size + size_of_statements(entry.node());
                    self.touch(index);
                }
                offer
            }
            Err(place) => {
                let mut node = NodeData::new(subject);
                let offer = node.put(statement, self.head + 1)?;
                self.insert(place, order_key, node)?;
                offer
            }
        };
        Ok(offer)
    }

    /// Drops what the fold of `peer` has no use for, given whether it is admitted.
    pub fn normalise(&mut self, peer: &PeerId, admitted: bool) {
        let Ok(place) = self.find(peer.order_key(), peer) else { return };
        let index = self.order[place];
        let entry = &mut self.entries[slot(index)];
        let size = size_of_statements(entry.node());
        if entry.node.normalise(admitted) {
            self.size = self.size - size + size_of_statements(entry.node());
            self.touch(index);
        }
    }

    /// Takes `peer` out.
    pub fn remove(&mut self, peer: &PeerId) {
        let Ok(place) = self.find(peer.order_key(), peer) else { return };
        let index = self.order.remove_at(place);
        self.unlink(index);
        let last = u32::try_from(self.entries.len() - 1).expect("indices are 32 bits");
        if index != last {
            let moved = &self.entries[slot(last)];
            let (key, subject) = (moved.order_key, *moved.node.subject());
            let (older, newer) = (moved.older, moved.newer);
            let place = self.find(key, &subject).expect("every entry is in the order");
            self.order[place] = index;
            self.link_neighbours(older, newer, index);
        }
        let removed = self.entries.swap_remove_at(slot(index));
        self.size -= size_of_statements(&removed.node);
        self.mark_stale(removed.order_key);
    }

    /// The node's statements.
    pub fn get(&self, peer: &PeerId) -> Option<&NodeData<S::Statements>> {
        self.entry(peer).map(|entry| &entry.node)
    }

    pub(crate) fn entry(&self, peer: &PeerId) -> Option<&Entry<S>> {
        let place = self.find(peer.order_key(), peer).ok()?;
        Some(&self.entries[slot(self.order[place])])
    }

    /// The node at `index`, from 0 to the count.
    pub(crate) fn node_at(&self, index: usize) -> Option<&NodeData<S::Statements>> {
        self.entries.get(index).map(|entry| &entry.node)
    }

    pub(crate) fn entry_mut(&mut self, index: u32) -> &mut Entry<S> {
        &mut self.entries[slot(index)]
    }

    /// All nodes in the roll's order.
    pub fn iter(&self) -> impl Iterator<Item = &NodeData<S::Statements>> {
        self.order.iter().map(|index| &self.entries[slot(*index)].node)
    }

    /// How many nodes are held.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Whether another node would find room.
    pub fn has_room(&self) -> bool {
        self.count() < self.capacity
    }

    /// The size of all statements, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The number of the last change.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The first entry in the order of changes whose number is above `after`. Walks back from the
    /// newest, so it costs as much as has changed since.
    fn first_after(&self, after: u64) -> Option<(u32, &Entry<S>)> {
        if after == 0 {
            return self.entries.get(slot(self.oldest)).map(|entry| (self.oldest, entry));
        }
        let mut found = None;
        let mut index = self.newest;
        while index != NONE {
            let entry = &self.entries[slot(index)];
            if entry.changed <= after {
                break;
            }
            found = Some((index, entry));
            index = entry.older;
        }
        found
    }

    /// The entry that changed next after the one at `index`, if that still has the number
    /// `changed`.
    fn next_of(&self, index: u32, changed: u64) -> Option<Option<(u32, &Entry<S>)>> {
        let entry = self.entries.get(slot(index)).filter(|entry| entry.changed == changed)?;
        Some(match entry.newer {
            NONE => None,
            newer => Some((newer, &self.entries[slot(newer)])),
        })
    }

    /// A digest of all payloads: equal on two replicas exactly if they hold the same.
    ///
    /// The root is over the count and 256 bucket digests, a bucket over the digests of the nodes
    /// whose order key begins with its number, a node over the payloads of its statements.
    /// Signatures are no part of it.
    pub fn root(&self) -> Root {
        let mut hasher = Sha256::new();
        hasher.update(u32::try_from(self.count()).unwrap_or(u32::MAX).to_be_bytes());
        for (bucket, digest) in self.buckets.iter().enumerate() {
            let fresh = if self.stale[bucket] { self.bucket_digest(bucket) } else { *digest };
            hasher.update(fresh);
        }
        first_half(hasher)
    }

    /// Computes the stale buckets, so that [`Roll::root`] need not do it again.
    pub fn refresh_root(&mut self) {
        for bucket in 0..BUCKET_COUNT {
            if self.stale[bucket] {
                self.buckets[bucket] = self.bucket_digest(bucket);
                self.stale[bucket] = false;
            }
        }
    }

    fn bucket_digest(&self, bucket: usize) -> Root {
        let in_bucket = |index: &u32| bucket_of(self.entries[slot(*index)].order_key);
        let start = self.order.partition_point(|index| in_bucket(index) < bucket);
        let nodes = self.order[start..].iter().take_while(|index| in_bucket(index) == bucket);
        let mut hasher = Sha256::new();
        let mut empty = true;
        for index in nodes {
            empty = false;
            hasher.update(node_digest(&self.entries[slot(*index)].node));
        }
        if empty { [0; 16] } else { first_half(hasher) }
    }

    fn find(&self, order_key: u64, peer: &PeerId) -> Result<usize, usize> {
        self.order.binary_search_by(|index| {
            let entry = &self.entries[slot(*index)];
            (entry.order_key, entry.node.subject()).cmp(&(order_key, peer))
        })
    }

    fn insert(
        &mut self,
        place: usize,
        order_key: u64,
        node: NodeData<S::Statements>,
    ) -> Result<(), Full> {
        if !self.has_room() {
            return Err(Full);
        }
        let index = u32::try_from(self.entries.len()).map_err(|_over_32_bits| Full)?;
        self.size += size_of_statements(&node);
        let entry = Entry {
            node,
            order_key,
            changed: 0,
            older: NONE,
            newer: NONE,
            reported: Reported {
                standing: crate::statement::Standing::PENDING.0,
                grants: crate::statement::Grants::default(),
                here: Here::Unknown,
                session: crate::statement::Session::default(),
                announcement: crate::version::Version::ZERO,
            },
        };
        let end = self.entries.len();
        self.entries.insert_at(end, entry)?;
        self.order
            .insert_at(place, index)
            .expect("the order has as many places as there are entries");
        self.append(index);
        Ok(())
    }

    /// Gives the entry at `index` the next change number and moves it to the end of the list.
    fn touch(&mut self, index: u32) {
        self.unlink(index);
        self.append(index);
    }

    fn append(&mut self, index: u32) {
        self.head += 1;
        let newest = self.newest;
        let head = self.head;
        let entry = &mut self.entries[slot(index)];
        debug_assert!(entry.changed < head);
        entry.changed = head;
        entry.older = newest;
        entry.newer = NONE;
        let order_key = entry.order_key;
        self.link_neighbours(newest, NONE, index);
        self.mark_stale(order_key);
    }

    fn unlink(&mut self, index: u32) {
        let (older, newer) = {
            let entry = &self.entries[slot(index)];
            (entry.older, entry.newer)
        };
        match older {
            NONE => self.oldest = newer,
            older => self.entries[slot(older)].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.entries[slot(newer)].older = older,
        }
    }

    /// Makes what stands before and after a place in the list point to `index`.
    fn link_neighbours(&mut self, older: u32, newer: u32, index: u32) {
        match older {
            NONE => self.oldest = index,
            older => self.entries[slot(older)].newer = index,
        }
        match newer {
            NONE => self.newest = index,
            newer => self.entries[slot(newer)].older = index,
        }
    }

    fn mark_stale(&mut self, order_key: u64) {
        self.stale[bucket_of(order_key)] = true;
    }
}

fn slot(index: u32) -> usize {
    usize::try_from(index).expect("an index of 32 bits fits a pointer")
}

fn bucket_of(order_key: u64) -> usize {
    usize::from(order_key.to_be_bytes()[0])
}

fn size_of_statements(node: &NodeData<impl crate::storage::Buffer>) -> u64 {
    node.statements().map(|held| held.statement.wire().len() as u64).sum()
}

fn node_digest(node: &NodeData<impl crate::storage::Buffer>) -> Root {
    let mut hasher = Sha256::new();
    hasher.update([u8::try_from(node.subject().as_bytes().len()).expect("at most 42 bytes")]);
    hasher.update(node.subject().as_bytes());
    for held in node.statements() {
        let payload = held.statement.payload();
        hasher.update(u16::try_from(payload.len()).expect("payloads are bounded").to_be_bytes());
        hasher.update(payload);
    }
    first_half(hasher)
}

fn first_half(hasher: Sha256) -> Root {
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize()[..16]);
    half
}

/// A place in the sequence of changes, from which a reader goes on.
///
/// Nodes are read in the order of their last change, and a node carries statements of several
/// changes. So a reader remembers two numbers: `since`, up to which it had read everything when it
/// last reached the end, and `after`, how far it has come from there. Of the nodes after `after`
/// it wants the statements since `since`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangeReader {
    since: u64,
    after: u64,
    /// The entry at `after`, to go on from without a search.
    index: u32,
    /// The entry being read, by its change number, and how many of its statements are read.
    within: (u64, usize),
}

impl ChangeReader {
    /// From the given place on.
    pub(crate) fn from(since: u64, after: u64) -> ChangeReader {
        ChangeReader { since, after, index: NONE, within: (0, 0) }
    }

    /// The next entry to read, with its place.
    pub(crate) fn peek<'r, S: Storage>(&self, roll: &'r Roll<S>) -> Option<(u32, &'r Entry<S>)> {
        match roll.next_of(self.index, self.after) {
            Some(next) if self.after > 0 => next,
            _ => roll.first_after(self.after),
        }
    }

    /// Whether the statement is one that this reader wants.
    pub(crate) fn wants(&self, held: &Held<'_>) -> bool {
        held.changed > self.since
    }

    /// Goes past the entry that [`ChangeReader::peek`] gave.
    pub(crate) fn pass<S: Storage>(&mut self, index: u32, entry: &Entry<S>) {
        self.index = index;
        self.after = entry.changed();
    }

    /// Notes that the end was reached: everything up to here is read.
    pub(crate) fn complete(&mut self) {
        self.since = self.after;
    }

    /// Up to which change everything is read.
    pub(crate) fn since(&self) -> u64 {
        self.since
    }

    /// How far it has come.
    pub(crate) fn after(&self) -> u64 {
        self.after
    }

    /// The next wanted statement in an entry whose number is at most `limit`; `None` at the end or
    /// the limit.
    pub(crate) fn next_statement<'r, S: Storage>(
        &mut self,
        roll: &'r Roll<S>,
        limit: u64,
    ) -> Option<(&'r Entry<S>, Held<'r>)> {
        loop {
            let Some((index, entry)) = self.peek(roll) else {
                self.complete();
                return None;
            };
            if entry.changed() > limit {
                return None;
            }
            if self.within.0 != entry.changed() {
                self.within = (entry.changed(), 0);
            }
            let unread = entry.node().statements().enumerate().skip(self.within.1);
            let wanted = unread.into_iter().find(|(_, held)| self.wants(held));
            match wanted {
                Some((place, held)) => {
                    self.within.1 = place + 1;
                    return Some((entry, held));
                }
                None => self.pass(index, entry),
            }
        }
    }
}
