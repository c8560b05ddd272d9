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
//! - an entry's digest is that of its statements, or all zero while its bucket is stale;
//! - a bucket of the digest is marked stale from a change in it until it is computed again.

use core::{cmp::Ordering, ops::Range};

use sha2::{Digest, Sha256};

use crate::{
    bucket::Bucket,
    node_data::{Held, NodeData, Offer},
    peer_id::PeerId,
    statement::{Any, Kind, Signed},
    storage::{Full, List, Storage},
    version::Version,
    view::Here,
};

/// How many buckets the digest has: one per first byte of a node's order key.
const BUCKET_COUNT: usize = 256;

/// By how many places a search in the order widens at first.
const SEARCH_STEP: usize = 16;

/// The first 16 bytes of a SHA-256.
pub type Root = [u8; 16];

/// Stands for a digest that is not computed yet. (One that is computed could be the same: it is
/// computed again then.)
const UNKNOWN: Root = [0; 16];

/// Leads to an entry, or to none. All its bytes are zero in the beginning, as are those of all
/// tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link(u32);

impl Link {
    const NONE: Link = Link(0);

    fn to(index: u32) -> Link {
        Link(index + 1)
    }

    fn index(self) -> Option<u32> {
        self.0.checked_sub(1)
    }
}

/// A place in the order of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// The first half of the node's order key, so that most of a search touches no entries.
    prefix: u32,
    /// Where its entry is.
    index: u32,
}

/// A node in the roll.
#[derive(Debug)]
pub(crate) struct Entry<S: Storage> {
    node: NodeData<S::Statements>,
    order_key: u64,
    /// Over the payloads of the node's statements; all zero until it is asked for.
    digest: Root,
    changed: u64,
    older: Link,
    newer: Link,
    /// What was last reported to the application about it.
    pub(crate) reported: Reported,
    /// What is taken by gossip of what it says of itself.
    pub(crate) said: Bucket,
}

/// What the application was last told about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) standing: u8,
    pub(crate) grants: crate::statement::Grants,
    pub(crate) here: Here,
    /// The session that it was told to have joined in.
    pub(crate) session: crate::statement::Session,
    pub(crate) announcement: Version,
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

    /// Its place in the roll's order.
    pub(crate) fn order_key(&self) -> u64 {
        self.order_key
    }

    /// A digest of all its payloads, at hand after [`Roll::refresh_root`].
    pub(crate) fn digest(&self) -> Root {
        if self.digest == UNKNOWN { node_digest(&self.node) } else { self.digest }
    }
}

/// The table of all nodes that this replica knows of.
#[derive(Debug)]
pub struct Roll<S: Storage> {
    entries: S::PerNode<Entry<S>>,
    order: S::PerNode<Place>,
    /// The place in the order at which something was put or looked for last.
    recent: usize,
    oldest: Link,
    newest: Link,
    /// The number of the last change.
    head: u64,
    /// The most nodes that are held.
    capacity: usize,
    /// The size of all statements, in bytes.
    size: u64,
    buckets: [Root; BUCKET_COUNT],
    stale: [bool; BUCKET_COUNT],
}

impl<S: Storage> Default for Roll<S> {
    fn default() -> Roll<S> {
        Roll::new()
    }
}

impl<S: Storage> Roll<S> {
    /// An empty roll without room; see [`Roll::set_capacity`].
    pub const fn new() -> Roll<S> {
        Roll {
            entries: <S::PerNode<Entry<S>> as List<Entry<S>>>::EMPTY,
            order: <S::PerNode<Place> as List<Place>>::EMPTY,
            recent: 0,
            oldest: Link::NONE,
            newest: Link::NONE,
            head: 0,
            capacity: 0,
            size: 0,
            buckets: [[0; 16]; BUCKET_COUNT],
            stale: [false; BUCKET_COUNT],
        }
    }

    /// Sets how many nodes are held at most. What is held already stays.
    pub fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity.min(self.entries.capacity_max());
    }

    /// Takes `statement` in if it advances its slot, adding its subject if need be.
    pub fn put(&mut self, statement: &Signed<'_, Any>) -> Result<Offer, Full> {
        let subject = statement.subject().expect("a parsed statement has a peer id as subject");
        // Statements about one node mostly come together.
        let order_key = match self.recent_about(subject.as_bytes()) {
            Some(place) => self.at(place).order_key,
            None => subject.order_key(),
        };
        self.put_at(order_key, subject, statement)
    }

    /// As [`Roll::put`], of a subject whose order key is known.
    pub(crate) fn put_at(
        &mut self,
        order_key: u64,
        subject: PeerId,
        statement: &Signed<'_, Any>,
    ) -> Result<Offer, Full> {
        let found = self.find_from(self.recent, order_key, &subject);
        let (Ok(place) | Err(place)) = found;
        self.recent = place;
        let offer = match found {
            Ok(place) => {
                let index = self.order[place].index;
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

    /// Signs the own statement about `peer` in `version`. It is no change: nobody was shown it yet.
    pub(crate) fn put_signature(&mut self, peer: &PeerId, version: Version, signature: &[u8]) {
        let Ok(place) = self.place_of(peer) else { return };
        let entry = &mut self.entries[slot(self.order[place].index)];
        let size = size_of_statements(entry.node());
        entry.node.put_signature(version, signature);
        self.size = self.size - size + size_of_statements(entry.node());
    }

    /// Drops what the fold of `peer` has no use for, given whether it is admitted.
    pub fn normalise(&mut self, peer: &PeerId, admitted: bool) {
        self.cut(peer, |node| node.normalise(admitted));
    }

    /// Drops the statements about `peer` that `keeps` does not want.
    pub(crate) fn retain(&mut self, peer: &PeerId, keeps: impl Fn(&Signed<'_, Any>) -> bool) {
        self.cut(peer, |node| node.retain(keeps));
    }

    /// Takes something away from what is held of `peer`; `cut` says whether it did.
    fn cut(&mut self, peer: &PeerId, cut: impl FnOnce(&mut NodeData<S::Statements>) -> bool) {
        let Ok(place) = self.find(peer.order_key(), peer) else { return };
        let index = self.order[place].index;
        let entry = &mut self.entries[slot(index)];
        let size = size_of_statements(entry.node());
        if cut(&mut entry.node) {
            self.size = self.size - size + size_of_statements(entry.node());
            self.touch(index);
        }
    }

    /// Takes `peer` out.
    pub fn remove(&mut self, peer: &PeerId) {
        let Ok(place) = self.find(peer.order_key(), peer) else { return };
        let index = self.order.remove_at(place).index;
        self.unlink(index);
        let last = u32::try_from(self.entries.len() - 1).expect("indices are 32 bits");
        if index != last {
            let moved = &self.entries[slot(last)];
            let (key, subject) = (moved.order_key, *moved.node.subject());
            let (older, newer) = (moved.older, moved.newer);
            let place = self.find(key, &subject).expect("every entry is in the order");
            self.order[place].index = index;
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

    /// The node with this order key. Two with the same one are as good as impossible to make.
    pub(crate) fn subject_with(&self, order_key: u64) -> Option<&PeerId> {
        let place = self.places(order_key, u64::BITS).next()?;
        Some(self.at(place).node.subject())
    }

    pub(crate) fn entry(&self, peer: &PeerId) -> Option<&Entry<S>> {
        let place = self.find(peer.order_key(), peer).ok()?;
        Some(self.at(place))
    }

    /// The entry of the node that `statement` is about. Costs a hash of its id only where neither
    /// the statement before it was about that node nor it is an announcement, which holds a part
    /// of the hash.
    pub(crate) fn locate(&mut self, statement: &Signed<'_, Any>) -> Option<&mut Entry<S>> {
        let subject = statement.subject_bytes();
        let place = self.recent_about(subject).or_else(|| {
            let prefix = match statement.kind() {
                Kind::Announcement => u32::from_be_bytes(statement.writer().0),
                _ => prefix_of_key(PeerId::order_key_of(subject)),
            };
            let start = self.first_with(prefix);
            let with_prefix = self.order[start..].iter().take_while(|place| place.prefix == prefix);
            let found = with_prefix
                .map(|place| &self.entries[slot(place.index)])
                .position(|entry| entry.node.subject().as_bytes() == subject)?;
            Some(start + found)
        })?;
        self.recent = place;
        Some(&mut self.entries[slot(self.order[place].index)])
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
        self.order.iter().map(|place| &self.entries[slot(place.index)].node)
    }

    /// The places in the order of the nodes whose order keys begin with the first `bits` bits of
    /// `prefix`; at most 64.
    pub(crate) fn places(&self, prefix: u64, bits: u32) -> Range<usize> {
        let Some(shift) = 64u32.checked_sub(bits).filter(|shift| *shift < 64) else {
            return 0..self.count();
        };
        let prefix = prefix >> shift;
        let key = |place: &Place| self.entries[slot(place.index)].order_key() >> shift;
        let start = self.order.partition_point(|place| key(place) < prefix);
        let count = self.order[start..].partition_point(|place| key(place) == prefix);
        start..start + count
    }

    /// The place in the order of the first node whose order key is above this one.
    pub(crate) fn place_after(&self, order_key: u64) -> usize {
        let start = self.first_with(prefix_of_key(order_key));
        let rest = self.order[start..].iter();
        let key = |place: &&Place| self.entries[slot(place.index)].order_key();
        start + rest.take_while(|place| key(place) <= order_key).count()
    }

    /// The place in the order at which `peer` is held, or would be.
    pub(crate) fn place_of(&self, peer: &PeerId) -> Result<usize, usize> {
        self.find(peer.order_key(), peer)
    }

    /// The node at a place in the order, from 0 to the count.
    pub(crate) fn at(&self, place: usize) -> &Entry<S> {
        &self.entries[slot(self.order[place].index)]
    }

    /// The digest of the nodes whose order keys begin with the byte `bucket`; all zero for none.
    pub(crate) fn bucket(&self, bucket: usize) -> Root {
        if self.stale[bucket] { self.bucket_digest(bucket) } else { self.buckets[bucket] }
    }

    /// How many nodes are held.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The most nodes that are held.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
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
            return self.oldest.index().map(|index| (index, &self.entries[slot(index)]));
        }
        let mut found = None;
        let mut link = self.newest;
        while let Some(index) = link.index() {
            let entry = &self.entries[slot(index)];
            if entry.changed <= after {
                break;
            }
            found = Some((index, entry));
            link = entry.older;
        }
        found
    }

    /// The entry that changed next after the one at `index`, if that still has the number
    /// `changed`.
    fn next_of(&self, index: u32, changed: u64) -> Option<Option<(u32, &Entry<S>)>> {
        let entry = self.entries.get(slot(index)).filter(|entry| entry.changed == changed)?;
        Some(entry.newer.index().map(|newer| (newer, &self.entries[slot(newer)])))
    }

    /// A digest of all payloads: equal on two replicas exactly if they hold the same.
    ///
    /// The root is over the count and 256 bucket digests, a bucket over the digests of the nodes
    /// whose order key begins with its number, a node over the payloads of its statements.
    /// Signatures are no part of it.
    pub fn root(&self) -> Root {
        let mut hasher = Sha256::new();
        hasher.update(u32::try_from(self.count()).unwrap_or(u32::MAX).to_be_bytes());
        for bucket in 0..BUCKET_COUNT {
            hasher.update(self.bucket(bucket));
        }
        first_half(hasher)
    }

    /// Computes the stale buckets, so that [`Roll::root`] need not do it again.
    pub fn refresh_root(&mut self) {
        for bucket in 0..BUCKET_COUNT {
            if self.stale[bucket] {
                for place in self.places(prefix_of(bucket), 8) {
                    let index = self.order[place].index;
                    let entry = &mut self.entries[slot(index)];
                    entry.digest = entry.digest();
                }
                self.buckets[bucket] = self.bucket_digest(bucket);
                self.stale[bucket] = false;
            }
        }
    }

    fn bucket_digest(&self, bucket: usize) -> Root {
        let places = self.places(prefix_of(bucket), 8);
        if places.is_empty() {
            return [0; 16];
        }
        let mut hasher = Sha256::new();
        places.for_each(|place| hasher.update(self.at(place).digest()));
        first_half(hasher)
    }

    /// As [`Roll::find`], at once where it is at `place` or follows it: statements mostly come in
    /// the roll's order, all of a node together.
    fn find_from(&self, place: usize, order_key: u64, peer: &PeerId) -> Result<usize, usize> {
        let order = |place: usize| {
            let entry = self.order.get(place).map(|place| &self.entries[slot(place.index)])?;
            Some((entry.order_key, entry.node.subject()).cmp(&(order_key, peer)))
        };
        match (order(place), order(place + 1)) {
            (Some(Ordering::Equal), _) => Ok(place),
            (Some(Ordering::Less), Some(Ordering::Equal)) => Ok(place + 1),
            (Some(Ordering::Less), Some(Ordering::Greater) | None) => Err(place + 1),
            _ => self.find(order_key, peer),
        }
    }

    fn find(&self, order_key: u64, peer: &PeerId) -> Result<usize, usize> {
        let prefix = prefix_of_key(order_key);
        for place in self.first_with(prefix)..self.order.len() {
            if self.order[place].prefix != prefix {
                return Err(place);
            }
            let entry = self.at(place);
            match (entry.order_key, entry.node.subject()).cmp(&(order_key, peer)) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(place),
                Ordering::Greater => return Err(place),
            }
        }
        Err(self.order.len())
    }

    /// The place at which something was put or looked for last, if its node has the id `subject`.
    fn recent_about(&self, subject: &[u8]) -> Option<usize> {
        let entry = &self.entries[slot(self.order.get(self.recent)?.index)];
        (entry.node.subject().as_bytes() == subject).then_some(self.recent)
    }

    /// The first place whose order key begins with `prefix` or something greater. Order keys are
    /// spread evenly, so the search begins where it is expected and widens from there.
    fn first_with(&self, prefix: u32) -> usize {
        let count = self.order.len();
        let expected = (u64::from(prefix) * count as u64) >> u32::BITS;
        let expected = usize::try_from(expected).expect("below the count");
        let (mut low, mut high) = (expected, expected);
        let mut step = SEARCH_STEP;
        while low > 0 && self.order[low - 1].prefix >= prefix {
            low = low.saturating_sub(step);
            step *= 2;
        }
        while high < count && self.order[high].prefix < prefix {
            high = high.saturating_add(step).min(count);
            step *= 2;
        }
        low + self.order[low..high].partition_point(|place| place.prefix < prefix)
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
            digest: UNKNOWN,
            changed: 0,
            older: Link::NONE,
            newer: Link::NONE,
            reported: Reported {
                standing: crate::statement::Standing::PENDING.0,
                grants: crate::statement::Grants::default(),
                here: Here::Unknown,
                session: crate::statement::Session::default(),
                announcement: Version::ZERO,
            },
            said: Bucket::FULL,
        };
        let end = self.entries.len();
        self.entries.insert_at(end, entry)?;
        self.order
            .insert_at(place, Place { prefix: prefix_of_key(order_key), index })
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
        entry.newer = Link::NONE;
        entry.digest = UNKNOWN;
        let order_key = entry.order_key;
        self.link_neighbours(newest, Link::NONE, index);
        self.mark_stale(order_key);
    }

    fn unlink(&mut self, index: u32) {
        let (older, newer) = {
            let entry = &self.entries[slot(index)];
            (entry.older, entry.newer)
        };
        *self.newer_of(older) = newer;
        *self.older_of(newer) = older;
    }

    /// Makes what stands before and after a place in the list lead to `index`.
    fn link_neighbours(&mut self, older: Link, newer: Link, index: u32) {
        *self.newer_of(older) = Link::to(index);
        *self.older_of(newer) = Link::to(index);
    }

    /// What leads on from `link`, or to the beginning of the list.
    fn newer_of(&mut self, link: Link) -> &mut Link {
        match link.index() {
            None => &mut self.oldest,
            Some(index) => &mut self.entries[slot(index)].newer,
        }
    }

    /// What leads back from `link`, or to the end of the list.
    fn older_of(&mut self, link: Link) -> &mut Link {
        match link.index() {
            None => &mut self.newest,
            Some(index) => &mut self.entries[slot(index)].older,
        }
    }

    fn mark_stale(&mut self, order_key: u64) {
        self.stale[bucket_of(order_key)] = true;
    }
}

fn prefix_of_key(order_key: u64) -> u32 {
    u32::try_from(order_key >> u32::BITS).expect("half of 64 bits")
}

fn slot(index: u32) -> usize {
    usize::try_from(index).expect("an index of 32 bits fits a pointer")
}

fn prefix_of(bucket: usize) -> u64 {
    u64::try_from(bucket).expect("a byte") << (u64::BITS - 8)
}

fn bucket_of(order_key: u64) -> usize {
    usize::from(order_key.to_be_bytes()[0])
}

fn size_of_statements(node: &NodeData<impl crate::storage::Buffer>) -> u64 {
    node.statements().map(|held| held.statement.wire_size() as u64).sum()
}

fn node_digest(node: &NodeData<impl crate::storage::Buffer>) -> Root {
    let mut hasher = Sha256::new();
    hasher.update([u8::try_from(node.subject().as_bytes().len()).expect("at most 42 bytes")]);
    hasher.update(node.subject().as_bytes());
    for held in node.statements() {
        let payload = held.statement.payload();
        hasher.update(u16::try_from(payload.size()).expect("payloads are bounded").to_be_bytes());
        let (head, subject, body) = payload.parts();
        [&head[..], subject, body].iter().for_each(|part| hasher.update(part));
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangeReader {
    since: u64,
    after: u64,
    /// The entry at `after`, to go on from without a search.
    index: u32,
    /// The entry being read, by its change number, and how many of its statements are read.
    within: (u64, usize),
}

impl ChangeReader {
    /// From the beginning.
    pub(crate) const START: ChangeReader = ChangeReader::from(0, 0);

    /// From the given place on.
    pub(crate) const fn from(since: u64, after: u64) -> ChangeReader {
        ChangeReader { since, after, index: 0, within: (0, 0) }
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

    /// Notes that it does not go on for now; says up to which change everything is read.
    pub(crate) fn pause<S: Storage>(&mut self, roll: &Roll<S>) -> u64 {
        let (mut ahead, mut first) = (*self, roll.head() + 1);
        while let Some((_, held)) = ahead.next_statement(roll, u64::MAX) {
            first = first.min(held.changed);
        }
        // What is read already is not read again where its node changes.
        self.since = self.since.max(self.after.min(first - 1));
        first - 1
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
