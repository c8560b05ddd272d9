//! A node's side of a lease: which authority it renews with, and when it tries another.

use crate::{
    authorities::{Authorities, InTouch},
    peer_id::{Hint, PeerId},
    time::Now,
};

/// Which authority this node renews its lease with.
#[derive(Debug)]
pub(super) struct Home {
    /// The one that answered, while it does.
    current: Option<PeerId>,
    /// The one that was given up last: another is preferred.
    given_up: Option<PeerId>,
    answered_ms: u64,
    in_touch: InTouch,
    /// How often in a row it was refused a lease.
    refusals: u8,
}

/// How often the time doubles after which a node asks again that was refused a lease.
const DOUBLINGS_MAX: u8 = 3;

impl Home {
    /// None yet.
    pub(super) const NONE: Home = Home {
        current: None,
        given_up: None,
        answered_ms: 0,
        in_touch: InTouch::NONE,
        refusals: 0,
    };

    pub(super) fn current(&self) -> Option<PeerId> {
        self.current
    }

    /// Whom to ask for a lease: the current home, else the first connected authority in the
    /// configured order, the one that was given up last of all.
    pub(super) fn target(
        &self,
        authorities: &Authorities,
        is_connected: impl Fn(&PeerId) -> bool,
    ) -> Option<PeerId> {
        let connected =
            || authorities.acting().filter(|(_, peer)| is_connected(peer)).map(|(_, peer)| *peer);
        let current = connected().find(|peer| Some(*peer) == self.current);
        current
            .or_else(|| connected().find(|peer| Some(*peer) != self.given_up))
            .or_else(|| connected().next())
    }

    /// `home` answered a renewal.
    pub(super) fn answered(&mut self, now: Now, home: PeerId, in_touch: InTouch) {
        self.current = Some(home);
        self.answered_ms = now.mono_ms;
        self.in_touch = in_touch;
        self.refusals = 0;
    }

    /// There is none, and none was given up.
    pub(super) fn forget(&mut self) {
        *self = Home::NONE;
    }

    /// Gives the home up if it has not answered for `patience_ms`. Says whether it did.
    pub(super) fn give_up(&mut self, now: Now, patience_ms: u64) -> bool {
        let overdue = now.mono_ms.saturating_sub(self.answered_ms) >= patience_ms;
        if self.current.is_none() || !overdue {
            return false;
        }
        self.given_up = self.current.take();
        true
    }

    /// An authority refused this node.
    pub(super) fn refused(&mut self, by: PeerId) {
        if self.current == Some(by) {
            self.current = None;
        }
        self.given_up = Some(by);
    }

    /// As [`Home::refused`], where asking again soon will not help.
    pub(super) fn turned_down(&mut self, by: PeerId) {
        self.refused(by);
        self.refusals = self.refusals.saturating_add(1);
    }

    /// Whether the last answer to this node was that it gets no lease.
    pub(super) fn is_turned_down(&self) -> bool {
        self.refusals > 0
    }

    /// What it was turned down for holds no longer.
    pub(super) fn forget_refusals(&mut self) {
        self.refusals = 0;
    }

    /// How many intervals pass until an authority is asked again: more, the more often in a row it
    /// refused.
    pub(super) fn intervals(&self) -> u64 {
        1 << self.refusals.saturating_sub(1).min(DOUBLINGS_MAX)
    }

    /// When the home is given up if it stays silent.
    pub(super) fn deadline_ms(&self, patience_ms: u64) -> Option<u64> {
        self.current.map(|_| self.answered_ms.saturating_add(patience_ms))
    }

    pub(super) fn heard_within(&self, now: Now, window_ms: u64) -> bool {
        self.current.is_some() && now.mono_ms.saturating_sub(self.answered_ms) < window_ms
    }

    /// The authorities that home heard directly, as it said last.
    pub(super) fn says_in_touch(&self) -> &[Hint] {
        self.in_touch.as_slice()
    }
}
