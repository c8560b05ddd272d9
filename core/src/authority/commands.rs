//! What an operator decides: each command is carried out as a whole or not at all.

use super::CentralAuthority;
use crate::{
    key::{PublicKey, Signer, Verifier},
    ledger::Ledger,
    peer_id::PeerId,
    statement::{Decision, Grant, Imported, Presence, Register, RegisterId, Standing},
    storage::{Full, Storage},
    time::Now,
};

/// Why a command was not carried out. What it was to decide is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// This node is not one of its configured authorities.
    NotAuthority,
    /// The roll has no room: for another node, or for more about this one.
    Full,
    /// An authority cannot be removed or banned.
    SubjectIsAuthority,
    /// The node is not in the roll and does not wait to be.
    UnknownPeer,
    /// The node does not belong to the network: admit it first.
    NotAdmitted,
    /// This authority lost its journal, or a part of it, and signs nothing until it has what it
    /// said from others, or its operator vouches that there is nothing.
    Recovering,
    /// The node's key cannot sign statements, or is weak.
    UnsupportedKey,
}

impl core::fmt::Display for CommandError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            CommandError::NotAuthority => "this node is not an authority of its network",
            CommandError::Full => "the roll is full",
            CommandError::SubjectIsAuthority => "an authority cannot be removed or banned",
            CommandError::UnknownPeer => "no such node in the roll",
            CommandError::UnsupportedKey => "the peer id has no key that can sign, or a weak one",
            CommandError::Recovering => {
                "this authority lost a part of its journal and waits until others gave it back"
            }
            CommandError::NotAdmitted => "the node is not admitted: admit it first",
        })
    }
}

impl core::error::Error for CommandError {}

/// The change that a command made: durable once [`NodeEventTracker::durable`] has come to it.
///
/// [`NodeEventTracker::durable`]: crate::NodeEventTracker::durable
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receipt(pub u64);

/// What an import of one node's history did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportOutcome {
    /// History or grants were taken over.
    Taken(Receipt),
    /// All of it was known.
    Unchanged,
    /// The node is removed or banned: nothing was taken over.
    NotAdmitted,
}

impl<S: Storage> CentralAuthority<S> {
    /// Adds a node: decides that it belongs to the network.
    pub(crate) fn add<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
    ) -> Result<Receipt, CommandError> {
        check_key(peer)?;
        let admitted = (RegisterId::STANDING, Standing::ADMITTED.0);
        let decision = decision(ledger, now, peer, [admitted])?;
        issue(ledger, peer, None, decision).map(Receipt)
    }

    /// Takes a node off the roll, or keeps it out.
    pub(crate) fn remove<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        standing: Standing,
    ) -> Result<Receipt, CommandError> {
        check_key(peer)?;
        if ledger.authorities.acts(peer) {
            return Err(CommandError::SubjectIsAuthority);
        }
        if standing == Standing::REMOVED && ledger.node(peer).is_none() {
            return Err(CommandError::UnknownPeer);
        }
        // Its session is closed while it is still admitted, so its uptime is not lost.
        let session = self.find(peer).ok().map(|place| self.leases[place].session);
        let departure =
            session.and_then(|session| self.departure(ledger, now, peer, session, now.unix_s));
        let decision = decision(ledger, now, peer, [(RegisterId::STANDING, standing.0)])?;
        let change = issue(ledger, peer, departure, decision)?;
        self.drop_lease(peer);
        Ok(Receipt(change))
    }

    /// Updates what a node is granted.
    pub(crate) fn update<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        grant: Grant,
        granted: bool,
    ) -> Result<Receipt, CommandError> {
        if ledger.node(peer).is_none() {
            return Err(CommandError::UnknownPeer);
        }
        if !ledger.standing(peer).admits() {
            return Err(CommandError::NotAdmitted);
        }
        let register = (grant.register(), u8::from(granted));
        let decision = decision(ledger, now, peer, [register])?;
        issue(ledger, peer, None, decision).map(Receipt)
    }

    /// Takes over a node's history, and grants, from before Rollbook. It makes nobody online, and
    /// taking the same over again changes nothing.
    pub(crate) fn import<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        history: Imported,
        grants: &[Grant],
    ) -> Result<ImportOutcome, CommandError> {
        check_key(peer)?;
        let standing = ledger.standing(peer);
        if standing != Standing::PENDING && !standing.admits() {
            return Ok(ImportOutcome::NotAdmitted);
        }
        let mut presence = self.presence(ledger, peer);
        let merged = presence.imported.map_or(history, |known| known.merged(history));
        presence.imported = Some(merged);
        presence.issued_at = now.unix_s;
        // Another authority's import of the same counts as well: the fold takes the maximum.
        let presence = (!self.is_history_known(ledger, peer, merged)).then_some(presence);
        let node = ledger.roll.get(peer);
        // What an operator decided stands, whatever the file says.
        let is_open = |id| node.and_then(|node| node.register(id, &ledger.authorities)).is_none();
        let granted = grants.iter().map(|grant| grant.register()).filter(|id| is_open(*id));
        let decision = decision(ledger, now, peer, granted.map(|id| (id, 1)))?;
        if presence.is_none() && decision.is_none() {
            return Ok(ImportOutcome::Unchanged);
        }
        issue(ledger, peer, presence, decision).map(|change| ImportOutcome::Taken(Receipt(change)))
    }

    fn is_history_known<K: Signer + Verifier>(
        &self,
        ledger: &Ledger<S, K>,
        peer: &PeerId,
        history: Imported,
    ) -> bool {
        let Some(node) = ledger.roll.get(peer) else { return false };
        node.presences()
            .filter(|signed| ledger.authorities.contains(signed.writer()))
            .filter_map(|signed| signed.read()?.imported)
            .any(|known| known.merged(history) == known)
    }
}

/// Only a node that can sign belongs to a network: anything verifies under a weak key.
pub(super) fn check_key(peer: &PeerId) -> Result<(), CommandError> {
    let key = PublicKey::of(peer).ok_or(CommandError::UnsupportedKey)?;
    key.check().map_err(|_which| CommandError::UnsupportedKey)
}

/// This authority's decision about `peer` with other values in some registers, under a stamp above
/// every one that was seen for the node. None where the decisions come to the same already.
fn decision<S: Storage, K: Signer + Verifier>(
    ledger: &Ledger<S, K>,
    now: Now,
    peer: &PeerId,
    values: impl IntoIterator<Item = (RegisterId, u8)>,
) -> Result<Option<Decision>, CommandError> {
    let node = ledger.roll.get(peer);
    let held = |id| Some(node?.register(id, &ledger.authorities)?.value);
    let mut changed = values.into_iter().filter(|(id, value)| held(*id) != Some(*value)).peekable();
    if changed.peek().is_none() {
        return Ok(None);
    }
    let mut decision: Decision = node
        .and_then(|node| node.decision(ledger.own_hint()))
        .and_then(|signed| signed.read())
        .unwrap_or_default();
    let stamp_max = node.map_or(0, |node| node.stamp_max(&ledger.authorities));
    let stamp = stamp_max.checked_add(1).ok_or(CommandError::Full)?;
    if !changed.all(|(id, value)| decision.set(Register { id, value, stamp })) {
        return Err(CommandError::Full);
    }
    decision.issued_at = now.unix_s;
    Ok(Some(decision))
}

/// Issues what there is of a presence and a decision, in this order, all or nothing. Says up to
/// which change the roll holds it.
fn issue<S: Storage, K: Signer + Verifier>(
    ledger: &mut Ledger<S, K>,
    peer: &PeerId,
    presence: Option<Presence>,
    decision: Option<Decision>,
) -> Result<u64, CommandError> {
    let issued = match (presence, decision) {
        (None, None) => Ok(ledger.roll.head()),
        (Some(presence), None) => ledger.write(peer, &presence),
        (None, Some(decision)) => ledger.write(peer, &decision),
        (Some(presence), Some(decision)) => ledger.write_both(peer, &presence, &decision),
    };
    issued.map_err(|Full| CommandError::Full)
}
