//! Years in which nodes come and go: what is forgotten, and what is not.
#![cfg(feature = "alloc")]

mod common;

use common::{Cluster, keys};
use rollbook_core::{
    Event, Grant, Heap, Here, Keypair, PeerId, Presence, PresenceState, Session, Signed, Verdict,
    Version, message,
};

/// Long ones, so that years pass fast.
const INTERVAL_MS: u64 = 2 * 60 * 60 * 1000;
const DAY_MS: u64 = 12 * INTERVAL_MS;
const CAPACITY: u32 = 48;
/// Two authorities and two members that stay, then places of guests.
const FIRST: usize = 0;
const SECOND: usize = 1;
const MEMBER: usize = 2;
const AWAY: usize = 3;
const GUESTS: [usize; 3] = [4, 5, 6];
const STAYING: [usize; 3] = [FIRST, SECOND, MEMBER];

struct Years {
    cluster: Cluster<Heap>,
    guests: u32,
}

impl Years {
    fn begin() -> Years {
        let mut cluster = Cluster::with(2, 2 + GUESTS.len(), |config| {
            config.interval_ms = INTERVAL_MS;
            config.capacity = CAPACITY;
        });
        cluster.run(6 * INTERVAL_MS);
        Years { cluster, guests: 0 }
    }

    /// New guests in the places of those before, who were stopped or just went.
    fn change_guests(&mut self) {
        for place in GUESTS {
            self.guests += 1;
            if self.guests.is_multiple_of(2) {
                let now = self.cluster.now();
                self.cluster.tracker(place).leave(now);
                self.cluster.settle();
            }
            let mut seed = [0xaa; 32];
            seed[..4].copy_from_slice(&self.guests.to_be_bytes());
            self.cluster.replace(place, Keypair::ed25519(seed));
        }
    }

    /// Lets days pass with new guests on each.
    fn pass(&mut self, days: u32) {
        for day in 0..days {
            self.change_guests();
            self.cluster.run(DAY_MS);
            for node in STAYING {
                let now = self.cluster.now();
                let held = self.cluster.tracker(node).nodes(now).count();
                assert!(held <= CAPACITY as usize, "{held} at {node}");
            }
            for guest in GUESTS {
                let here = self.cluster.view(MEMBER, guest).map(|view| view.here);
                assert_eq!(here, Some(Here::Online), "there is room on day {day}");
            }
        }
    }

    fn roots(&mut self) -> [rollbook_core::Root; STAYING.len()] {
        STAYING.map(|node| self.cluster.tracker(node).root())
    }
}

fn is_forgotten(event: &Event) -> bool {
    matches!(event, Event::Forgotten { .. })
}

#[test]
fn network_in_which_nodes_come_and_go_for_years_stays_within_its_capacity() {
    let mut years = Years::begin();
    // Somebody whom an operator decided about, and who is never seen again.
    let (now, decided) = (years.cluster.now(), years.cluster.peer(GUESTS[0]));
    years.cluster.tracker(SECOND).grant(now, &decided, Grant::STAKED).expect("it decides");
    let began = now.unix_s;
    years.pass(2 * 365);
    years.cluster.run(3 * DAY_MS);
    let roots = years.roots();
    assert_eq!(roots, [roots[0]; STAYING.len()]);
    let passed = years.cluster.now().unix_s - began;
    for node in STAYING {
        let decided = years.cluster.view_of(node, &decided).expect("it was decided about");
        assert!(decided.grants.contains(Grant::STAKED));
        let member = years.cluster.view(node, MEMBER).expect("it is here");
        assert!(member.first_joined <= Some(began), "its history stays");
        assert!(member.accumulated_uptime + 86_400 >= passed, "{}", member.accumulated_uptime);
    }
    for node in STAYING {
        let told = years.cluster.told(node, is_forgotten);
        assert!(told > 1_900, "{told}");
        let counters = years.cluster.tracker(node).counters();
        assert_eq!((counters.notices_lost, counters.nodes_forgotten), (0, told as u64));
    }
    // What is issued again is not gossiped: the home says that a guest came and that it went, and
    // the guest that it leaves; the horizons are few.
    let reissued: u64 = [FIRST, SECOND]
        .map(|node| years.cluster.tracker(node).counters().presences_reissued)
        .iter()
        .sum();
    let gossip = years.cluster.gossip_log().len() as u64;
    assert!(reissued > 1_000, "{reissued}");
    assert!(gossip <= 4 * u64::from(years.guests), "{gossip} for {}", years.guests);
}

#[test]
fn who_was_away_for_a_year_forgets_the_same_and_keeps_what_was_decided() {
    let mut years = Years::begin();
    let (now, away) = (years.cluster.now(), years.cluster.peer(AWAY));
    years.cluster.tracker(FIRST).grant(now, &away, Grant::VALIDATOR).expect("it decides");
    years.pass(10);
    years.cluster.stop(AWAY);
    years.pass(200);
    years.cluster.restart(AWAY);
    years.cluster.run(3 * DAY_MS);
    let root = years.cluster.tracker(AWAY).root();
    assert_eq!(years.roots(), [root; STAYING.len()]);
    assert!(years.cluster.told(AWAY, is_forgotten) > 0);
    let view = years.cluster.view(FIRST, AWAY).expect("held");
    assert!(view.grants.contains(Grant::VALIDATOR) && view.here == Here::Online);
    for node in STAYING {
        let peer = years.cluster.peer(node);
        assert!(!years.cluster.saw(AWAY, Event::Forgotten { peer }), "{node} never went");
    }
}

#[test]
fn authorities_that_are_killed_again_and_again_forget_nobody_who_is_here() {
    let mut years = Years::begin();
    for round in 0..60 {
        years.pass(2);
        let authority = [FIRST, SECOND][round % 2];
        years.cluster.stop(authority);
        years.cluster.run(INTERVAL_MS / 2 * (1 + round as u64 % 9));
        years.cluster.restart(authority);
        years.cluster.run(6 * INTERVAL_MS);
    }
    years.cluster.run(5 * DAY_MS);
    let roots = years.roots();
    assert_eq!(roots, [roots[0]; STAYING.len()]);
    for node in STAYING {
        for other in STAYING {
            let peer = years.cluster.peer(other);
            assert!(!years.cluster.saw(node, Event::Forgotten { peer }));
            assert_eq!(years.cluster.view(node, other).map(|view| view.here), Some(Here::Online));
        }
        assert!(years.cluster.told(node, is_forgotten) > 100);
    }
}

/// The horizon of an authority, in its statement about itself.
fn horizon_of(years: &Years, authority: usize) -> Option<Version> {
    let log = years.cluster.gossip_log();
    log.iter().rev().find_map(|message| own_horizon(message, &years.cluster.peer(authority)))
}

fn own_horizon(message: &[u8], authority: &PeerId) -> Option<Version> {
    let statements = message::statements(&message[1..]).filter_map(|statement| statement.ok());
    statements
        .filter(|statement| statement.subject() == Some(*authority))
        .filter(|statement| statement.writer() == authority.hint())
        .find_map(|statement| statement.typed::<Presence>()?.read()?.horizon)
}

#[test]
fn void_presence_is_refused_whoever_brings_it() {
    let mut years = Years::begin();
    while horizon_of(&years, FIRST).is_none() {
        years.pass(1);
    }
    let horizon = horizon_of(&years, FIRST).expect("it was just there");
    let before = Version { epoch: horizon.epoch, seq: horizon.seq - 1 };
    let (_, long_gone) = keys(77);
    let said =
        Presence { session: Session([7; 4]), state: PresenceState::LEFT, ..Presence::default() };
    let offer = |years: &mut Years, version: Version| {
        let network = "test".parse().expect("valid");
        let signed = Signed::sign(&network, &keys(1).0, &long_gone, version, &said);
        let message = [&[message::FORMAT][..], &signed.expect("bounded")].concat();
        years.cluster.gossip_to(MEMBER, FIRST, &message)
    };
    let refused = years.cluster.tracker(MEMBER).counters().statements_void;
    assert_eq!(offer(&mut years, before), Verdict::Ignore);
    assert_eq!(years.cluster.tracker(MEMBER).counters().statements_void, refused + 1);
    assert!(years.cluster.view_of(MEMBER, &long_gone).is_none());
    // The same in a version that is not void.
    assert_eq!(offer(&mut years, horizon), Verdict::Accept);
    assert!(years.cluster.view_of(MEMBER, &long_gone).is_some());
}

#[test]
fn horizon_that_comes_before_what_was_issued_again_drops_nobody_who_stays() {
    let mut years = Years::begin();
    // The member hears nothing of what is issued again.
    'issuing: loop {
        years.change_guests();
        for _ in 0..DAY_MS / INTERVAL_MS {
            years.cluster.run(INTERVAL_MS);
            if years.cluster.tracker(FIRST).counters().presences_reissued > 0 {
                break 'issuing;
            }
        }
    }
    for other in [FIRST, SECOND].into_iter().chain([AWAY]).chain(GUESTS) {
        years.cluster.disconnect(MEMBER, other);
    }
    years.cluster.forget_events();
    let known = horizon_of(&years, FIRST);
    let told = (0..20).any(|_| {
        years.cluster.run(INTERVAL_MS);
        horizon_of(&years, FIRST) != known
    });
    assert!(told, "a horizon follows what was issued again");
    let first = years.cluster.peer(FIRST);
    let log = years.cluster.gossip_log();
    let message = log.iter().rev().find(|message| own_horizon(message, &first).is_some());
    let message = message.expect("it was told").clone();
    years.cluster.gossip_to(MEMBER, FIRST, &message);
    years.cluster.run(INTERVAL_MS / 2);
    years.cluster.connect_all();
    years.cluster.run(2 * DAY_MS);
    let root = years.cluster.tracker(MEMBER).root();
    assert_eq!(years.roots(), [root; STAYING.len()]);
    for node in STAYING.into_iter().chain([AWAY]) {
        let peer = years.cluster.peer(node);
        assert!(!years.cluster.saw(MEMBER, Event::Forgotten { peer }), "{node} stays");
        assert!(!years.cluster.saw(MEMBER, Event::Joined { peer }), "{node} never went");
    }
}
