//! What must hold whatever was called.

use super::{Slot, Slots, World};
use crate::{
    fuzzing::{
        parts::cost_and_statements,
        rig::{self, actors},
    },
    message,
    statement::{Kind, Presence, Signed, Standing},
    storage::{List, Storage},
    version::Version,
};

impl<S: Storage> World<S> {
    /// Nothing grows past its bound.
    pub(super) fn check_bounds(&mut self) {
        let status = self.tracker.status(self.now);
        let places = <S::PerNode<u8> as List<u8>>::EMPTY.capacity_max();
        self.was_partial |= status.partial;
        let capacity = usize::try_from(self.config.capacity).expect("small").min(places);
        let held = self.tracker.nodes(self.now).filter(|view| view.standing != Standing::PENDING);
        assert!(held.count() <= capacity, "{status:?}");
        assert!(usize::try_from(status.pending).expect("small") <= S::WAITING_MAX, "{status:?}");
        assert!(usize::try_from(status.leases).expect("small") <= capacity + S::WAITING_MAX);
        assert_eq!(status.admitted, status.online + status.left + status.unknown);
        assert!(self.tracker.in_touch().as_slice().len() <= self.config.authorities.iter().count());
    }

    /// What was due has been done: it does not ask to be woken for it again.
    pub(super) fn check_deadline(&self) {
        let due_ms = self.tracker.poll_timeout();
        assert!(
            due_ms.is_none_or(|due_ms| due_ms > self.now.mono_ms),
            "due at {due_ms:?}, at {}",
            self.now.mono_ms
        );
    }

    /// The rank of all that is held, by subject, kind and writer.
    pub(super) fn slots(&self) -> Slots {
        let mut slots = Slots::new();
        for wire in rig::statements_in(&rig::snapshot(&self.tracker)) {
            let statement = Signed::parse(&wire).expect("what is held is well formed");
            let subject = statement.subject().expect("parsed");
            let slot = (subject, statement.kind(), statement.writer());
            let rank = (statement.version(), statement.payload().to_bytes().to_vec());
            assert!(slots.insert(slot, rank).is_none(), "{slot:?} is held twice");
        }
        slots
    }

    /// Looks at all that is held: the versions in a slot rise, and no decision is lost.
    pub(super) fn look(&mut self) {
        let slots = self.slots();
        for (slot, before) in &self.held {
            let now = slots.get(slot);
            assert!(now.is_none_or(|now| now >= before), "{slot:?} fell");
            let may_be_lost = slot.1 != Kind::Decision || self.was_partial;
            assert!(now.is_some() || may_be_lost, "{slot:?} was lost");
        }
        self.held = slots;
    }

    /// After an orderly end everything is there again, and what a node said before it was kept out
    /// and admitted again: nobody who missed that dropped it either.
    pub(super) fn check_recovered(&self, before: &Slots) {
        let after = self.slots();
        for (slot, rank) in before {
            // What is void may not have been dropped yet, nor those whom nobody else vouched for.
            let is_void = self.is_void(slot, rank.0);
            let is_forgotten = || after.keys().all(|(subject, ..)| *subject != slot.0);
            let is_recovered = match slot.1 {
                Kind::Presence if is_void => true,
                Kind::Announcement if is_forgotten() => true,
                Kind::Announcement => after.get(slot) >= Some(rank),
                _ => after.get(slot) == Some(rank),
            };
            assert!(is_recovered, "{slot:?} {rank:?} became {:?}", after.get(slot));
        }
        let mut new = after.keys().filter(|slot| !before.contains_key(slot));
        assert!(new.all(|(_, kind, _)| *kind == Kind::Announcement), "recovered what was not held");
    }

    /// Whether a horizon that is held voids a presence of this version.
    fn is_void(&self, (_, kind, writer): &Slot, version: Version) -> bool {
        let snapshot = rig::statements_in(&rig::snapshot(&self.tracker));
        let mut own = snapshot.iter().filter_map(|wire| Signed::parse(wire).ok()).filter(|said| {
            said.writer() == *writer && said.subject().is_some_and(|peer| peer.hint() == *writer)
        });
        let horizon = own.find_map(|said| said.typed::<Presence>()?.read()?.horizon);
        *kind == Kind::Presence && horizon.is_some_and(|horizon| version < horizon)
    }

    /// Statements left the tracker: its own are durable by then.
    pub(super) fn see(&mut self, statements: &[u8]) {
        let own = &actors()[self.actor];
        for statement in message::statements(statements) {
            let statement = statement.expect("what it sends is well formed");
            let writer = rig::writer_of(&statement, &self.config).expect("of a known writer");
            let payload = statement.payload().to_bytes().to_vec();
            let is_made_here = writer == own.peer_id && !self.made_elsewhere.contains(&payload);
            if !is_made_here {
                continue;
            }
            let is_durable = match statement.kind() {
                Kind::Announcement => statement.version().epoch <= self.disk.durable_epoch,
                _ => self.disk.durable.contains(&payload),
            };
            assert!(is_durable, "sent before it was durable: {statement:?}");
            let subject = statement.subject().expect("parsed");
            let newest = self.shown.entry((subject, statement.kind())).or_default();
            *newest = statement.version().max(*newest);
        }
    }

    /// Parts of a walk left the tracker.
    pub(super) fn see_parts(&mut self, parts: &[u8]) {
        let (_, statements) = cost_and_statements(parts).expect("what it sends is well formed");
        statements.into_iter().for_each(|statement| self.see(statement));
    }

    /// What others saw of this authority's own statements is held, at least as new.
    pub(super) fn check_shown(&self) {
        let (slots, own) = (self.slots(), actors()[self.actor].hint);
        for ((subject, kind), shown) in &self.shown {
            let slot = (*subject, *kind, own);
            let held = slots.get(&slot).map(|(version, _)| *version);
            let is_held =
                *kind == Kind::Announcement || held >= Some(*shown) || self.is_void(&slot, *shown);
            assert!(is_held, "{kind:?} {shown:?} became {held:?}");
        }
    }
}
