//! Several nodes of the C ABI in one network.
#![allow(unsafe_code, reason = "the functions are those of C")]

mod common;

use core::{mem::size_of, ptr};

use common::*;
use rollbook_c::*;
use rollbook_node_c::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// An authority that admits whom it is told to, and a member that it has admitted.
struct Pair {
    authority: Running,
    member: Running,
    _dirs: [tempfile::TempDir; 2],
}

impl Pair {
    fn new() -> Pair {
        let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a temporary directory"));
        let mut settings = settings();
        settings.admission = ROLLBOOK_ADMISSION_MANUAL;
        let authority = start(&settings, dirs[0].path());
        let mut settings = member_settings(&authority);
        settings.announcement.capability_count = 1;
        settings.announcement.capabilities[0] = name("storage");
        let member = start(&settings, dirs[1].path());
        let peer = member.peer_id();
        authority.await_event(ROLLBOOK_EVENT_PENDING, &peer);
        // SAFETY: a handle, and what is here.
        let admitted = unsafe {
            let (peer, size) = (peer.bytes.as_ptr(), peer.size.into());
            rollbook_runtime_admit(authority.0, peer, size, TIME_MAX_MS)
        };
        assert_eq!(admitted, ROLLBOOK_OK);
        authority.await_event(ROLLBOOK_EVENT_JOINED, &peer);
        member.await_online(&peer);
        Pair { authority, member, _dirs: dirs }
    }

    fn await_equal_rolls(&self) {
        let is_equal = || self.authority.status().root == self.member.status().root;
        self.member.await_state("the rolls are equal", is_equal);
    }
}

/// A page of a node's roll, and how many there are in it.
fn page(node: &Running, after: Option<&rollbook_peer_id_t>) -> Option<rollbook_peer_id_t> {
    let (after, after_size) =
        after.map_or((ptr::null(), 0), |after| (after.bytes.as_ptr(), after.size.into()));
    // SAFETY: a handle and what is here; zeros are a node.
    unsafe {
        let (mut seen, mut count) = (core::mem::zeroed::<rollbook_node_t>(), 0);
        let size = size_of::<rollbook_node_t>();
        let code =
            rollbook_runtime_nodes(node.0, after, after_size, &mut seen, size, 1, &mut count);
        assert_eq!(code, ROLLBOOK_OK);
        (count == 1).then_some(seen.peer_id)
    }
}

/// Whom a node selects for what it wants.
fn select(node: &Running, capability: &str, granted: u8) -> Option<rollbook_peer_id_t> {
    // SAFETY: a handle and what is here; zeros are a node.
    unsafe {
        let (mut seen, mut count) = (core::mem::zeroed::<rollbook_node_t>(), 0);
        let (name, name_size) = (capability.as_ptr(), capability.len());
        let size = size_of::<rollbook_node_t>();
        let code = rollbook_runtime_select(
            node.0, name, name_size, granted, &mut seen, size, 1, &mut count,
        );
        assert_eq!(code, ROLLBOOK_OK);
        (count == 1).then_some(seen.peer_id)
    }
}

#[test]
fn two_nodes_hold_one_roll_and_read_it_alike() {
    let pair = Pair::new();
    let (authority, member) = (pair.authority.peer_id(), pair.member.peer_id());
    pair.await_equal_rolls();
    for node in [&pair.authority, &pair.member] {
        let mut seen = Vec::new();
        while let Some(peer) = page(node, seen.last()) {
            seen.push(peer);
        }
        assert_eq!(seen.len(), 2);
        assert!(seen.contains(&authority) && seen.contains(&member));
        assert_eq!(node.status().admitted, 2);
    }
    pair.authority
        .await_state("it can be asked", || select(&pair.authority, "storage", 0) == Some(member));
    assert_eq!(select(&pair.authority, "storage", ROLLBOOK_GRANT_STAKED), None);
    assert_eq!(select(&pair.authority, "nothing", 0), None);

    // SAFETY: a handle and what is here; zeros are authorities.
    unsafe {
        let mut seen: [rollbook_authority_seen_t; 2] = core::mem::zeroed();
        let (size, mut count) = (size_of::<rollbook_authority_seen_t>(), 0);
        let code =
            rollbook_runtime_authorities(pair.member.0, seen.as_mut_ptr(), size, 2, &mut count);
        assert_eq!((code, count), (ROLLBOOK_OK, 1));
        assert_eq!((seen[0].peer_id, seen[0].in_touch, seen[0].retired), (authority, 1, 0));
    }
}

#[test]
fn what_an_authority_decides_the_others_see() {
    let pair = Pair::new();
    let peer = pair.member.peer_id();
    let (bytes, size) = (peer.bytes.as_ptr(), usize::from(peer.size));
    let bits = |node: &Running| node.get(&peer).map_or(0, |seen| seen.grants);
    let wanted = 1 << ROLLBOOK_GRANT_VALIDATOR | 1 << ROLLBOOK_GRANT_APP;
    // SAFETY: handles, and what is here.
    unsafe {
        let of = pair.authority.0;
        for grant in [ROLLBOOK_GRANT_VALIDATOR, ROLLBOOK_GRANT_APP, ROLLBOOK_GRANT_LAST] {
            assert_eq!(rollbook_runtime_grant(of, bytes, size, grant, TIME_MAX_MS), ROLLBOOK_OK);
        }
        let last = ROLLBOOK_GRANT_LAST;
        assert_eq!(rollbook_runtime_revoke(of, bytes, size, last, TIME_MAX_MS), ROLLBOOK_OK);
    }
    assert_eq!(bits(&pair.authority), wanted);
    pair.member.await_state("the grants have come", || bits(&pair.member) == wanted);
    // One that was revoked at once may never have been told of.
    assert!(explained(&pair.member, &peer, ROLLBOOK_FACT_GRANT) >= 2);

    // SAFETY: handles, and what is here.
    unsafe {
        let refused = rollbook_runtime_admit(pair.member.0, bytes, size, TIME_MAX_MS);
        assert_eq!(refused, ROLLBOOK_E_NOT_AUTHORITY);
        let of = pair.authority.0;
        assert_eq!(rollbook_runtime_remove(of, bytes, size, TIME_MAX_MS), ROLLBOOK_OK);
        let refused = rollbook_runtime_grant(of, bytes, size, 1, TIME_MAX_MS);
        assert_eq!(refused, ROLLBOOK_E_NOT_ADMITTED);
        assert_eq!(rollbook_runtime_ban(of, bytes, size, TIME_MAX_MS), ROLLBOOK_OK);
    }
    let standing = || pair.member.get(&peer).map(|seen| seen.standing);
    pair.member.await_state("it is banned", || standing() == Some(ROLLBOOK_STANDING_BANNED));
}

/// How many facts of a kind are known of a node.
fn explained(node: &Running, peer: &rollbook_peer_id_t, fact: u8) -> usize {
    let read = |index| {
        // SAFETY: a handle and what is here; zeros are a fact.
        unsafe {
            let mut fact = core::mem::zeroed::<rollbook_fact_t>();
            let (peer, peer_size) = (peer.bytes.as_ptr(), peer.size.into());
            let size = size_of::<rollbook_fact_t>();
            let code = rollbook_runtime_explain(node.0, peer, peer_size, index, &mut fact, size);
            (code == ROLLBOOK_OK).then_some(fact.fact)
        }
    };
    (0..).map_while(read).filter(|known| *known == fact).count()
}

#[test]
fn what_a_node_says_of_itself_and_of_others_comes_to_all() {
    let pair = Pair::new();
    let (authority, peer) = (pair.authority.peer_id(), pair.member.peer_id());
    // SAFETY: handles and what is here; zeros are an announcement.
    unsafe {
        let mut said: rollbook_announcement_t = core::mem::zeroed();
        (said.address_count, said.addresses[0]) = (1, address("/ip4/127.0.0.1/tcp/9"));
        (said.capability_count, said.capabilities[0]) = (1, name("relay"));
        let size = size_of::<rollbook_announcement_t>();
        let code = rollbook_runtime_announce(pair.member.0, &said, size, TIME_MAX_MS);
        assert_eq!(code, ROLLBOOK_OK);
    }
    pair.authority.await_state("what it says has come", || {
        pair.authority.get(&peer).is_some_and(|seen| {
            let said = &seen.announcement;
            said.capabilities[0].name == name("relay").name
                && said.addresses[0].bytes == address("/ip4/127.0.0.1/tcp/9").bytes
        })
    });

    let observe = |counter| {
        // SAFETY: a handle, and what is here.
        unsafe {
            let (bytes, size) = (authority.bytes.as_ptr(), authority.size.into());
            rollbook_runtime_observe(pair.member.0, bytes, size, counter, 3, TIME_MAX_MS)
        }
    };
    assert_eq!(observe(8), ROLLBOOK_E_ARGUMENT);
    assert_eq!(observe(ROLLBOOK_COUNTER_TIMEOUTS), ROLLBOOK_OK);
    let waiting = || pair.member.status().observations_waiting;
    pair.member.await_state("its home has noted it", || waiting() == 0);
    // SAFETY: a handle.
    assert_eq!(unsafe { rollbook_runtime_stop(pair.authority.0, TIME_MAX_MS) }, ROLLBOOK_OK);
    assert_eq!(observe(ROLLBOOK_COUNTER_APP), ROLLBOOK_OK);
    assert!(waiting() > 0, "nobody is there to note it");
}

#[test]
fn a_history_is_taken_over_once() {
    let pair = Pair::new();
    let peer_id = pair.member.peer_id();
    let counted = [(); 3].map(|()| rollbook_tally_t { count: 5, last: 1_700_000_000 });
    let mut node = rollbook_import_t {
        peer_id,
        history: rollbook_history_t {
            first_joined: 1_600_000_000,
            uptime: 60,
            grants: 1 << ROLLBOOK_GRANT_STAKED,
            counted,
        },
    };
    let import = |node: &rollbook_import_t| {
        // SAFETY: a handle and what is here; zeros are a report.
        unsafe {
            let mut done: rollbook_imported_t = core::mem::zeroed();
            let (size, done_size) =
                (size_of::<rollbook_import_t>(), size_of::<rollbook_imported_t>());
            let of = pair.authority.0;
            let code =
                rollbook_runtime_import(of, node, size, 1, TIME_MAX_MS, &mut done, done_size);
            (code, done.imported, done.unchanged, done.grants_taken)
        }
    };
    assert_eq!(import(&node), (ROLLBOOK_OK, 1, 0, 1));
    assert_eq!(import(&node).1, 0);
    pair.member.await_state("the history has come", || {
        pair.member.get(&peer_id).is_some_and(|seen| seen.first_joined == 1_600_000_000)
    });
    node.history.grants = 1 << ROLLBOOK_GRANT_APP;
    assert_eq!(import(&node).0, ROLLBOOK_E_ARGUMENT);
}

#[test]
fn who_is_let_in_and_who_decides_can_be_told_anew() {
    let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a temporary directory"));
    let mut settings = settings();
    settings.admission = ROLLBOOK_ADMISSION_ALLOW_LIST;
    let authority = start(&settings, dirs[0].path());
    let member = start(&member_settings(&authority), dirs[1].path());
    let peer = member.peer_id();
    authority.await_event(ROLLBOOK_EVENT_PENDING, &peer);
    // SAFETY: handles, and what is here.
    unsafe {
        let code = rollbook_runtime_set_allowed(authority.0, &peer, 1, TIME_MAX_MS);
        assert_eq!(code, ROLLBOOK_OK);
        let code = rollbook_runtime_set_allowed(member.0, &peer, 1, TIME_MAX_MS);
        assert_eq!(code, ROLLBOOK_E_NOT_AUTHORITY);
    }
    member.await_online(&peer);

    // The member becomes an authority too; then a list that leaves out who signed is refused.
    let list = [&authority, &member].map(|node| common::authority(&node.listen_address()));
    let mut error = no_error();
    // SAFETY: handles, and what is here.
    unsafe {
        for node in [&authority, &member] {
            let code = rollbook_runtime_set_authorities(
                node.0,
                list.as_ptr(),
                2,
                ptr::null(),
                0,
                TIME_MAX_MS,
                &mut error,
            );
            assert_eq!(code, ROLLBOOK_OK, "{}", message(&error));
        }
        let code = rollbook_runtime_set_authorities(
            authority.0,
            list[1..].as_ptr(),
            1,
            ptr::null(),
            0,
            TIME_MAX_MS,
            &mut error,
        );
        assert_eq!(code, ROLLBOOK_E_CONFIG);
        assert!(!message(&error).is_empty());
    }
    assert_eq!(member.status().role, ROLLBOOK_ROLE_AUTHORITY);
}

/// Whether a descriptor is readable within a time.
fn is_readable(descriptor: i32, time: Timespec) -> bool {
    // SAFETY: it is open as long as the node is not freed.
    let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
    let mut waited = [PollFd::new(&descriptor, PollFlags::IN)];
    poll(&mut waited, Some(&time)).expect("it can be waited on") == 1
}

#[test]
fn the_descriptor_is_readable_while_there_are_events_and_after_the_end() {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let long = Timespec { tv_sec: i64::from(TIME_MAX_MS / 1000), tv_nsec: 0 };
    let pair = Pair::new();
    let node = &pair.authority;
    let mut descriptor = -1;
    // SAFETY: a handle, and what is here.
    let code = unsafe { rollbook_runtime_descriptor(node.0, &mut descriptor) };
    assert_eq!(code, ROLLBOOK_OK);
    // SAFETY: a handle.
    assert_eq!(unsafe { rollbook_runtime_stop(pair.member.0, TIME_MAX_MS) }, ROLLBOOK_OK);
    node.await_event(ROLLBOOK_EVENT_LEFT, &pair.member.peer_id());

    // SAFETY: a handle.
    unsafe { rollbook_runtime_seek_event(node.0, 0) };
    let mut taken = 0;
    while is_readable(descriptor, at_once) {
        assert!(node.next_event().is_ok(), "there is one whenever it is readable");
        taken += 1;
    }
    assert!(taken >= 3, "it joined, and the other one joined and left");
    assert_eq!(node.next_event().err(), Some(ROLLBOOK_NOTHING));
    assert_eq!(node.wait(0), ROLLBOOK_NOTHING);

    // SAFETY: a handle.
    assert_eq!(unsafe { rollbook_runtime_stop(node.0, TIME_MAX_MS) }, ROLLBOOK_OK);
    assert!(is_readable(descriptor, long));
    while node.next_event().is_ok() {}
    assert_eq!(node.next_event().err(), Some(ROLLBOOK_E_CLOSED));
    assert!(is_readable(descriptor, at_once), "the end stays to be seen");
}
