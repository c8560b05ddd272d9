//! Several threads use one handle.
#![allow(unsafe_code, reason = "the functions are those of C")]

mod common;

use core::ptr;
use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use common::*;
use rollbook_c::*;
use rollbook_node_c::*;

#[test]
fn a_node_that_stops_lets_those_go_who_wait() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = start(&settings(), dir.path());
    thread::scope(|scope| {
        let wait = || {
            loop {
                match node.wait(ROLLBOOK_FOREVER) {
                    ROLLBOOK_OK => while node.next_event().is_ok() {},
                    code => break code,
                }
            }
        };
        let waiting = [scope.spawn(wait), scope.spawn(wait)];
        node.await_online(&node.peer_id());
        // SAFETY: a handle.
        assert_eq!(unsafe { rollbook_runtime_stop(node.0, ROLLBOOK_FOREVER) }, ROLLBOOK_OK);
        for waiter in waiting {
            assert_eq!(waiter.join().expect("it ends"), ROLLBOOK_E_CLOSED);
        }
    });
    // What belongs to a running node is closed, and what was read can still be read.
    let own = node.peer_id();
    assert!(node.get(&own).is_some());
    // SAFETY: a handle, and what is here.
    unsafe {
        let admitted =
            rollbook_runtime_admit(node.0, own.bytes.as_ptr(), own.size.into(), TIME_MAX_MS);
        assert_eq!(admitted, ROLLBOOK_E_CLOSED);
        // To stop it once more does nothing.
        assert_eq!(rollbook_runtime_stop(node.0, TIME_MAX_MS), ROLLBOOK_OK);
    }
}

#[test]
fn any_number_of_threads_read_and_command_at_the_same_time() {
    const ROUNDS: u32 = 200;
    let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a temporary directory"));
    let authority = start(&settings(), dirs[0].path());
    let member = start(&member_settings(&authority), dirs[1].path());
    let (own, other) = (authority.peer_id(), member.peer_id());
    authority.await_online(&other);
    let events = AtomicU32::new(0);
    thread::scope(|scope| {
        for number in 0..8_u8 {
            let (authority, events) = (&authority, &events);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    match number % 4 {
                        0 => assert!(authority.get(&own).is_some()),
                        1 => assert_eq!(authority.status().peer_id, own),
                        2 if round % 20 == 0 => grant_and_revoke(authority, &other, number + 3),
                        _ => {
                            events.fetch_add(
                                authority.next_event().is_ok().into(),
                                Ordering::Relaxed,
                            );
                        }
                    }
                }
            });
        }
    });
    while authority.next_event().is_ok() {
        events.fetch_add(1, Ordering::Relaxed);
    }
    assert!(events.into_inner() > 0);
    assert_eq!(authority.get(&other).expect("it is there").grants, 0);
}

fn grant_and_revoke(node: &Running, peer: &rollbook_peer_id_t, grant: u8) {
    let (bytes, size) = (peer.bytes.as_ptr(), peer.size.into());
    // SAFETY: a handle, and what is here.
    unsafe {
        let granted = rollbook_runtime_grant(node.0, bytes, size, grant, TIME_MAX_MS);
        assert_eq!(granted, ROLLBOOK_OK);
        let revoked = rollbook_runtime_revoke(node.0, bytes, size, grant, TIME_MAX_MS);
        assert_eq!(revoked, ROLLBOOK_OK);
    }
}

#[test]
fn a_command_is_waited_for_no_longer_than_was_said() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = start(&settings(), dir.path());
    let own = node.peer_id();
    // SAFETY: a handle, and what is here.
    unsafe {
        let (bytes, size) = (own.bytes.as_ptr(), own.size.into());
        // No time at all: some commands are carried out even so, and none is answered otherwise.
        for _ in 0..100 {
            let code = rollbook_runtime_grant(node.0, bytes, size, 1, 0);
            assert!(code == ROLLBOOK_E_TIMEOUT || code == ROLLBOOK_OK, "{code}");
        }
        assert_eq!(rollbook_runtime_grant(node.0, bytes, size, 1, ROLLBOOK_FOREVER), ROLLBOOK_OK);
        let stopped = rollbook_runtime_stop(node.0, 0);
        assert!(stopped == ROLLBOOK_E_TIMEOUT || stopped == ROLLBOOK_OK, "{stopped}");
        assert_eq!(rollbook_runtime_stop(node.0, TIME_MAX_MS), ROLLBOOK_OK);
    }
}

#[test]
fn no_signal_gets_another_disposition() {
    let before = dispositions();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = start(&settings(), dir.path());
    node.await_online(&node.peer_id());
    assert_eq!(dispositions(), before);
    drop(node);
    assert_eq!(dispositions(), before);
}

/// What the process does at each signal.
fn dispositions() -> Vec<(usize, i32)> {
    let read = |signal| {
        // SAFETY: nothing is set, and zeros are a place for what is.
        unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            let known = libc::sigaction(signal, ptr::null(), &mut action);
            (known == 0).then_some((action.sa_sigaction, action.sa_flags))
        }
    };
    (1..=64).filter_map(read).collect()
}

/// The threads of this process by their names, each with the signals that it does not take.
#[cfg(target_os = "linux")]
fn blocked_signals() -> Vec<(String, u64)> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("it is there");
    // A thread may end while it is looked at.
    let read = |task: std::path::PathBuf| {
        let name = std::fs::read_to_string(task.join("comm")).ok()?;
        let status = std::fs::read_to_string(task.join("status")).ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t"))?;
        Some((name.trim().to_owned(), u64::from_str_radix(mask, 16).ok()?))
    };
    tasks.filter_map(|task| read(task.ok()?.path())).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn signals_of_the_process_are_for_threads_of_the_program() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = start(&settings(), dir.path());
    node.await_online(&node.peer_id());
    let blocked = blocked_signals();
    let bit = |signal: i32| 1 << (signal - 1);
    for name in ["rollbook", "rollbook-disk"] {
        let masks = blocked.iter().filter(|(known, _)| known == name).map(|(_, mask)| mask);
        let masks: Vec<&u64> = masks.collect();
        assert!(!masks.is_empty(), "{name}");
        // One of another test that ends just now takes none at all.
        assert!(masks.iter().any(|mask| *mask & bit(libc::SIGSEGV) == 0), "{name}: {masks:x?}");
        for mask in masks {
            for signal in [libc::SIGPIPE, libc::SIGTERM, libc::SIGINT, libc::SIGCHLD] {
                assert_ne!(mask & bit(signal), 0, "{name}: {mask:x}");
            }
        }
    }
    let own = thread::current();
    let own = own.name().expect("a test has a name");
    let taken = blocked.iter().find(|(name, _)| own.starts_with(name.as_str()));
    assert_eq!(taken.map(|(_, mask)| mask & bit(libc::SIGTERM)), Some(0), "this one takes them");
}
