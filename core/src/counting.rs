//! The authority's side of observations: what it counted of each node, and of whom.
//!
//! A batch is counted in memory, then written to the journal in one frame with its number and the
//! new totals, and acknowledged when that frame is durable. So after a crash either all of it was
//! counted or it is sent again. Totals are absolute and only grow, so frames can be read again in
//! any order, and one that a published presence holds too is counted once.
//!
//! Invariants:
//! - the batches of one session at this authority are counted once each, in the order of their
//!   numbers;
//! - nothing is acknowledged that could be lost;
//! - a total is here until a presence with it is in the roll;
//! - observers and totals are sorted, and bounded by the leases and nodes that there can be.

use crate::{
    bucket::{Bucket, Rate},
    journal::Frame,
    key::{Signer, Verifier},
    ledger::Ledger,
    limits::{
        BATCH_COUNT_MAX, OBSERVATIONS_MAX, SESSIONS_PER_OBSERVER, TALLIES_ROOM, TOTAL_SIZE_MAX,
        batch_rate,
    },
    message::{self, Observation, ObservationBatch, Total},
    peer_id::PeerId,
    statement::{Presence, Session, Tally},
    storage::{Full, List, Storage},
    tallies::Counter,
    time::Now,
};

/// Stands for the frame of a batch that was not given out yet.
const NOT_WRITTEN: u64 = u64::MAX;

/// What was counted of one session of an observer.
#[derive(Clone, Debug)]
struct Observer {
    peer: PeerId,
    session: Session,
    /// The last batch that is counted.
    number: u32,
    /// The last batch that was durable when that one came.
    durable: u32,
    /// Its frame in the journal.
    position: u64,
    /// How often it may say something.
    said: Bucket,
}

/// What was counted in one counter of one node here and is in no presence yet.
#[derive(Clone, Copy, Debug)]
struct Counted {
    /// The node's order key.
    subject: u64,
    /// How often in all.
    count: u64,
    /// When last, in unix seconds.
    last: u64,
    /// When it is to be published, by the monotonic clock.
    due_ms: u64,
    counter: Counter,
}

/// A batch that is counted and not written yet.
#[derive(Clone, Debug)]
struct Unwritten {
    observer: PeerId,
    session: Session,
    counted: heapless::Vec<(u64, Counter), OBSERVATIONS_MAX>,
}

/// What an authority counts of what others observe.
#[derive(Debug)]
pub(crate) struct Counting<S: Storage> {
    observers: S::PerLease<Observer>,
    totals: S::PerLease<Counted>,
    unwritten: Option<Unwritten>,
    rate: Rate,
    /// How long a total waits for a transition of its node to travel with.
    publish_ms: u64,
    /// No total is due before this.
    next_due_ms: u64,
    /// Which batches were counted in earlier runs may be forgotten.
    forgot: bool,
}

impl<S: Storage> Counting<S> {
    pub(crate) const fn new() -> Counting<S> {
        Counting {
            observers: <S::PerLease<Observer> as List<Observer>>::EMPTY,
            totals: <S::PerLease<Counted> as List<Counted>>::EMPTY,
            unwritten: None,
            rate: Rate::new(0, 0),
            publish_ms: 0,
            next_due_ms: 0,
            forgot: false,
        }
    }

    pub(crate) fn init(&mut self, interval_ms: u64, publish_ms: u64) {
        self.rate = batch_rate(interval_ms);
        self.publish_ms = publish_ms;
        self.next_due_ms = u64::MAX;
    }

    /// Notes that a part of the journal is lost: a batch of a session of which nothing is known may
    /// be counted already.
    pub(crate) fn forget(&mut self) {
        self.forgot = true;
    }

    /// Takes back a frame of the journal: the last batch of an observer, and totals. Their order
    /// does not matter.
    pub(crate) fn recover<K: Signer + Verifier>(
        &mut self,
        ledger: &Ledger<S, K>,
        observer: &[u8],
        batch: (Session, u32),
        totals: &[u8],
    ) {
        if let Ok(observer) = PeerId::from_bytes(observer) {
            let (session, number) = batch;
            if self.observers.len() >= self.observers.capacity_max() {
                // A session that has no place may have had batches counted.
                self.forgot = true;
                self.drop_sessions_over(ledger);
            }
            // Who is still here is not known before all is read: none other is dropped.
            let _ = self.note_batch(ledger, &observer, session, number, 0);
        }
        for total in message::totals(totals).map_while(|total| total.ok()) {
            let subject = PeerId::order_key_of(total.subject);
            let Some(counter) = Counter::new(total.counter) else { continue };
            if self.totals.len() >= self.totals.capacity_max() {
                self.drop_published(ledger);
            }
            let kept = self.raise(subject, counter, (total.count, total.last), 0);
            self.forgot |= kept.is_err();
        }
    }

    /// Counts what `observer` counted, if it may and that was not done before. Says up to which of
    /// its batches all is counted and durable.
    pub(crate) fn count<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        observer: &PeerId,
        batch: &ObservationBatch<'_>,
    ) -> Answer {
        let announced = ledger.announcement_of(observer).and_then(|signed| signed.read());
        let is_current = announced.is_some_and(|said| said.session == batch.session);
        let is_well_formed = batch.iter().all(|observation| observation.is_ok());
        if !is_current || !is_well_formed || !ledger.standing(observer).admits() {
            ledger.counters.observations_refused += 1;
            return Answer::Observed(0);
        }
        let known = self.find(observer, batch.session).ok();
        let observed = known.map_or(0, |place| self.observers[place].durable(ledger));
        let last = known.map_or(0, |place| self.observers[place].number);
        let is_known = known.is_some();
        if batch.number <= last || self.unwritten.is_some() {
            return Answer::Observed(observed);
        }
        if !self.said(observer).has_token(self.rate, now) {
            ledger.counters.observations_over_rate += 1;
            return Answer::Observed(observed);
        }
        // Of a session that nothing is known of, the first batch is new, any other was counted or
        // is one of a run whose journal was lost.
        let is_new = is_known || (batch.number == 1 && !self.forgot);
        if is_new && self.totals_room() < self.fresh(batch) {
            return Answer::NoRoom(observed);
        }
        if self.note_batch(ledger, observer, batch.session, batch.number, NOT_WRITTEN).is_err() {
            return Answer::NoRoom(observed);
        }
        let mut unwritten = Unwritten {
            observer: *observer,
            session: batch.session,
            counted: heapless::Vec::new(),
        };
        self.take_token(observer, now);
        let mut room = BATCH_COUNT_MAX;
        for seen in batch.iter().flatten() {
            let count = seen.count.min(room);
            let counted = if is_new { self.add(ledger, now, observer, &seen, count) } else { None };
            match counted {
                Some(counted) => {
                    room -= count;
                    ledger.counters.observations_dropped += u64::from(seen.count - count);
                    // There are as many as may be in a batch at most.
                    let _ = unwritten.counted.push(counted);
                }
                None => ledger.counters.observations_dropped += u64::from(seen.count),
            }
        }
        self.unwritten = Some(unwritten);
        Answer::Observed(observed)
    }

    /// Adds one observation to the total of its node. None where it counts for nothing.
    fn add<K: Signer + Verifier>(
        &mut self,
        ledger: &Ledger<S, K>,
        now: Now,
        observer: &PeerId,
        seen: &Observation<'_>,
        count: u32,
    ) -> Option<(u64, Counter)> {
        let counter = Counter::new(seen.counter)?;
        let peer = PeerId::from_bytes(seen.subject).ok()?;
        let node = ledger.roll.get(&peer)?;
        if peer == *observer || count == 0 || !node.is_vouched(&ledger.authorities) {
            return None;
        }
        let subject = peer.order_key();
        let held = self.place(subject, counter).ok().map(|place| self.totals[place].count);
        let published = published(ledger, &peer, counter);
        let total = held.unwrap_or(0).max(published).saturating_add(u64::from(count));
        let due_ms = now.mono_ms.saturating_add(self.publish_ms);
        self.raise(subject, counter, (total, seen.last.min(now.unix_s)), due_ms).ok()?;
        Some((subject, counter))
    }

    /// How many totals `batch` may add.
    fn fresh(&self, batch: &ObservationBatch<'_>) -> usize {
        let is_fresh = |seen: &Observation<'_>| {
            Counter::new(seen.counter).is_some_and(|counter| {
                self.place(PeerId::order_key_of(seen.subject), counter).is_err()
            })
        };
        batch.iter().flatten().filter(is_fresh).count()
    }

    /// How many more totals find room. On the heap only what is in the roll bounds them.
    fn totals_room(&self) -> usize {
        self.totals.capacity_max() - self.totals.len()
    }

    /// Puts the frame of the batch that is counted and not written into words.
    pub(crate) fn unwritten_frame<'a, K: Signer + Verifier>(
        &'a self,
        ledger: &Ledger<S, K>,
        totals: &'a mut [u8; OBSERVATIONS_MAX * TOTAL_SIZE_MAX],
    ) -> Option<Frame<'a>> {
        let unwritten = self.unwritten.as_ref()?;
        let place = self.find(&unwritten.observer, unwritten.session).ok()?;
        let counted = unwritten.counted.iter();
        let size = self.write_totals(ledger, counted.copied(), totals);
        Some(Frame::Observed {
            observer: unwritten.observer.as_bytes(),
            session: unwritten.session,
            number: self.observers[place].number,
            totals: &totals[..size],
        })
    }

    /// Notes that it was given out as the frame at `position`.
    pub(crate) fn written(&mut self, position: u64) {
        let Some(unwritten) = self.unwritten.take() else { return };
        if let Ok(place) = self.find(&unwritten.observer, unwritten.session) {
            self.observers[place].position = position;
        }
    }

    /// A frame with the totals of the next node whose order key is above `last`, and that key.
    pub(crate) fn totals_after<'a, K: Signer + Verifier>(
        &self,
        ledger: &Ledger<S, K>,
        last: Option<u64>,
        totals: &'a mut [u8; OBSERVATIONS_MAX * TOTAL_SIZE_MAX],
    ) -> Option<(u64, Frame<'a>)> {
        let start =
            last.map_or(0, |last| self.totals.partition_point(|counted| counted.subject <= last));
        let mut subjects = self.totals[start..].iter().map(|counted| counted.subject);
        // Of whom nothing is held any more nothing is counted either.
        let subject = subjects.find(|subject| ledger.roll.subject_with(*subject).is_some())?;
        let counted = self.of(subject).map(|counted| (subject, counted.counter));
        let size = self.write_totals(ledger, counted, totals);
        let (observer, session, number) = (&[][..], Session::default(), 0);
        Some((subject, Frame::Observed { observer, session, number, totals: &totals[..size] }))
    }

    /// A frame with the last batch of the next session of an observer behind `last`, and which
    /// session that is.
    pub(crate) fn observer_after(
        &self,
        last: Option<(PeerId, Session)>,
    ) -> Option<((PeerId, Session), Frame<'_>)> {
        let place = last.map_or(0, |(peer, session)| match self.find(&peer, session) {
            Ok(place) => place + 1,
            Err(place) => place,
        });
        let Observer { peer, session, number, .. } = self.observers.get(place)?;
        let (session, number) = (*session, *number);
        let frame = Frame::Observed { observer: peer.as_bytes(), session, number, totals: &[] };
        Some(((*peer, session), frame))
    }

    fn write_totals<K: Signer + Verifier>(
        &self,
        ledger: &Ledger<S, K>,
        counted: impl Iterator<Item = (u64, Counter)>,
        out: &mut [u8],
    ) -> usize {
        let mut size = 0;
        for (subject, counter) in counted {
            let Some(peer) = ledger.roll.subject_with(subject) else { continue };
            // Published meanwhile, it is in the presence.
            let Ok(place) = self.place(subject, counter) else { continue };
            let Counted { count, last, .. } = self.totals[place];
            let counter = counter.number();
            let total = Total { subject: peer.as_bytes(), counter, count, last };
            size += message::encode_total(&total, &mut out[size..])
                .expect("there is room for as many totals as a batch may hold");
        }
        size
    }

    /// Adds to a presence that is issued anyway what was counted of its node, if there is room.
    pub(crate) fn fill<K: Signer + Verifier>(
        &self,
        ledger: &Ledger<S, K>,
        peer: &PeerId,
        presence: &mut Presence,
    ) {
        let room = ledger.roll.get(peer).map_or(0, |node| node.room());
        if !self.totals.is_empty() && room >= TALLIES_ROOM {
            self.fill_all(peer.order_key(), presence);
        }
    }

    /// Adds to a presence what was counted of its node. Says whether there was anything.
    pub(crate) fn fill_all(&self, subject: u64, presence: &mut Presence) -> bool {
        let mut filled = false;
        for counted in self.of(subject) {
            let number = counted.counter.number();
            let (count, last) = (counted.count, counted.last);
            match presence.tallies.iter_mut().find(|tally| tally.counter == number) {
                Some(tally) if (tally.count, tally.last) >= (count, last) => {}
                Some(tally) => {
                    tally.count = tally.count.max(count);
                    tally.last = tally.last.max(last);
                    filled = true;
                }
                None => {
                    filled |= presence.tallies.push(Tally { counter: number, count, last }).is_ok();
                }
            }
        }
        filled
    }

    /// The order key of a node of which something is due by `due_ms`, the next after `after`.
    pub(crate) fn next_due(&self, after: Option<u64>, due_ms: u64) -> Option<u64> {
        let due = |counted: &&Counted| {
            counted.due_ms <= due_ms && after.is_none_or(|after| counted.subject > after)
        };
        self.totals.iter().find(due).map(|counted| counted.subject)
    }

    /// Drops the totals of a node: they are published, or it is gone.
    pub(crate) fn settle(&mut self, subject: u64) {
        while let Some(place) = self.totals.iter().position(|counted| counted.subject == subject) {
            self.totals.remove_at(place);
        }
    }

    /// Lets the totals of a node wait once more.
    pub(crate) fn postpone(&mut self, subject: u64, now: Now) {
        let due_ms = now.mono_ms.saturating_add(self.publish_ms);
        for counted in self.totals.iter_mut().filter(|counted| counted.subject == subject) {
            counted.due_ms = due_ms;
        }
    }

    /// Notes when the next total is due.
    pub(crate) fn refresh_due(&mut self) {
        let due = self.totals.iter().map(|counted| counted.due_ms).min();
        self.next_due_ms = due.unwrap_or(u64::MAX);
    }

    /// No total is due before this.
    pub(crate) fn next_due_ms(&self) -> u64 {
        self.next_due_ms
    }

    /// Whether a batch is counted and not in the journal yet. What it adds to is published after.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.unwritten.is_some()
    }

    /// Lets all totals that were taken back wait from now on.
    pub(crate) fn resume(&mut self, now: Now) {
        let due_ms = now.mono_ms.saturating_add(self.publish_ms);
        self.totals.iter_mut().for_each(|counted| counted.due_ms = due_ms);
        self.refresh_due();
    }

    fn of(&self, subject: u64) -> impl Iterator<Item = &Counted> {
        let start = self.totals.partition_point(|counted| counted.subject < subject);
        self.totals[start..].iter().take_while(move |counted| counted.subject == subject)
    }

    fn place(&self, subject: u64, counter: Counter) -> Result<usize, usize> {
        let key = (subject, counter);
        self.totals.binary_search_by(|counted| (counted.subject, counted.counter).cmp(&key))
    }

    /// Makes a total at least `total`, the count and the time.
    fn raise(
        &mut self,
        subject: u64,
        counter: Counter,
        total: (u64, u64),
        due_ms: u64,
    ) -> Result<(), Full> {
        let (count, last) = total;
        match self.place(subject, counter) {
            Ok(place) => {
                let counted = &mut self.totals[place];
                counted.count = counted.count.max(count);
                counted.last = counted.last.max(last);
            }
            Err(place) => {
                let counted = Counted { subject, count, last, due_ms, counter };
                self.totals.insert_at(place, counted)?;
                self.next_due_ms = self.next_due_ms.min(due_ms);
            }
        }
        Ok(())
    }

    /// Drops the totals that the roll holds too.
    fn drop_published<K: Signer + Verifier>(&mut self, ledger: &Ledger<S, K>) {
        for place in (0..self.totals.len()).rev() {
            let Counted { subject, counter, count, .. } = self.totals[place];
            let peer = ledger.roll.subject_with(subject);
            if peer.is_some_and(|peer| published(ledger, peer, counter) >= count) {
                self.totals.remove_at(place);
            }
        }
    }

    fn find(&self, peer: &PeerId, session: Session) -> Result<usize, usize> {
        let key = (peer, session.0);
        self.observers.binary_search_by(|observer| (&observer.peer, observer.session.0).cmp(&key))
    }

    /// How often `peer` may say something, in whichever session.
    fn said(&self, peer: &PeerId) -> Bucket {
        let of = self.observers.iter().filter(|observer| observer.peer == *peer);
        of.map(|observer| observer.said).max().unwrap_or(Bucket::FULL)
    }

    fn take_token(&mut self, peer: &PeerId, now: Now) {
        let mut said = self.said(peer);
        said.take_token(self.rate, now);
        let of = self.observers.iter_mut().filter(|observer| observer.peer == *peer);
        of.for_each(|observer| observer.said = said);
    }

    /// Notes that a batch is counted; its frame is at `position`.
    fn note_batch<K: Signer + Verifier>(
        &mut self,
        ledger: &Ledger<S, K>,
        peer: &PeerId,
        session: Session,
        number: u32,
        position: u64,
    ) -> Result<(), Full> {
        if let Ok(place) = self.find(peer, session) {
            let observer = &mut self.observers[place];
            observer.durable = observer.durable(ledger);
            observer.number = observer.number.max(number);
            observer.position = position;
            return Ok(());
        }
        let said = self.said(peer);
        if position == NOT_WRITTEN {
            self.make_room(ledger, peer);
        }
        let Err(place) = self.find(peer, session) else { return Ok(()) };
        let observer = Observer { peer: *peer, session, number, durable: 0, position, said };
        self.observers.insert_at(place, observer)
    }

    /// Forgets sessions that are over, where there are too many: of `peer`, or in all.
    fn make_room<K: Signer + Verifier>(&mut self, ledger: &Ledger<S, K>, peer: &PeerId) {
        let own = self.observers.iter().filter(|observer| observer.peer == *peer).count();
        if own >= SESSIONS_PER_OBSERVER
            && let Some(place) = self
                .observers
                .iter()
                .position(|observer| observer.peer == *peer && observer.is_over(ledger))
        {
            self.observers.remove_at(place);
        }
        let most = ledger.roll.count().saturating_mul(SESSIONS_PER_OBSERVER);
        if self.observers.len() >= self.observers.capacity_max().min(most) {
            self.drop_sessions_over(ledger);
        }
    }

    fn drop_sessions_over<K: Signer + Verifier>(&mut self, ledger: &Ledger<S, K>) {
        for place in (0..self.observers.len()).rev() {
            if self.observers[place].is_over(ledger) {
                self.observers.remove_at(place);
            }
        }
    }
}

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All batches up to this one are counted and durable.
    Observed(u32),
    /// As much as before: there is no room for what is new, until totals are published.
    NoRoom(u32),
}

impl Observer {
    /// Whether the node announced another session.
    fn is_over<S: Storage, K: Signer + Verifier>(&self, ledger: &Ledger<S, K>) -> bool {
        let announced = ledger.announcement_of(&self.peer).and_then(|signed| signed.read());
        announced.is_none_or(|said| said.session != self.session)
    }

    /// The last batch that is counted and durable.
    fn durable<S: Storage, K: Signer + Verifier>(&self, ledger: &Ledger<S, K>) -> u32 {
        if ledger.durability.is_synced(self.position) { self.number } else { self.durable }
    }
}

/// How often this authority has said that `counter` of `peer` grew.
fn published<S: Storage, K: Signer + Verifier>(
    ledger: &Ledger<S, K>,
    peer: &PeerId,
    counter: Counter,
) -> u64 {
    let presence = ledger.roll.get(peer).and_then(|node| node.presence(ledger.own_hint())?.read());
    let tallies = presence.map(|presence| presence.tallies).unwrap_or_default();
    let tally = tallies.iter().find(|tally| tally.counter == counter.number());
    tally.map_or(0, |tally| tally.count)
}
