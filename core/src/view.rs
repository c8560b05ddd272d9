//! What an application sees of a node: a fold of its statements, computed and never stored, so
//! that changing the fold needs no migration.
//!
//! The fold is a pure function of the statements, the authorities, which of them are in touch, and
//! the time (which only measures the running session).

use crate::{
    authorities::{Authorities, InTouch},
    node_data::NodeData,
    peer_id::{Hint, PeerId},
    statement::{
        Announcement, Grant, Grants, Imported, Intent, Presence, PresenceState, Register,
        RegisterId, Session, Standing, Tally,
    },
    storage::Buffer,
    tallies::Tallies,
    version::Version,
};

/// What the fold depends on besides the statements.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The configured authorities: statements of others count for nothing.
    pub authorities: &'a Authorities,
    /// Those of them that are in touch.
    pub in_touch: &'a InTouch,
    /// The time in unix seconds, for the length of the running session.
    pub now_unix: u64,
}

/// Whether a node is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    /// Its home, which is in touch, holds its lease; or it is an authority in touch.
    Online,
    /// It said that it leaves, or its home says that it left.
    Left,
    /// Nobody in touch can say.
    Unknown,
}

/// What an application sees of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView<'a> {
    /// The node.
    pub peer_id: PeerId,
    /// What it says of itself, with its version.
    pub announcement: Option<(Version, Announcement<'a>)>,
    /// Whether it belongs to the network.
    pub standing: Standing,
    /// What it was granted.
    pub grants: Grants,
    /// Whether it is here now.
    pub here: Here,
    /// What was last known of it, `Unknown` where nothing was.
    pub last_known: Here,
    /// The authority that it names as its home.
    pub home: Option<PeerId>,
    /// When it first joined, in unix seconds.
    pub first_joined: Option<u64>,
    /// When it last joined.
    pub last_joined: Option<u64>,
    /// When it last left.
    pub last_left: Option<u64>,
    /// The newest time of issue in its statements: shown, never compared.
    pub last_updated: Option<u64>,
    /// How long the running session lasts, in seconds, at whichever homes; 0 unless online.
    pub uptime: u64,
    /// The sum of its sessions at all authorities, imported history included, in seconds.
    pub accumulated_uptime: u64,
    /// What others counted about it, summed over all authorities.
    pub tallies: Tallies,
}

impl NodeView<'_> {
    /// Online, or last known online while nobody in touch can say.
    pub fn is_active(&self) -> bool {
        self.standing.admits()
            && (self.here == Here::Online
                || (self.here == Here::Unknown && self.last_known == Here::Online))
    }

    /// The session that it announced.
    pub fn session(&self) -> Option<Session> {
        self.announcement.as_ref().map(|(_, announcement)| announcement.session)
    }
}

impl<B: Buffer> NodeData<B> {
    /// Whether some configured authority has a presence or a decision about the node.
    pub fn is_vouched(&self, authorities: &Authorities) -> bool {
        self.presences().any(|presence| authorities.contains(presence.writer()))
            || self.decisions().any(|decision| authorities.contains(decision.writer()))
    }

    /// The greatest stamp in any configured authority's decision.
    pub fn stamp_max(&self, authorities: &Authorities) -> u32 {
        self.decisions()
            .filter(|decision| authorities.contains(decision.writer()))
            .filter_map(|decision| decision.read())
            .map(|decision| decision.stamp_max())
            .max()
            .unwrap_or(0)
    }

    /// One register folded over the decisions of the configured authorities: the greatest stamp,
    /// then the more restrictive value, then the greater peer id.
    pub fn register(&self, id: RegisterId, authorities: &Authorities) -> Option<Register> {
        self.decisions()
            .filter_map(|signed| {
                let writer = authorities.resolve(signed.writer())?;
                let decision = signed.read()?;
                let rank = |register: &Register| (register.precedence(), *writer);
                let decided = decision.registers.into_iter().filter(|register| register.id == id);
                decided.map(|register| (rank(&register), register)).max_by_key(|(rank, _)| *rank)
            })
            .max_by_key(|(rank, _)| *rank)
            .map(|(_, register)| register)
    }

    /// Whether the node belongs to the network. A node that is vouched for without a decision is
    /// admitted: an authority signs a presence only for a node that it admits.
    pub fn standing(&self, authorities: &Authorities) -> Standing {
        match self.register(RegisterId::STANDING, authorities) {
            // Decided to be undecided: nobody may say that, and it admits nobody.
            Some(register) if register.value == Standing::PENDING.0 => Standing::REMOVED,
            Some(register) => Standing(register.value),
            None if self.is_vouched(authorities) => Standing::ADMITTED,
            None => Standing::PENDING,
        }
    }

    /// What the node was granted.
    pub fn grants(&self, authorities: &Authorities) -> Grants {
        let mut grants = Grants::default();
        for grant in Grant::all() {
            if self.register(grant.register(), authorities).is_some_and(|held| held.value != 0) {
                grants.insert(grant);
            }
        }
        grants
    }

    /// Folds the statements into what an application sees.
    pub fn view(&self, context: &Context<'_>) -> NodeView<'_> {
        let authorities = context.authorities;
        let standing = self.standing(authorities);
        let announcement = self
            .announcement()
            .filter(|_| standing.admits() || standing == Standing::PENDING)
            .and_then(|signed| Some((signed.version(), signed.read()?)));
        let slot = announcement.as_ref().and_then(|(_, announcement)| {
            let home = announcement.home;
            self.presence(home).filter(|_| authorities.contains(home))?.read()
        });
        let history = History::of(self, authorities);
        let (here, last_known) = match &announcement {
            Some((version, announcement)) => {
                let seen = Seen {
                    slot: slot.as_ref(),
                    goes_on: self.goes_on(announcement.session, authorities),
                };
                fold_presence(*version, announcement, &seen, context, self.subject())
            }
            None => (Here::Unknown, history.last_known),
        };
        let counted = slot.as_ref().filter(|slot| slot.state == PresenceState::ONLINE);
        let (uptime, running) = match counted {
            Some(slot) if here == Here::Online => (
                context.now_unix.saturating_sub(slot.joined),
                context.now_unix.saturating_sub(slot.counted_from),
            ),
            _ => (0, 0),
        };
        let unclosed = slot.map_or(0, |slot| self.unclosed(&slot, authorities));
        let announced_at = announcement.as_ref().map(|(_, announcement)| announcement.issued_at);
        NodeView {
            peer_id: *self.subject(),
            standing,
            grants: self.grants(authorities),
            here,
            last_known,
            home: announcement
                .as_ref()
                .and_then(|(_, announcement)| authorities.resolve(announcement.home))
                .copied(),
            first_joined: history.first_joined,
            last_joined: history.last_joined,
            last_left: history.last_left,
            last_updated: announced_at.max(history.last_issued),
            uptime,
            accumulated_uptime: history.uptime.saturating_add(running).saturating_add(unclosed),
            tallies: history.tallies,
            announcement,
        }
    }
}

/// What is said of the session that a node announces.
struct Seen<'a> {
    /// The slot of the home that it announces.
    slot: Option<&'a Presence>,
    /// Whether any authority says that the session was here last.
    goes_on: bool,
}

/// Whether a node is here, and what was last known of it.
///
/// Only the slot of the announced home speaks, about the announced session, and while that home is
/// in touch. So nobody but home may say that a node left, and there is no takeover to get wrong.
fn fold_presence(
    version: Version,
    announcement: &Announcement<'_>,
    seen: &Seen<'_>,
    context: &Context<'_>,
    subject: &PeerId,
) -> (Here, Here) {
    if announcement.intent == Intent::LEAVING {
        return (Here::Left, Here::Left);
    }
    let hint = subject.hint();
    if context.in_touch.contains(hint) && context.authorities.resolve(hint) == Some(subject) {
        return (Here::Online, Here::Online);
    }
    let home_in_touch = context.in_touch.contains(announcement.home);
    let slot = seen.slot.map(|slot| (slot.state, slot.session == announcement.session, slot));
    match slot {
        Some((PresenceState::ONLINE, true, _)) if home_in_touch => (Here::Online, Here::Online),
        // Refuted: the node announced again after home had called it left.
        Some((PresenceState::LEFT, true, slot)) if slot.rests_on < version => {
            (Here::Unknown, Here::Online)
        }
        Some((PresenceState::LEFT, true, _)) if home_in_touch => (Here::Left, Here::Left),
        Some((PresenceState::LEFT, true, _)) => (Here::Unknown, Here::Left),
        // On its way to this home from another one.
        _ if seen.goes_on => (Here::Unknown, Here::Online),
        // The session that home knows has ended, or home knows none of this one yet.
        Some((PresenceState::ONLINE, ..)) => (Here::Unknown, Here::Online),
        Some((PresenceState::LEFT, ..)) => (Here::Unknown, Here::Left),
        _ => (Here::Unknown, Here::Unknown),
    }
}

impl<B: Buffer> NodeData<B> {
    /// When the node was last here, in unix seconds, if it is gone and nothing was decided about it:
    /// such a node may be forgotten. It is here while the home that it announced, which acts, says so
    /// of the session that it announced; what else may be true of it is true for a short while.
    pub(crate) fn gone_since(&self, authorities: &Authorities) -> Option<u64> {
        let is_listed = |writer: Hint| authorities.contains(writer);
        if authorities.contains_peer(self.subject())
            || self.decisions().any(|decision| is_listed(decision.writer()))
        {
            return None;
        }
        let said = self.announcement().and_then(|signed| signed.read());
        let (mut is_here, mut seen) = (false, 0);
        for signed in self.presences().filter(|signed| is_listed(signed.writer())) {
            let Some(presence) = signed.read() else { continue };
            let is_home = said.as_ref().is_none_or(|said| {
                said.home == signed.writer()
                    && said.session == presence.session
                    && said.intent != Intent::LEAVING
                    && authorities.acts_as(said.home)
            });
            is_here |= is_home && presence.state == PresenceState::ONLINE;
            seen = match presence.state {
                PresenceState::ONLINE | PresenceState::LEFT => seen.max(presence.left),
                _ => seen.max(presence.issued_at),
            }
            .max(presence.joined);
        }
        (!is_here).then_some(seen)
    }

    /// What configured authorities observed of the node.
    fn observed(&self, authorities: &Authorities) -> impl Iterator<Item = Presence> {
        self.presences()
            .filter(|signed| authorities.contains(signed.writer()))
            .filter_map(|signed| signed.read())
    }

    /// Whether any authority says that `session` was here last.
    fn goes_on(&self, session: Session, authorities: &Authorities) -> bool {
        self.observed(authorities).any(|presence| presence.goes_on(session))
    }

    /// How long the session that `home` speaks of was at earlier homes that have not said yet that
    /// it moved.
    fn unclosed(&self, home: &Presence, authorities: &Authorities) -> u64 {
        self.observed(authorities)
            .filter(|earlier| {
                earlier.state == PresenceState::ONLINE
                    && earlier.session == home.session
                    && earlier.rests_on < home.rests_on
            })
            .map(|earlier| {
                let next = self.observed(authorities).filter(|next| {
                    next.session == home.session && next.rests_on > earlier.rests_on
                });
                let until = next.map(|next| next.counted_from).min();
                until.map_or(0, |until| until.saturating_sub(earlier.counted_from))
            })
            .fold(0, u64::saturating_add)
    }
}

/// What the presences of all authorities say together about the past.
struct History {
    first_joined: Option<u64>,
    last_joined: Option<u64>,
    last_left: Option<u64>,
    last_issued: Option<u64>,
    last_known: Here,
    uptime: u64,
    tallies: Tallies,
}

impl History {
    fn of<B: Buffer>(node: &NodeData<B>, authorities: &Authorities) -> History {
        let mut history = History {
            first_joined: None,
            last_joined: None,
            last_left: None,
            last_issued: None,
            last_known: Here::Unknown,
            uptime: 0,
            tallies: Tallies::default(),
        };
        let some = |time: u64| (time != 0).then_some(time);
        let earlier = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let mut before = Imported::default();
        for presence in node.observed(authorities) {
            history.first_joined = earlier(history.first_joined, some(presence.first_joined));
            history.last_joined = history.last_joined.max(some(presence.joined));
            history.last_left = history.last_left.max(some(presence.left));
            history.last_issued = history.last_issued.max(some(presence.issued_at));
            history.uptime = history.uptime.saturating_add(presence.uptime);
            presence.tallies.iter().for_each(|tally| history.tallies.add(tally));
            if let Some(imported) = presence.imported {
                before = before.merged(imported);
            }
            match presence.state {
                PresenceState::ONLINE => history.last_known = Here::Online,
                PresenceState::LEFT if history.last_known == Here::Unknown => {
                    history.last_known = Here::Left;
                }
                _ => {}
            }
        }
        for decision in node.decisions().filter(|signed| authorities.contains(signed.writer())) {
            let issued_at = decision.read().map_or(0, |decision| decision.issued_at);
            history.last_issued = history.last_issued.max(some(issued_at));
        }
        history.first_joined = earlier(history.first_joined, some(before.first_joined));
        history.uptime = history.uptime.saturating_add(before.uptime);
        for (counter, counted) in (0..).zip(before.counted) {
            history.tallies.add(&Tally { counter, count: counted.count, last: counted.last });
        }
        history
    }
}
