//! What an application sees of statements that several authorities made.

use rollbook_core::{
    Announcement, Authorities, Context, Counted, Counter, Decision, Grant, Here, Imported, InTouch,
    Keypair, NodeData, NodeView, PeerId, Presence, PresenceState, Session, Signed, Signer,
    Standing, Version,
    statement::{Fields, Intent, Register, RegisterId, Tally},
};

type Node = NodeData<heapless::Vec<u8, 2048>>;

const NODE: u8 = 1;
const FIRST: u8 = 2;
const SECOND: u8 = 3;
const STRANGER: u8 = 4;
const SESSION: Session = Session([9; 4]);

fn keys(seed: u8) -> Keypair {
    Keypair::ed25519([seed; 32])
}

fn peer(seed: u8) -> PeerId {
    keys(seed).peer_id()
}

fn put<'a, T: Fields<'a>>(node: &mut Node, writer: u8, epoch: u32, fields: &T) {
    let version = Version { epoch, seq: 1 };
    let network = "test".parse().expect("valid");
    let bytes = Signed::sign(&network, &keys(writer), node.subject(), version, fields);
    let bytes = bytes.expect("bounded");
    node.put(&Signed::parse(&bytes).expect("just signed"), 0).expect("room");
}

fn decide(node: &mut Node, writer: u8, epoch: u32, registers: &[(RegisterId, u8, u32)]) {
    let mut decision = Decision { issued_at: 7, ..Decision::default() };
    for (id, value, stamp) in registers {
        assert!(decision.set(Register { id: *id, value: *value, stamp: *stamp }));
    }
    put(node, writer, epoch, &decision);
}

fn announce(node: &mut Node, epoch: u32, home: u8, intent: Intent) {
    let fields = Announcement {
        session: SESSION,
        home: peer(home).hint(),
        intent,
        issued_at: 100,
        addresses: heapless::Vec::new(),
        agent: "agent",
        capabilities: heapless::Vec::new(),
        extra: &[],
    };
    put(node, NODE, epoch, &fields);
}

fn observe(node: &mut Node, writer: u8, state: PresenceState, rests_on: u32) {
    let fields = Presence {
        session: SESSION,
        state,
        rests_on: Version { epoch: rests_on, seq: 1 },
        first_joined: 1_000,
        joined: 2_000,
        uptime: 500,
        issued_at: 2_000,
        ..Presence::default()
    };
    put(node, writer, 1, &fields);
}

fn node() -> Node {
    Node::new(peer(NODE))
}

/// What `check` makes of the view with these authorities in touch.
fn viewed<R>(node: &Node, in_touch: &[u8], check: impl FnOnce(NodeView<'_>) -> R) -> R {
    let authorities = Authorities::new(&[peer(FIRST), peer(SECOND)]).expect("distinct");
    let in_touch: InTouch = in_touch.iter().map(|seed| peer(*seed).hint()).collect();
    let context = Context { authorities: &authorities, in_touch: &in_touch, now_unix: 3_000 };
    check(node.view(&context))
}

fn here(node: &Node, in_touch: &[u8]) -> (Here, Here) {
    viewed(node, in_touch, |view| (view.here, view.last_known))
}

#[test]
fn ban_by_the_authority_that_booted_first_is_not_undone_by_one_that_booted_later() {
    let mut node = node();
    let standing = RegisterId::STANDING;
    // The later boot has the greater epoch and said "admitted" before the ban.
    decide(&mut node, SECOND, 900, &[(standing, Standing::ADMITTED.0, 1)]);
    decide(&mut node, FIRST, 100, &[(standing, Standing::BANNED.0, 2)]);
    assert_eq!(viewed(&node, &[], |view| view.standing), Standing::BANNED);
    // A later decision, whoever takes it, counts.
    decide(&mut node, SECOND, 901, &[(standing, Standing::ADMITTED.0, 3)]);
    assert_eq!(viewed(&node, &[], |view| view.standing), Standing::ADMITTED);
}

#[test]
fn of_equal_stamps_the_more_restrictive_value_counts() {
    for (one, other) in [(FIRST, SECOND), (SECOND, FIRST)] {
        let mut node = node();
        decide(&mut node, one, 1, &[(RegisterId::STANDING, Standing::ADMITTED.0, 5)]);
        decide(&mut node, other, 1, &[(RegisterId::STANDING, Standing::REMOVED.0, 5)]);
        assert_eq!(viewed(&node, &[], |view| view.standing), Standing::REMOVED);
    }
}

#[test]
fn unknown_standing_admits_by_its_highest_bit() {
    for (code, admits) in [(0x91, true), (0x11, false)] {
        let mut node = node();
        decide(&mut node, FIRST, 1, &[(RegisterId::STANDING, code, 1)]);
        announce(&mut node, 1, FIRST, Intent::UP);
        assert_eq!(viewed(&node, &[], |view| view.standing.admits()), admits);
        assert_eq!(viewed(&node, &[], |view| view.announcement.is_some()), admits);
    }
}

#[test]
fn registers_are_folded_one_by_one() {
    let mut node = node();
    let (staked, validator) = (Grant::STAKED.register(), Grant::VALIDATOR.register());
    decide(&mut node, FIRST, 1, &[(staked, 1, 4), (validator, 1, 1)]);
    decide(&mut node, SECOND, 1, &[(staked, 0, 3), (validator, 0, 2)]);
    let grants = viewed(&node, &[], |view| view.grants);
    assert!(grants.contains(Grant::STAKED) && !grants.contains(Grant::VALIDATOR));
    assert_eq!(viewed(&node, &[], |view| view.standing), Standing::ADMITTED, "vouched for");
}

#[test]
fn statements_of_strangers_count_for_nothing() {
    let mut node = node();
    decide(&mut node, STRANGER, 1, &[(RegisterId::STANDING, Standing::ADMITTED.0, 9)]);
    observe(&mut node, STRANGER, PresenceState::ONLINE, 1);
    viewed(&node, &[STRANGER], |view| {
        assert_eq!(view.standing, Standing::PENDING);
        assert_eq!((view.first_joined, view.accumulated_uptime), (None, 0));
    });
}

#[test]
fn only_home_says_that_a_node_is_here_or_left() {
    let mut node = node();
    announce(&mut node, 1, FIRST, Intent::UP);
    observe(&mut node, SECOND, PresenceState::LEFT, 9);
    assert_eq!(here(&node, &[FIRST, SECOND]), (Here::Unknown, Here::Unknown));
    observe(&mut node, FIRST, PresenceState::ONLINE, 1);
    assert_eq!(here(&node, &[FIRST]), (Here::Online, Here::Online));
    assert_eq!(here(&node, &[SECOND]), (Here::Unknown, Here::Online));
}

#[test]
fn left_counts_only_against_the_announcement_that_it_rests_on() {
    let mut node = node();
    announce(&mut node, 5, FIRST, Intent::UP);
    observe(&mut node, FIRST, PresenceState::LEFT, 5);
    assert_eq!(here(&node, &[FIRST]), (Here::Left, Here::Left));
    assert_eq!(here(&node, &[]), (Here::Unknown, Here::Left));
    announce(&mut node, 6, FIRST, Intent::UP);
    assert_eq!(here(&node, &[FIRST]), (Here::Unknown, Here::Online));
}

#[test]
fn leaving_means_left_whoever_is_in_touch() {
    let mut node = node();
    observe(&mut node, FIRST, PresenceState::ONLINE, 1);
    announce(&mut node, 2, FIRST, Intent::LEAVING);
    assert_eq!(here(&node, &[]), (Here::Left, Here::Left));
}

#[test]
fn moved_slot_says_that_the_session_went_on_and_not_where() {
    let mut node = node();
    announce(&mut node, 1, FIRST, Intent::UP);
    observe(&mut node, FIRST, PresenceState::MOVED, 1);
    assert_eq!(here(&node, &[FIRST]), (Here::Unknown, Here::Online));
}

#[test]
fn node_on_its_way_to_a_home_that_said_nothing_yet_was_online_last() {
    let mut node = node();
    observe(&mut node, FIRST, PresenceState::ONLINE, 1);
    announce(&mut node, 2, SECOND, Intent::UP);
    assert_eq!(here(&node, &[FIRST, SECOND]), (Here::Unknown, Here::Online));
    observe(&mut node, SECOND, PresenceState::ONLINE, 2);
    assert_eq!(here(&node, &[SECOND]), (Here::Online, Here::Online));
    assert_eq!(here(&node, &[FIRST]), (Here::Unknown, Here::Online));
}

#[test]
fn home_that_says_a_moved_node_left_is_believed_whatever_the_one_before_says() {
    let mut node = node();
    observe(&mut node, FIRST, PresenceState::ONLINE, 1);
    announce(&mut node, 2, SECOND, Intent::UP);
    observe(&mut node, SECOND, PresenceState::LEFT, 2);
    assert_eq!(here(&node, &[FIRST, SECOND]), (Here::Left, Here::Left));
}

#[test]
fn moved_session_is_counted_at_each_home_in_its_turn() {
    let mut node = node();
    announce(&mut node, 2, SECOND, Intent::UP);
    let at_first = Presence {
        session: SESSION,
        state: PresenceState::ONLINE,
        rests_on: Version { epoch: 1, seq: 1 },
        first_joined: 1_000,
        joined: 2_000,
        counted_from: 2_000,
        uptime: 500,
        ..Presence::default()
    };
    put(&mut node, FIRST, 1, &at_first);
    let at_second = Presence {
        rests_on: Version { epoch: 2, seq: 1 },
        first_joined: 2_400,
        counted_from: 2_400,
        uptime: 0,
        ..at_first.clone()
    };
    put(&mut node, SECOND, 1, &at_second);
    let counted = |node: &Node| {
        viewed(node, &[SECOND], |view| {
            assert_eq!((view.first_joined, view.last_joined), (Some(1_000), Some(2_000)));
            assert_eq!(view.uptime, 1_000);
            view.accumulated_uptime
        })
    };
    // The first is away, and does not know yet.
    assert_eq!(counted(&node), 500 + 400 + 600);
    let moved = Presence { state: PresenceState::MOVED, uptime: 500 + 390, ..at_first };
    put(&mut node, FIRST, 2, &moved);
    assert_eq!(counted(&node), 500 + 390 + 600);
}

#[test]
fn authority_in_touch_is_online() {
    let mut node = Node::new(peer(FIRST));
    let fields = Announcement {
        session: SESSION,
        home: peer(FIRST).hint(),
        intent: Intent::UP,
        issued_at: 1,
        addresses: heapless::Vec::new(),
        agent: "",
        capabilities: heapless::Vec::new(),
        extra: &[],
    };
    put(&mut node, FIRST, 1, &fields);
    decide(&mut node, SECOND, 1, &[(RegisterId::STANDING, Standing::ADMITTED.0, 1)]);
    assert_eq!(here(&node, &[FIRST]).0, Here::Online);
    assert_eq!(here(&node, &[SECOND]).0, Here::Unknown);
}

#[test]
fn uptime_of_all_authorities_is_summed_and_imported_history_counts_once() {
    let mut node = node();
    announce(&mut node, 1, FIRST, Intent::UP);
    let history = Some(Imported::of(300, 10_000));
    for (writer, state) in [(FIRST, PresenceState::ONLINE), (SECOND, PresenceState::MOVED)] {
        let fields = Presence {
            session: SESSION,
            state,
            first_joined: 1_000,
            joined: 2_000,
            counted_from: 2_000,
            uptime: 500,
            imported: history,
            ..Presence::default()
        };
        put(&mut node, writer, 1, &fields);
    }
    viewed(&node, &[FIRST], |view| {
        assert_eq!(view.first_joined, Some(300));
        assert_eq!(view.uptime, 1_000);
        assert_eq!(view.accumulated_uptime, 500 + 500 + 10_000 + 1_000);
    });
}

#[test]
fn banned_node_is_not_active_whatever_was_last_known() {
    let mut node = node();
    announce(&mut node, 1, FIRST, Intent::UP);
    observe(&mut node, FIRST, PresenceState::ONLINE, 1);
    decide(&mut node, FIRST, 2, &[(RegisterId::STANDING, Standing::BANNED.0, 1)]);
    viewed(&node, &[FIRST], |view| {
        assert!(!view.is_active());
        assert!(view.announcement.is_none());
        assert_eq!(view.here, Here::Unknown);
    });
}

#[test]
fn imported_counts_count_once_beside_what_authorities_counted() {
    let mut node = node();
    announce(&mut node, 1, FIRST, Intent::UP);
    let imported = |successes: u64, last: u64| {
        let mut history = Imported::of(300, 10_000);
        history.counted[0] = Counted { count: successes, last };
        Some(history)
    };
    for (writer, history) in [(FIRST, imported(7, 90)), (SECOND, imported(5, 95))] {
        let mut fields = Presence { imported: history, ..Presence::default() };
        let tally = Tally { counter: 0, count: 10, last: 50 };
        fields.tallies.push(tally).expect("there is room");
        put(&mut node, writer, 1, &fields);
    }
    viewed(&node, &[FIRST], |view| {
        assert_eq!(view.tallies.count(Counter::SUCCESSES), 10 + 10 + 7);
        assert_eq!(view.tallies.last(Counter::SUCCESSES), 95);
        assert_eq!(view.tallies.count(Counter::TIMEOUTS), 0);
    });
}
