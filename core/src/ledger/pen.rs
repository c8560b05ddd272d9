//! The pen: how this node's own statements are numbered, signed and put in the roll.
//!
//! A signature that is made elsewhere is put in later. Until then the statement counts here as what
//! is not on disk does, and shows nowhere else.

use super::Ledger;
use crate::{
    key::{Signer, Verifier, VerifyError},
    peer_id::{Hint, PeerId},
    statement::{Announcement, Any, Fields, Intent, Kind, Signed, StatementBytes},
    storage::{Full, Storage},
    time::Now,
    version::Version,
};

/// The last epoch that statements are made in.
const EPOCH_MAX: u32 = u32::MAX - 1;

impl<S: Storage, K: Signer + Verifier> Ledger<S, K> {
    /// Notes that the own statements after `before`, up to `last`, say nothing new.
    pub(crate) fn note_quiet(&mut self, before: Version, last: Version) {
        if before == last {
            return;
        }
        match self.quiet.back_mut() {
            Some(range) if range.1 == before => range.1 = last,
            _ => {
                if self.quiet.is_full() {
                    self.quiet.pop_front();
                }
                self.quiet.push_back((before, last)).expect("there is room for one more");
            }
        }
    }

    /// Whether an own statement says nothing new.
    pub(crate) fn is_quiet(&self, version: Version) -> bool {
        self.quiet.iter().any(|(before, last)| *before < version && version <= *last)
    }

    /// Begins an epoch above every one that was used, and above `floor`.
    pub(crate) fn begin_epoch(&mut self, floor: u32) {
        let epoch = self.version.epoch.max(floor);
        // Whose epochs are used up goes on in the last one: its numbers still rise.
        if epoch < EPOCH_MAX {
            self.version = Version { epoch: epoch + 1, seq: 0 };
            self.durability.epoch_changed();
        }
    }

    /// Notes an epoch that an earlier run used.
    pub(crate) fn note_epoch(&mut self, epoch: u32) {
        self.version = self.version.max(Version { epoch: epoch.min(EPOCH_MAX), seq: 0 });
    }

    /// Makes an own statement about `subject` and puts it in the roll; says by which change.
    pub(crate) fn write<'a, T: Fields<'a>>(
        &mut self,
        subject: &PeerId,
        fields: &T,
    ) -> Result<u64, Full> {
        let version = version_after(self.version)?;
        let bytes = self.sign(subject, version, fields)?;
        let statement = Signed::parse(&bytes).expect("a statement made here is well formed");
        let (before, earlier) = (self.roll.head(), self.own_change(subject, T::KIND));
        self.put(&statement)?;
        self.note_version(version);
        let change = self.roll.head();
        // It may have let its subject's announcement in behind it.
        self.durability.own_statement(before + 1, change);
        self.note_gave_way(earlier, change);
        Ok(change)
    }

    /// As [`Ledger::write`], of two statements of different kinds: both are put in the roll, in this
    /// order, or none.
    pub(crate) fn write_both<'a, 'b, T: Fields<'a>, U: Fields<'b>>(
        &mut self,
        subject: &PeerId,
        first: &T,
        second: &U,
    ) -> Result<u64, Full> {
        let first_version = version_after(self.version)?;
        let version = version_after(first_version)?;
        let first = self.sign(subject, first_version, first)?;
        let second = self.sign(subject, version, second)?;
        let both = [&first, &second]
            .map(|bytes| Signed::parse(bytes).expect("a statement made here is well formed"));
        if !self.would_fit(subject, &both) {
            return Err(Full);
        }
        self.note_version(version);
        let before = self.roll.head();
        let earlier = [T::KIND, U::KIND].map(|kind| self.own_change(subject, kind));
        for statement in &both {
            self.roll.put(statement).expect("there is room for both");
        }
        // What waits outside is let in after them: the room that was found is theirs.
        let change = self.roll.head();
        self.durability.own_statement(before + 1, change);
        earlier.into_iter().for_each(|earlier| self.note_gave_way(earlier, change));
        self.follow_standing(subject);
        Ok(change)
    }

    /// By which change the own statement of a kind about `subject` was made, where there is one.
    fn own_change(&self, subject: &PeerId, kind: Kind) -> Option<u64> {
        let slot = (kind, self.own_hint);
        let mut statements = self.roll.get(subject)?.statements();
        let held = statements.find(|held| (held.statement.kind(), held.statement.writer()) == slot);
        held.map(|held| held.changed)
    }

    fn note_gave_way(&mut self, earlier: Option<u64>, later: u64) {
        if let Some(earlier) = earlier {
            self.durability.gave_way(earlier, later);
        }
    }

    /// Makes this node's next announcement. It enters the roll once the node is admitted.
    pub(crate) fn announce(&mut self, fields: &Announcement<'_>) -> Result<(), Full> {
        let version = version_after(self.version)?;
        let own = self.own;
        self.announcement = self.sign(&own, version, fields)?;
        self.note_version(version);
        self.announced = version;
        self.has_spoken |= self.announcement().is_some_and(|signed| !signed.is_unsigned());
        if self.standing(&own).admits() {
            self.settle_own_announcement();
        }
        Ok(())
    }

    /// Announces again with another home, intent or only another version.
    pub(crate) fn announce_again(
        &mut self,
        now: Now,
        change: impl FnOnce(&mut Hint, &mut Intent),
    ) -> Result<(), Full> {
        let bytes = self.announcement.clone();
        let Some(mut fields) = Signed::parse(&bytes)
            .ok()
            .and_then(Signed::typed::<Announcement<'_>>)
            .and_then(|signed| signed.read())
        else {
            return Ok(());
        };
        change(&mut fields.home, &mut fields.intent);
        fields.issued_at = now.unix_s;
        self.announce(&fields)
    }

    /// The own statement about `subject` in `version`, while its signature is still to be made.
    pub(crate) fn unsigned(&self, subject: &PeerId, version: Version) -> Option<Signed<'_, Any>> {
        let outside = self.unsigned_announcement().filter(|said| said.version() == version);
        outside.or_else(|| self.roll.get(subject)?.unsigned(version))
    }

    /// The own announcement, in the roll or not, while its signature is still to be made.
    pub(crate) fn unsigned_announcement(&self) -> Option<Signed<'_, Any>> {
        Signed::parse(&self.announcement).ok().filter(|said| said.is_unsigned())
    }

    /// Signs the own statement about `subject` in `version`, which waits for it.
    pub(crate) fn put_signature(
        &mut self,
        subject: &PeerId,
        version: Version,
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        let Some(statement) = self.unsigned(subject, version) else { return Ok(()) };
        let statement = statement.with_signature(signature);
        statement.verify(&self.network, &self.own, self.keys())?;
        let is_announcement = statement.kind() == Kind::Announcement;
        let wire = statement.wire();
        self.roll.put_signature(subject, version, signature);
        if is_announcement && self.announced == version {
            self.announcement = wire;
            self.has_spoken = true;
        }
        Ok(())
    }

    fn sign<'a, T: Fields<'a>>(
        &self,
        subject: &PeerId,
        version: Version,
        fields: &T,
    ) -> Result<StatementBytes, Full> {
        Signed::sign(&self.network, self.keys(), subject, version, fields).ok_or(Full)
    }

    /// Notes that own statements were made, the last of them in `version`.
    fn note_version(&mut self, version: Version) {
        if version.epoch != self.version.epoch {
            self.durability.epoch_changed();
        }
        self.version = version;
    }
}

/// The version of the own statement after one of `version`, until all are used up.
fn version_after(version: Version) -> Result<Version, Full> {
    version.next().filter(|version| version.epoch <= EPOCH_MAX).ok_or(Full)
}
