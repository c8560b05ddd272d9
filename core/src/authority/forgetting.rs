//! How an authority forgets the long gone, so that a network in which nodes come and go for years
//! stays within its capacity.
//!
//! Where the roll, or this authority's share of it, is nearly full, it chooses who has been gone for
//! longest and is not decided about. What it says of everybody else it issues again, some in each
//! step and by synchronisation only. Once that is on disk and had time to spread, a horizon in its
//! statement about itself voids the rest.
//!
//! Invariants:
//! - what is voided is gone: nobody who is here, and nobody who was decided about;
//! - the horizon is issued after all that stays is issued again and on disk;
//! - a crash on the way loses nothing: what was issued again is only newer.

use super::CentralAuthority;
use crate::{
    key::{Signer, Verifier},
    ledger::Ledger,
    node_data::NodeData,
    peer_id::{Hint, PeerId},
    statement::Presence,
    storage::{Buffer, Full, Storage},
    time::Now,
    version::Version,
};

/// Nothing is forgotten below this many eighths of the places, and so many are left taken.
const EIGHTHS_FULL: usize = 7;
const EIGHTHS_LEFT: usize = 6;
/// Less than one in so many places is not worth issuing all others again.
const WORTH_SHARE: usize = 64;
/// How many presences are issued again in one step.
const STEP: usize = 32;
/// How long a step takes at least, so that others are heard in between.
const STEP_MS: u64 = 1;
/// For how many lease windows what was issued again may spread.
const SPREAD_WINDOWS: u64 = 2;
/// After how many it is looked again where places are short and there is nobody to forget: everybody
/// is looked at for that.
const LOOK_WINDOWS: u64 = 16;
/// Into how many parts the time is cut in which nodes went.
const PARTS: usize = 64;

/// How far it has come. (Laid out so that the first is all zero bytes, as all tables are.)
#[repr(u8)]
#[derive(Clone, Copy, Debug)]
pub(super) enum Forgetting {
    /// It is looked again at this time.
    Looking { at_ms: u64 },
    /// Presences up to the version `floor` are issued again, of nodes after `last` in the order of
    /// the roll, unless they are gone since `gone_by`.
    Issuing { floor: Version, gone_by: u64, last: Option<u64>, at_ms: u64 },
    /// All is issued again, by the change `change`, and spreads.
    Spreading { floor: Version, gone_by: u64, change: u64, at_ms: u64 },
}

impl Forgetting {
    pub(super) const IDLE: Forgetting = Forgetting::Looking { at_ms: 0 };

    pub(super) fn at_ms(&self) -> u64 {
        match self {
            Forgetting::Looking { at_ms }
            | Forgetting::Issuing { at_ms, .. }
            | Forgetting::Spreading { at_ms, .. } => *at_ms,
        }
    }

    fn wait_until(&mut self, until_ms: u64) {
        let (Forgetting::Looking { at_ms }
        | Forgetting::Issuing { at_ms, .. }
        | Forgetting::Spreading { at_ms, .. }) = self;
        *at_ms = until_ms;
    }
}

impl<S: Storage> CentralAuthority<S> {
    /// Goes on with forgetting who is long gone.
    ///
    /// It takes all other authorities that act to be in touch (`hears_all`): who is gone here may be at
    /// home there, and what is issued again is to arrive there.
    pub(crate) fn forget<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        hears_all: bool,
    ) {
        if now.mono_ms < self.forgetting.at_ms() {
            return;
        }
        if !hears_all || self.is_isolated() {
            self.forgetting.wait_until(now.mono_ms + self.window_ms);
            return;
        }
        self.forgetting = match self.forgetting {
            Forgetting::Looking { .. } => match excess(ledger).map(|few| choose(ledger, few)) {
                Some(Some(gone_by)) => Forgetting::Issuing {
                    floor: ledger.version(),
                    gone_by,
                    last: None,
                    at_ms: now.mono_ms + STEP_MS,
                },
                Some(None) => {
                    Forgetting::Looking { at_ms: now.mono_ms + LOOK_WINDOWS * self.window_ms }
                }
                None => self.look_later(now),
            },
            Forgetting::Issuing { floor, gone_by, last, .. } => {
                match self.issue_again(ledger, (floor, gone_by), last) {
                    Ok(Some(last)) => Forgetting::Issuing {
                        floor,
                        gone_by,
                        last: Some(last),
                        at_ms: now.mono_ms + STEP_MS,
                    },
                    Ok(None) => Forgetting::Spreading {
                        floor,
                        gone_by,
                        change: ledger.roll.head(),
                        at_ms: now.mono_ms + SPREAD_WINDOWS * self.window_ms,
                    },
                    Err(Full) => self.look_later(now),
                }
            }
            Forgetting::Spreading { floor, gone_by, change, .. } => {
                let again = || left_behind(ledger, floor, gone_by, 0).next().is_some();
                if ledger.durability.durable(ledger.roll.head()) < change {
                    // The disk, or who signs, does not take it for now.
                    let at_ms = now.mono_ms + self.grace_ms;
                    Forgetting::Spreading { floor, gone_by, change, at_ms }
                } else if again() {
                    // Who was gone came back.
                    let at_ms = now.mono_ms + STEP_MS;
                    Forgetting::Issuing { floor, gone_by, last: None, at_ms }
                } else {
                    self.draw_horizon(ledger, now, floor);
                    self.look_later(now)
                }
            }
        };
    }

    /// When [`CentralAuthority::forget`] has something to do, at the earliest.
    pub(crate) fn next_forget_ms(&self) -> Option<u64> {
        self.acts().then_some(self.forgetting.at_ms())
    }

    fn look_later(&self, now: Now) -> Forgetting {
        Forgetting::Looking { at_ms: now.mono_ms + self.window_ms }
    }

    /// Issues some presences again, of the nodes after `last`. Says which came last, none at the end.
    fn issue_again<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        (floor, gone_by): (Version, u64),
        last: Option<u64>,
    ) -> Result<Option<u64>, Full> {
        let mut peers = heapless::Vec::<PeerId, STEP>::new();
        let start = last.map_or(0, |last| ledger.roll.place_after(last));
        let behind = left_behind(ledger, floor, gone_by, start);
        peers.extend(behind.take(STEP).map(|node| *node.subject()));
        let before = ledger.version();
        for peer in &peers {
            // As it was, but for what was counted since.
            let presence = self.presence_to_issue(ledger, peer);
            ledger.write(peer, &presence)?;
            ledger.counters.presences_reissued += 1;
        }
        // Nothing of it is news: it need not be gossiped.
        ledger.note_quiet(before, ledger.version());
        Ok(peers.last().filter(|_| peers.is_full()).map(|peer| peer.order_key()))
    }

    /// Voids what was not issued again.
    fn draw_horizon<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        floor: Version,
    ) {
        let Some(horizon) = floor.next() else { return };
        let own = *ledger.own();
        let presence = Presence {
            horizon: Some(horizon),
            issued_at: now.unix_s,
            ..self.presence_to_issue(ledger, &own)
        };
        // Without room for it nothing is void.
        let _ = ledger.write(&own, &presence);
    }
}

/// Since when those are gone who give their places up, so that there are `excess` more; none where
/// too few are gone.
fn choose<S: Storage, K: Signer + Verifier>(ledger: &Ledger<S, K>, excess: usize) -> Option<u64> {
    let gone = || gone(ledger).map(|(_, since)| since);
    let (first, last) =
        gone().fold((u64::MAX, 0), |(first, last), since| (first.min(since), last.max(since)));
    let part_s = (last.checked_sub(first)? / PARTS as u64).saturating_add(1);
    let mut counts = [0usize; PARTS];
    for since in gone() {
        let part = usize::try_from((since - first) / part_s).expect("below the parts");
        counts[part] += 1;
    }
    // Those who went first, as far as they are needed.
    let mut sum = 0;
    let parts = counts.iter().position(|count| {
        sum += count;
        sum >= excess
    });
    let worth = (ledger.roll.capacity() / WORTH_SHARE).max(1);
    let parts = parts.map_or(PARTS, |part| part + 1) as u64;
    (sum >= worth).then(|| first.saturating_add(parts.saturating_mul(part_s) - 1))
}

/// By how many nodes too few places are free; none where there are enough.
fn excess<S: Storage, K: Signer + Verifier>(ledger: &Ledger<S, K>) -> Option<usize> {
    let over = |taken: usize, places: usize| {
        let is_short = taken * 8 > places * EIGHTHS_FULL;
        is_short.then(|| taken - places * EIGHTHS_LEFT / 8)
    };
    let of_all = over(ledger.roll.count(), ledger.roll.capacity());
    let share = super::share(ledger);
    let of_share = || {
        let own = ledger.own_hint();
        over(ledger.roll.iter().filter(|node| super::is_first_voucher(*node, own)).count(), share)
    };
    // A share that is not used up binds nobody while there is room for all.
    let of_share = if ledger.roll.count() < share { None } else { of_share() };
    of_all.max(of_share)
}

/// The nodes of which this authority said something and that are gone, and since when.
fn gone<S: Storage, K: Signer + Verifier>(
    ledger: &Ledger<S, K>,
) -> impl Iterator<Item = (&PeerId, u64)> {
    let own = ledger.own_hint();
    ledger
        .roll
        .iter()
        .filter(move |node| node.presence(own).is_some())
        .filter_map(|node| Some((node.subject(), node.gone_since(&ledger.authorities)?)))
}

/// Those of whom this authority last said something in a version up to `floor`, and who stay, from the
/// place `start` in the order on.
fn left_behind<S: Storage, K: Signer + Verifier>(
    ledger: &Ledger<S, K>,
    floor: Version,
    gone_by: u64,
    start: usize,
) -> impl Iterator<Item = &NodeData<S::Statements>> {
    let own = ledger.own_hint();
    let places = start..ledger.roll.count();
    places.map(|place| ledger.roll.at(place).node()).filter(move |node| {
        let is_old = is_said_by(*node, own, floor);
        is_old && node.gone_since(&ledger.authorities).is_none_or(|since| since > gone_by)
    })
}

/// Whether `writer` last said something of a node in a version up to `floor`. (What it says of itself
/// is what holds the horizon.)
fn is_said_by(node: &NodeData<impl Buffer>, writer: Hint, floor: Version) -> bool {
    node.subject().hint() != writer
        && node.presence(writer).is_some_and(|presence| presence.version() <= floor)
}
