//! What a node holds, from the frames that it writes: each slot's rank rises while it is held, and
//! no decision is undone.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use rollbook_core::{
    Authorities, Hint, PeerId, Version,
    statement::{Kind, Presence, RegisterId},
};

use crate::sheet::{Sheet, Slot, Written};

/// Whether a statement undid a decision that was held.
#[derive(Debug)]
pub(crate) enum Undone {
    Nothing,
    /// Its writer lost it with its disk, and nobody who had it was there in time.
    Forgotten,
    Broken(String),
}

#[derive(Debug, Default)]
pub(crate) struct Holding {
    slots: HashMap<Slot, Rc<Sheet>>,
    /// The stamp of each register, over all authorities.
    stamps: BTreeMap<(PeerId, RegisterId), u32>,
    /// What each authority's horizon voids: its presences in versions before this one.
    horizons: BTreeMap<Hint, Version>,
}

impl Holding {
    /// What a snapshot holds.
    pub(crate) fn of(snapshot: &[Rc<Sheet>]) -> Holding {
        let mut holding = Holding::default();
        for sheet in snapshot {
            if let Some(statement) = &sheet.statement {
                holding.slots.insert(statement.slot, Rc::clone(sheet));
                holding.note_horizon(statement);
            }
        }
        holding
    }

    /// Takes what was written, and says which decision that undoes, if one. `forgetful` are the
    /// authorities that lost their disk: what one says in a later epoch may lack what it said before.
    pub(crate) fn take(
        &mut self,
        sheet: &Rc<Sheet>,
        list: &Authorities,
        forgetful: &BTreeSet<Hint>,
    ) -> Result<Undone, String> {
        let Some(statement) = &sheet.statement else { return Ok(Undone::Nothing) };
        let mut has_forgotten = false;
        if let Some(before) = self.slots.get(&statement.slot) {
            let before = before.statement.as_ref().expect("slots hold statements");
            if before.signed().rank() > statement.signed().rank() {
                return Err(format!(
                    "{:?} fell from {} to {}",
                    statement.slot, before.version, statement.version
                ));
            }
            has_forgotten = forgetful.contains(&statement.slot.writer)
                && before.signed().version().epoch < statement.version.epoch;
        }
        self.slots.insert(statement.slot, Rc::clone(sheet));
        self.note_horizon(statement);
        if statement.slot.kind != Kind::Decision {
            return Ok(Undone::Nothing);
        }
        // Whoever was put out for a moment is not held to what it said before.
        let subject = statement.slot.subject;
        self.slots.retain(|slot, _| slot.subject != subject || slot.kind != Kind::Announcement);
        Ok(match self.fold_stamps(subject, list) {
            None => Undone::Nothing,
            Some(_) if has_forgotten => Undone::Forgotten,
            Some(undone) => Undone::Broken(undone),
        })
    }

    /// Takes the horizon in an authority's presence about itself.
    fn note_horizon(&mut self, statement: &Written) {
        let Slot { subject, writer, .. } = statement.slot;
        let presence = statement.signed().typed::<Presence>().and_then(|signed| signed.read());
        let said = presence.filter(|_| subject.hint() == writer);
        if let Some(version) = said.and_then(|presence| presence.horizon) {
            let horizon = self.horizons.entry(writer).or_insert(version);
            *horizon = version.max(*horizon);
        }
    }

    /// Whether what is held in a slot may be dropped.
    fn is_void(&self, statement: &Written) -> bool {
        let horizon = self.horizons.get(&statement.slot.writer);
        statement.slot.kind == Kind::Presence
            && horizon.is_some_and(|horizon| statement.version < *horizon)
    }

    /// Says what was undone about `subject` since it was last looked at.
    fn fold_stamps(&mut self, subject: PeerId, list: &Authorities) -> Option<String> {
        let mut folded = BTreeMap::new();
        for (writer, _) in list.iter() {
            let slot = Slot { subject, kind: Kind::Decision, writer };
            let Some(sheet) = self.slots.get(&slot) else { continue };
            let statement = sheet.statement.as_ref().expect("slots hold statements");
            for register in statement.decision.iter().flat_map(|decision| &decision.registers) {
                let stamp = folded.entry(register.id).or_insert(0);
                *stamp = register.stamp.max(*stamp);
            }
        }
        let mut undone = None;
        for ((_, id), stamp) in
            self.stamps.range((subject, RegisterId(0))..=(subject, RegisterId(255)))
        {
            let now = folded.get(id).copied().unwrap_or(0);
            if now < *stamp {
                undone = Some(format!(
                    "a decision about {subject} was undone: register {id:?} fell from stamp \
                     {stamp} to {now}"
                ));
            }
        }
        self.stamps.extend(folded.into_iter().map(|(id, stamp)| ((subject, id), stamp)));
        undone
    }

    /// The version of what is held in a slot.
    pub(crate) fn version(&self, slot: &Slot) -> Option<Version> {
        Some(self.slots.get(slot)?.statement.as_ref()?.version)
    }

    /// Whether anything is held that this authority decided or observed.
    pub(crate) fn has_word_of(&self, writer: Hint) -> bool {
        self.slots.keys().any(|slot| slot.kind != Kind::Announcement && slot.writer == writer)
    }

    /// What is held about each node, for a merge.
    pub(crate) fn by_subject(&self) -> BTreeMap<PeerId, BTreeMap<Slot, Rc<Sheet>>> {
        let mut nodes: BTreeMap<PeerId, BTreeMap<Slot, Rc<Sheet>>> = BTreeMap::new();
        for (slot, sheet) in &self.slots {
            nodes.entry(slot.subject).or_default().insert(*slot, Rc::clone(sheet));
        }
        nodes
    }

    /// What a journal says about a listed authority's word is held, or something newer is.
    pub(crate) fn holds_all(
        &self,
        journal: &[Rc<Sheet>],
        list: &Authorities,
    ) -> Result<(), String> {
        for statement in journal.iter().filter_map(|sheet| sheet.statement.as_ref()) {
            let slot = statement.slot;
            let counts = slot.kind != Kind::Announcement && list.contains(slot.writer);
            let is_missing = self.version(&slot) < Some(statement.version);
            if counts && is_missing && !self.is_void(statement) {
                return Err(format!("{slot:?} is in the journal and was not recovered"));
            }
        }
        Ok(())
    }

    /// What was written is what a snapshot holds, no more and no less.
    pub(crate) fn is_all_of(&mut self, snapshot: &[Rc<Sheet>]) -> Result<(), String> {
        let found = Holding::of(snapshot);
        for (slot, sheet) in &found.slots {
            let is_known = self.slots.get(slot).is_some_and(|known| Rc::ptr_eq(known, sheet));
            if !is_known && slot.kind != Kind::Announcement {
                return Err(format!("{slot:?} is held and was never written"));
            }
        }
        for (slot, sheet) in &self.slots {
            let statement = sheet.statement.as_ref().expect("slots hold statements");
            if self.is_void(statement) {
                continue;
            }
            if slot.kind != Kind::Announcement && !found.slots.contains_key(slot) {
                return Err(format!("{slot:?} was written and is not held"));
            }
        }
        // An announcement goes with its node's standing, a presence with its authority's horizon.
        self.slots.retain(|slot, _| found.slots.contains_key(slot));
        for (slot, sheet) in found.slots {
            self.slots.entry(slot).or_insert(sheet);
        }
        Ok(())
    }
}
