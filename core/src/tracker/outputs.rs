//! What a node wants done: drained after every input, in the order signature, journal, publication,
//! request, event.

use super::NodeEventTracker;
use crate::{
    event::Event,
    journal::{self, Frame, JOURNAL_FORMAT},
    key::{Signer, Verifier},
    limits::{
        GOSSIP_SIZE_MAX, OBSERVATION_SIZE_MAX, OBSERVATIONS_MAX, REQUEST_SIZE_MAX, TOTAL_SIZE_MAX,
    },
    message::{self, ObservationBatch, Page, Renew, Request, SyncRequest},
    node_data::NodeData,
    peer_id::PeerId,
    roll::Reported,
    statement::{Intent, Kind, PresenceState, Session, Standing},
    storage::{Buffer, Storage},
    time::Now,
    version::Version,
    view::{Context, Here},
};

/// How often an authority writes down that it is here, in seconds.
const ALIVE_SECONDS: u64 = 60;

/// A frame to append to the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalFrame {
    /// How many bytes of the buffer it takes.
    pub len: usize,
    /// Its number, for [`NodeEventTracker::handle_journal_synced`].
    pub position: u64,
    /// Whether something waits for it to be durable.
    pub must_sync: bool,
}

/// A request to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingRequest {
    /// To whom.
    pub to: PeerId,
    /// How many bytes of the buffer it takes.
    pub len: usize,
}

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// Writes the next frame of the journal into `out`, checksum and delimiter included.
    /// [`FRAME_SIZE_MAX`](crate::limits::FRAME_SIZE_MAX) bytes always suffice; in fewer a frame may
    /// find no room, which reads as if there were none, and waits. So does what stands behind a
    /// statement whose signature is still to be made.
    pub fn poll_journal(&mut self, out: &mut [u8]) -> Option<JournalFrame> {
        let is_header_due = !self.header_written && !self.authority.is_recovering();
        if is_header_due && !self.header_last {
            return self.header_frame(out);
        }
        let epoch = self.ledger.epoch();
        if self.started && self.epoch_written != Some(epoch) {
            let len = journal::encode(&Frame::Epoch(epoch), out).ok()?;
            self.epoch_written = Some(epoch);
            let frame = self.frame(len, true);
            self.ledger.durability.epoch_written(frame.position);
            return Some(frame);
        }
        if let Some(alive) = self.alive_due() {
            let len = journal::encode(&Frame::Alive(alive), out).ok()?;
            self.alive_written = alive;
            return Some(self.frame(len, false));
        }
        // Before what is published of it: a batch is counted with its number or not at all.
        let mut totals = [0; OBSERVATIONS_MAX * TOTAL_SIZE_MAX];
        if let Some(frame) = self.authority.counting.unwritten_frame(&self.ledger, &mut totals) {
            let len = journal::encode(&frame, out).ok()?;
            let frame = self.frame(len, true);
            self.authority.counting.written(frame.position);
            return Some(frame);
        }
        let mut reader = self.journal;
        let next = reader.next_statement(&self.ledger.roll, u64::MAX);
        if next.is_some_and(|(_, held)| held.statement.is_unsigned()) {
            let change = self.journal.pause(&self.ledger.roll);
            self.ledger.durability.drained(change);
            return None;
        }
        let next = next.map(|(_, held)| {
            let statement = held.statement;
            let must_sync =
                statement.kind() != Kind::Announcement && self.ledger.is_own(&statement);
            (journal::encode(&Frame::Statement(&statement.wire()), out), must_sync)
        });
        match next {
            Some((len, must_sync)) => {
                let len = len.ok()?;
                self.journal = reader;
                Some(self.frame(len, must_sync))
            }
            None => {
                self.journal = reader;
                if is_header_due {
                    return self.header_frame(out);
                }
                self.ledger.durability.drained(self.ledger.roll.head());
                None
            }
        }
    }

    fn header_frame(&mut self, out: &mut [u8]) -> Option<JournalFrame> {
        let frame = Frame::Header {
            format: JOURNAL_FORMAT,
            peer_id: self.ledger.own().as_bytes(),
            network: self.ledger.network.as_str(),
        };
        let len = journal::encode(&frame, out).ok()?;
        self.header_written = true;
        Some(self.frame(len, true))
    }

    fn frame(&mut self, len: usize, must_sync: bool) -> JournalFrame {
        self.journal_growth += len as u64;
        let live = self.ledger.roll.size() + 1024;
        if self.journal_growth > (4 * live).max(self.compaction_floor) {
            self.journal_growth = 0;
            self.compaction_due = true;
        }
        JournalFrame { len, position: self.ledger.durability.next_position(must_sync), must_sync }
    }

    fn alive_due(&self) -> Option<u64> {
        let alive = self.authority.alive_unix();
        (self.started && alive.saturating_sub(self.alive_written) >= ALIVE_SECONDS).then_some(alive)
    }

    /// Writes the next gossip message into `out`: own statements that are durable, each presence
    /// with the announcement that it vouches for. [`GOSSIP_SIZE_MAX`] bytes always suffice; in
    /// fewer a message may find no room, which reads as if there were none, and waits.
    pub fn poll_publication(&mut self, out: &mut [u8]) -> Option<usize> {
        if !self.ledger.durability.epoch_durable() || self.ledger.withholds() {
            return None;
        }
        let visible = self.ledger.durability.visible(self.ledger.roll.head());
        let bound = out.len().min(GOSSIP_SIZE_MAX);
        let (format, body) = out[..bound].split_first_mut()?;
        *format = message::FORMAT;
        let mut page = Page::new(body);
        let mut reader = self.publications;
        loop {
            let before = (reader, page.used());
            let Some((entry, held)) = reader.next_statement(&self.ledger.roll, visible) else {
                break;
            };
            let statement = held.statement;
            let is_quiet =
                statement.kind() == Kind::Presence && self.ledger.is_quiet(statement.version());
            if is_quiet || !self.ledger.is_own(&statement) {
                continue;
            }
            // A home that took this session in tells so together with what the node announced.
            if statement.kind() == Kind::Announcement && is_home_to_tell(entry.node()) {
                continue;
            }
            let mut fits = page.push(&statement.wire());
            if statement.kind() == Kind::Presence
                && let Some(announcement) = entry.node().announcement()
            {
                let is_own = entry.node().subject() == self.ledger.own();
                fits &= is_own || page.push(&announcement.wire());
            }
            if !fits {
                debug_assert!(
                    before.1 > 0 || bound < GOSSIP_SIZE_MAX,
                    "a presence and an announcement fit one message"
                );
                reader = before.0;
                page.truncate(before.1);
                break;
            }
        }
        self.publications = reader;
        let size = page.used();
        if size == 0 {
            return None;
        }
        self.ledger.counters.gossip_sent += 1;
        Some(1 + size)
    }

    /// Writes the next request into `out`. Its answer comes back by
    /// [`NodeEventTracker::handle_response`] or
    /// [`NodeEventTracker::handle_request_failed`].
    ///
    /// [`REQUEST_SIZE_MAX`] bytes always suffice; more are used where the peer takes more. In fewer
    /// a request may find no room, which reads as if there were none, and waits.
    pub fn poll_request(&mut self, now: Now, out: &mut [u8]) -> Option<OutgoingRequest> {
        if !self.ledger.durability.epoch_durable() {
            return None;
        }
        if self.peers.next_due(now.mono_ms).is_none() {
            return self.poll_step(now, out);
        }
        let hello = self.hello();
        let home = self.home_target();
        let announced = self.ledger.announced();
        let session = self.session;
        let current = self.home.current();
        let peer = self.peers.next_due(now.mono_ms)?;
        let to = peer.peer_id;
        // Who did not acknowledge a batch gets it again, whoever is the home now.
        // An authority counts by itself what it observes, but for what was under way before it was one.
        let may_begin = current == Some(to) && !self.authority.is_configured();
        let number = if peer.is_authority {
            self.observations.batch_for(to.hint(), may_begin)
        } else {
            None
        };
        let mut bytes = [0; OBSERVATIONS_MAX * OBSERVATION_SIZE_MAX];
        let observations = number.map(|number| {
            let size = self.observations.write(to.hint(), &self.ledger.roll, &mut bytes);
            ObservationBatch { session, number, observations: &bytes[..size] }
        });
        let announcement = self.ledger.announcement();
        let leaving = announcement
            .and_then(|signed| signed.read())
            .is_some_and(|said| said.intent == Intent::LEAVING);
        let renews = home == Some(to) && self.ledger.has_spoken() && !leaving;
        let statements = announcement
            .filter(|_| peer.acknowledged < announced && !self.ledger.withholds())
            .filter(|signed| !signed.is_unsigned())
            .map(|signed| signed.wire())
            .unwrap_or_default();
        let fields = SyncRequest {
            hello,
            cursor: peer.cursor,
            renew: renews.then_some(Renew { session }),
            observations,
            statements: &statements,
        };
        let bound = out.len().min(REQUEST_SIZE_MAX);
        let len = message::encode(&Request::Sync(fields), &mut out[..bound])?;
        peer.asked_ms = Some(now.mono_ms);
        peer.pushed = announced;
        self.ledger.counters.requests_sent += 1;
        Some(OutgoingRequest { to, len })
    }

    /// The next thing to tell the application. Several changes of a node between two drains are
    /// told as what they come to.
    pub fn poll_event(&mut self, now: Now) -> Option<Event> {
        if let Some(notice) = self.notices.pop_front() {
            return Some(notice);
        }
        if core::mem::take(&mut self.compaction_due) {
            return Some(Event::CompactionDue);
        }
        if self.ledger.is_partial() != self.told_partial {
            self.told_partial = self.ledger.is_partial();
            let became = if self.told_partial { Event::BecamePartial } else { Event::BecameWhole };
            return Some(became);
        }
        let home = self.home_now();
        if home != self.told_home {
            self.told_home = home;
            return Some(Event::HomeChanged { home });
        }
        if let Some(peer) = self.ledger.pool.next_unreported() {
            return Some(Event::Pending { peer });
        }
        if let Some(peer) = self.ledger.drop_next() {
            return Some(Event::Forgotten { peer });
        }
        let mut reader = self.events;
        loop {
            let Some((index, entry)) = reader.peek(&self.ledger.roll) else {
                reader.complete();
                self.events = reader;
                return None;
            };
            let peer = *entry.node().subject();
            let seen = reported(entry.node(), &self.view_context(now));
            let mut told = entry.reported;
            if let Some(event) = next_event(peer, &mut told, &seen) {
                self.ledger.roll.entry_mut(index).reported = told;
                self.events = reader;
                return Some(event);
            }
            reader.pass(index, entry);
        }
    }

    /// When [`NodeEventTracker::handle_timeout`] is to be called, in monotonic milliseconds.
    pub fn poll_timeout(&self) -> Option<u64> {
        let window_ms = self.window_ms();
        let out_of_touch = self
            .heard
            .iter()
            .map(|(_, heard_ms)| heard_ms.saturating_add(window_ms))
            // Those that lapsed already have been acted on.
            .filter(|lapse_ms| *lapse_ms > self.last_ms);
        [
            self.peers.next_deadline_ms(self.ledger.durability.epoch_durable(), self.answer_ms()),
            self.authority.next_lapse_ms(),
            self.authority.next_tallies_ms(),
            self.authority.next_forget_ms(),
            self.authority.acts().then_some(self.next_own_renewal_ms),
            self.home.deadline_ms(self.home_patience_ms()),
            self.ledger.pool.next_expiry_ms(),
            Some(self.next_repair_ms),
            self.next_step_ms(),
            self.claim_due_ms(),
            self.drop_due_ms(),
        ]
        .into_iter()
        .flatten()
        .chain(out_of_touch)
        .min()
    }

    pub(super) fn view_context(&self, now: Now) -> Context<'_> {
        Context {
            authorities: &self.ledger.authorities,
            in_touch: &self.in_touch,
            now_unix: now.unix_s,
        }
    }
}

/// Whether a node announced a home that has said nothing of its session yet.
fn is_home_to_tell<B: Buffer>(node: &NodeData<B>) -> bool {
    let said = node.announcement().and_then(|signed| signed.read());
    said.is_some_and(|said| {
        let slot = node.presence(said.home).and_then(|signed| signed.read());
        said.intent != Intent::LEAVING && slot.is_none_or(|slot| slot.session != said.session)
    })
}

/// What there is to tell about a node.
pub(super) fn reported<B: Buffer>(node: &NodeData<B>, context: &Context<'_>) -> Reported {
    let view = node.view(context);
    Reported {
        standing: view.standing.0,
        grants: view.grants,
        here: view.here,
        session: view.session().unwrap_or_default(),
        announcement: view.announcement.map_or(Version::ZERO, |(version, _)| version),
    }
}

/// The session in which the node was last known to be online, none if it was not.
pub(super) fn session_last_online<B: Buffer>(node: &NodeData<B>, context: &Context<'_>) -> Session {
    let view = node.view(context);
    let home = view.announcement.as_ref().map(|(_, said)| said.home);
    let slot = home.and_then(|home| node.presence(home)?.read());
    slot.filter(|presence| presence.state == PresenceState::ONLINE)
        .map_or_else(Session::default, |presence| presence.session)
}

/// The first difference between what was told and what is seen, as an event; marks it as told.
fn next_event(peer: PeerId, told: &mut Reported, seen: &Reported) -> Option<Event> {
    if told.standing != seen.standing {
        told.standing = seen.standing;
        let standing = Standing(seen.standing);
        return Some(match standing {
            Standing::BANNED => Event::Banned { peer },
            _ if standing.admits() => Event::Admitted { peer },
            Standing::PENDING => Event::Pending { peer },
            _ => Event::Removed { peer },
        });
    }
    if told.grants != seen.grants {
        told.grants = seen.grants;
        return Some(Event::GrantsChanged { peer });
    }
    if told.here != seen.here {
        let is_back = told.session == seen.session && told.here == Here::Unknown;
        told.here = seen.here;
        if seen.here == Here::Online {
            // Joining tells what the node says of itself too.
            told.announcement = seen.announcement;
            told.session = seen.session;
        }
        return Some(match seen.here {
            Here::Online if is_back => Event::Returned { peer },
            Here::Online => Event::Joined { peer },
            Here::Left => Event::Left { peer },
            Here::Unknown => Event::Unknown { peer },
        });
    }
    if told.announcement != seen.announcement {
        told.announcement = seen.announcement;
        return Some(Event::Changed { peer });
    }
    None
}
