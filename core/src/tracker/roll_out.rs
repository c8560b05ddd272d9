//! Another list of authorities while the node runs: one is added, retired, or taken off the list.
//!
//! Nodes need not be told at the same time. Until all are, each counts what those say whom it lists
//! itself.

use core::fmt;

use super::{NodeEventTracker, check_keys};
use crate::{
    authorities::Authorities,
    authority::Admission,
    event::Event,
    key::{Signer, Verifier, VerifyError},
    roll::ChangeReader,
    storage::Storage,
    time::Now,
};

/// Why another list of authorities cannot be used. The one before it stays in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RollOutError {
    /// A key on the list cannot sign statements.
    Key(VerifyError),
    /// This replica does not hold every node, and others rely on an authority to do so.
    Partial,
    /// This node issued statements as an authority, which would count no longer. List it as retired.
    NoLongerAuthority,
    /// This authority recovers what it said before, and is neither retired nor made one meanwhile.
    Recovering,
    /// A part of this node's journal is lost, and it may have been an authority before: start it
    /// anew with the list, so that it recovers.
    Damaged,
}

impl fmt::Display for RollOutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RollOutError::Key(error) => error.fmt(f),
            RollOutError::Partial => f.write_str("a node that does not hold every node cannot be an authority"),
            RollOutError::NoLongerAuthority => f.write_str(
                "this node issued statements as an authority: list it as retired, so that they count",
            ),
            RollOutError::Recovering => {
                f.write_str("this authority waits until others gave back what it said")
            }
            RollOutError::Damaged => f.write_str(
                "a part of the journal is lost: start the node anew with this list, so that it \
                 gets back what it may have said",
            ),
        }
    }
}

impl core::error::Error for RollOutError {}

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// Replaces the list of authorities, in which this node may become one, or retire. What
    /// authorities said who are not on it any more counts no longer, and nodes for which nobody else
    /// vouches leave the roll.
    ///
    /// An authority that retires says of its members that they moved, with what it counted of them,
    /// as the last thing that it says. `admission` is for a node that becomes an authority.
    pub fn set_authorities(
        &mut self,
        now: Now,
        authorities: Authorities,
        admission: Admission,
    ) -> Result<(), RollOutError> {
        assert!(self.started, "the list is replaced after the start");
        self.advance(now);
        if authorities == self.ledger.authorities {
            return Ok(());
        }
        let own = *self.ledger.own();
        let (acted, acts) = (self.authority.is_configured(), authorities.acts(&own));
        self.check_roll_out(&authorities, acted != acts)?;
        if let Some(authority) = self.authority.acting().filter(|_| !acts) {
            authority.retire(&mut self.ledger, now);
        }
        self.ledger.set_authorities(authorities);
        if acts && !acted {
            self.init_authority(admission);
            self.authority.resume(&self.ledger, now);
            self.next_own_renewal_ms = now.mono_ms;
        }
        self.follow_authorities(now);
        Ok(())
    }

    fn check_roll_out(
        &self,
        authorities: &Authorities,
        role_changes: bool,
    ) -> Result<(), RollOutError> {
        let own = self.ledger.own();
        check_keys(authorities.iter().map(|(_, peer)| peer)).map_err(RollOutError::Key)?;
        if !authorities.contains_peer(own) && self.ledger.holds_own() {
            return Err(RollOutError::NoLongerAuthority);
        }
        if !role_changes {
            return Ok(());
        }
        if self.authority.is_recovering() {
            return Err(RollOutError::Recovering);
        }
        if authorities.acts(own) && self.ledger.is_partial() {
            return Err(RollOutError::Partial);
        }
        if authorities.acts(own) && !self.has_whole_journal() {
            return Err(RollOutError::Damaged);
        }
        Ok(())
    }

    /// Brings everything in line with another list.
    fn follow_authorities(&mut self, now: Now) {
        let authorities = &self.ledger.authorities;
        self.heard.retain(|(hint, _)| authorities.acts_as(*hint));
        self.observations.give_up(|hint| authorities.acts_as(hint));
        self.runs_apart.clear();
        for peer in self.peers.iter_mut() {
            peer.follow_authorities(authorities);
            if peer.is_authority {
                peer.next_sync_ms = peer.next_sync_ms.min(now.mono_ms);
            }
        }
        let has_home = self.home.current().is_some_and(|home| authorities.acts(&home));
        if !has_home {
            self.home.forget();
        }
        if self.is_walking() {
            self.give_walk_up(now);
        }
        self.refresh_in_touch(now);
        // Every node may be seen differently now.
        self.events = ChangeReader::START;
        self.notify(Event::AuthoritiesChanged);
        let said = self.ledger.announcement().and_then(|signed| signed.read());
        if said.is_some_and(|said| said.home != self.announced_home()) {
            self.announce_again(now);
        }
        self.sync_with_home_at(now.mono_ms);
    }
}
