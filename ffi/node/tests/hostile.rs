//! Whatever a program hands in, the answer is a code.
#![allow(unsafe_code, reason = "the functions are those of C")]

mod common;

use core::{mem::size_of, ptr};

use common::*;
use rollbook_c::*;
use rollbook_node_c::*;

fn null<T>() -> *mut T {
    ptr::null_mut()
}

/// Calls every function that takes a handle with one that is none.
fn codes_of(runtime: *mut rollbook_runtime_t) -> [i32; 24] {
    // SAFETY: a handle that is none is looked at before anything else.
    unsafe {
        [
            rollbook_runtime_stop(runtime, 0),
            rollbook_runtime_get(runtime, ptr::null(), 0, null(), 0),
            rollbook_runtime_nodes(runtime, ptr::null(), 0, null(), 0, 0, null()),
            rollbook_runtime_select(runtime, ptr::null(), 0, 0, null(), 0, 0, null()),
            rollbook_runtime_explain(runtime, ptr::null(), 0, 0, null(), 0),
            rollbook_runtime_status(runtime, null(), 0),
            rollbook_runtime_figures(runtime, null(), 0),
            rollbook_runtime_peer_id(runtime, null()),
            rollbook_runtime_authorities(runtime, null(), 0, 0, null()),
            rollbook_runtime_listen_address(runtime, 0, null(), 0, null()),
            rollbook_runtime_warning(runtime, 0, null(), 0, null()),
            rollbook_runtime_wait(runtime, 0),
            rollbook_runtime_next_event(runtime, null(), 0),
            rollbook_runtime_seek_event(runtime, 0),
            rollbook_runtime_descriptor(runtime, null()),
            rollbook_runtime_announce(runtime, ptr::null(), 0, 0),
            rollbook_runtime_observe(runtime, ptr::null(), 0, 0, 0, 0),
            rollbook_runtime_admit(runtime, ptr::null(), 0, 0),
            rollbook_runtime_ban(runtime, ptr::null(), 0, 0),
            rollbook_runtime_remove(runtime, ptr::null(), 0, 0),
            rollbook_runtime_grant(runtime, ptr::null(), 0, 0, 0),
            rollbook_runtime_revoke(runtime, ptr::null(), 0, 0, 0),
            rollbook_runtime_set_allowed(runtime, ptr::null(), 1, 0),
            rollbook_runtime_import(runtime, ptr::null(), 0, 0, 0, null(), 0),
        ]
    }
}

#[test]
fn what_is_no_handle_is_told_from_one() {
    assert_eq!(codes_of(ptr::null_mut()), [ROLLBOOK_E_NULL; 24]);
    let mut memory = [0_u64; 64];
    let foreign = memory.as_mut_ptr().cast::<rollbook_runtime_t>();
    assert_eq!(codes_of(foreign), [ROLLBOOK_E_HANDLE; 24]);
    assert_eq!(codes_of(foreign.wrapping_byte_add(1)), [ROLLBOOK_E_HANDLE; 24]);
    // A handle of the other kind is none of this one.
    let mut memory = [u64::from_ne_bytes(*b"LLOR\0\0\0\0"); 64];
    assert_eq!(codes_of(memory.as_mut_ptr().cast()), [ROLLBOOK_E_HANDLE; 24]);
    // SAFETY: NULL and memory that is none of a handle.
    unsafe {
        assert_eq!(rollbook_runtime_free(ptr::null_mut()), ROLLBOOK_OK);
        assert_eq!(rollbook_runtime_free(foreign), ROLLBOOK_E_HANDLE);
        assert_eq!(rollbook_runtime_free(foreign.wrapping_byte_add(1)), ROLLBOOK_E_HANDLE);
    }
}

#[test]
fn what_is_missing_or_wrong_is_told_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = start(&settings(), dir.path());
    let own = node.peer_id();
    node.await_online(&own);
    let (runtime, peer, size) = (node.0, own.bytes.as_ptr(), usize::from(own.size));
    let root = node.status().root;
    // SAFETY: a handle, and pointers that are NULL or of what is here.
    unsafe {
        let mut seen: rollbook_node_t = core::mem::zeroed();
        let (node_size, mut count) = (size_of::<rollbook_node_t>(), 7_usize);
        assert_eq!(rollbook_runtime_get(runtime, peer, size, null(), node_size), ROLLBOOK_E_NULL);
        assert_eq!(
            rollbook_runtime_get(runtime, ptr::null(), size, &mut seen, node_size),
            ROLLBOOK_E_NULL
        );
        assert_eq!(
            rollbook_runtime_get(runtime, peer, size - 1, &mut seen, node_size),
            ROLLBOOK_E_PEER_ID
        );
        assert_eq!(rollbook_runtime_get(runtime, peer, size, &mut seen, 0), ROLLBOOK_E_UNSUPPORTED);
        assert_eq!(
            rollbook_runtime_nodes(runtime, ptr::null(), 0, null(), node_size, 1, &mut count),
            ROLLBOOK_E_NULL
        );
        let huge = usize::MAX / 2;
        assert_eq!(
            rollbook_runtime_nodes(runtime, ptr::null(), 0, &mut seen, node_size, huge, &mut count),
            ROLLBOOK_E_UNSUPPORTED
        );
        assert_eq!(
            rollbook_runtime_select(
                runtime,
                ptr::null(),
                0,
                0,
                &mut seen,
                node_size,
                ROLLBOOK_SELECT_MAX + 1,
                &mut count
            ),
            ROLLBOOK_E_ARGUMENT
        );
        assert_eq!(
            rollbook_runtime_select(
                runtime,
                [0xff].as_ptr(),
                1,
                0,
                &mut seen,
                node_size,
                1,
                null()
            ),
            ROLLBOOK_E_UTF8
        );
        assert_eq!(
            rollbook_runtime_observe(runtime, peer, size, 0, 1, TIME_MAX_MS),
            ROLLBOOK_E_ARGUMENT
        );
        assert_eq!(
            rollbook_runtime_grant(runtime, peer, size, 16, TIME_MAX_MS),
            ROLLBOOK_E_ARGUMENT
        );
        assert_eq!(rollbook_runtime_ban(runtime, peer, size, TIME_MAX_MS), ROLLBOOK_E_IS_AUTHORITY);
        let mut text = [0; 4];
        assert_eq!(
            rollbook_runtime_listen_address(runtime, 0, text.as_mut_ptr(), 4, &mut count),
            ROLLBOOK_E_BUFSIZE
        );
        assert_eq!(count, node.listen_address().len());
        assert_eq!(
            rollbook_runtime_listen_address(runtime, 99, text.as_mut_ptr(), 4, &mut count),
            ROLLBOOK_NOTHING
        );
        assert_eq!(rollbook_runtime_descriptor(runtime, null()), ROLLBOOK_E_NULL);
        let nobody = rollbook_peer_id_t { size: 48, bytes: [0; 47] };
        assert_eq!(
            rollbook_runtime_set_allowed(runtime, &nobody, 1, TIME_MAX_MS),
            ROLLBOOK_E_PEER_ID
        );
        let mut said: rollbook_announcement_t = core::mem::zeroed();
        said.address_count = 200;
        let said_size = size_of::<rollbook_announcement_t>();
        assert_eq!(
            rollbook_runtime_announce(runtime, &said, said_size, TIME_MAX_MS),
            ROLLBOOK_E_ARGUMENT
        );
    }
    assert_eq!(node.status().root, root);
}

#[test]
fn a_text_that_names_no_authority_is_told_by_its_place() {
    let id = "12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d";
    let long = format!("/dns4/{}/tcp/1/p2p/{id}", "a".repeat(100));
    for (text, place) in [
        ("", 0),
        ("/ip4/192.0.2.1/tcp/1", 20),
        ("/ip4/192.0.2.1/tcp/1/p2p/nobody", 25),
        (&format!("/ip4/192.0.2/tcp/1/p2p/{id}"), 0),
        (&long, 0),
    ] {
        let mut authority = core::mem::MaybeUninit::<rollbook_authority_t>::uninit();
        let mut error = no_error();
        // SAFETY: the pointers are of what is here.
        let code = unsafe {
            let (text, size) = (text.as_ptr(), text.len());
            rollbook_authority_parse(text, size, authority.as_mut_ptr(), &mut error)
        };
        assert_eq!((code, error.offset), (ROLLBOOK_E_MALFORMED, place), "{text}");
        assert!(!message(&error).is_empty());
    }
    assert_eq!(authority(&format!("/p2p/{id}")).address.size, 0);
}

/// The same numbers every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    /// Some bytes, or NULL with a size that it does not have.
    fn bytes(&mut self, some: &[u8]) -> (*const u8, usize) {
        match self.next(4) {
            0 => (ptr::null(), 40),
            1 => (ptr::null(), 0),
            2 => (some.as_ptr(), usize::try_from(self.next(38)).expect("it is small")),
            _ => (some.as_ptr(), some.len()),
        }
    }
}

#[test]
fn calls_at_random_are_answered_and_break_nothing() {
    const CALLS: u32 = 20_000;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = start(&settings(), dir.path());
    let own = node.peer_id();
    node.await_online(&own);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut answers = std::collections::BTreeMap::<i32, u32>::new();
    let mut random = [0_u8; 38];
    for _call in 0..CALLS {
        random.fill_with(|| u8::try_from(numbers.next(256)).expect("it is a byte"));
        let some = if numbers.next(2) == 0 { &own.bytes[..38] } else { &random[..] };
        let answer = call(node.0, &mut numbers, some);
        *answers.entry(answer).or_default() += 1;
    }
    assert!(answers.keys().all(|answer| (ROLLBOOK_E_IN_USE..=ROLLBOOK_NOTHING).contains(answer)));
    assert!(!answers.contains_key(&ROLLBOOK_E_PANIC), "{answers:?}");
    // So it was not always the same answer.
    assert!(answers.len() >= 8 && answers.contains_key(&ROLLBOOK_OK), "{answers:?}");
    assert!(node.get(&own).is_some());
}

/// One call of some function with some arguments.
fn call(runtime: *mut rollbook_runtime_t, numbers: &mut Numbers, some: &[u8]) -> i32 {
    let (peer, size) = numbers.bytes(some);
    let byte = |numbers: &mut Numbers| u8::try_from(numbers.next(20)).expect("it is small");
    let mut text = [0_u8; 256];
    let mut count = 0_usize;
    let capacity = usize::try_from(numbers.next(256)).expect("it is small");
    // SAFETY: a handle; pointers that are NULL or of what is here, with sizes that are not more;
    // zeros are a value of each structure.
    unsafe {
        let mut seen: rollbook_node_t = core::mem::zeroed();
        let mut event: rollbook_runtime_event_t = core::mem::zeroed();
        let mut said: rollbook_announcement_t = core::mem::zeroed();
        let seen_size = match numbers.next(3) {
            0 => 0,
            1 => size_of::<rollbook_node_t>() / 2,
            _ => size_of::<rollbook_node_t>(),
        };
        let out = if numbers.next(4) == 0 { null() } else { &raw mut seen };
        match numbers.next(14) {
            0 => rollbook_runtime_get(runtime, peer, size, out, seen_size),
            1 => rollbook_runtime_nodes(runtime, peer, size, out, seen_size, 1, &mut count),
            2 => {
                let granted = byte(numbers);
                let taken = &mut count;
                rollbook_runtime_select(runtime, peer, size, granted, out, seen_size, 1, taken)
            }
            3 => rollbook_runtime_next_event(
                runtime,
                &mut event,
                size_of::<rollbook_runtime_event_t>(),
            ),
            4 => rollbook_runtime_seek_event(runtime, numbers.next(9)),
            5 => rollbook_runtime_wait(runtime, 0),
            6 => rollbook_runtime_observe(runtime, peer, size, byte(numbers), 1, TIME_MAX_MS),
            7 => rollbook_runtime_grant(runtime, peer, size, byte(numbers), TIME_MAX_MS),
            8 => rollbook_runtime_revoke(runtime, peer, size, byte(numbers), TIME_MAX_MS),
            9 => rollbook_runtime_remove(runtime, peer, size, TIME_MAX_MS),
            10 => {
                let index = u32::from(byte(numbers));
                let text = text.as_mut_ptr();
                rollbook_runtime_listen_address(runtime, index, text, capacity, &mut count)
            }
            11 => {
                let mut fact: rollbook_fact_t = core::mem::zeroed();
                let index = u32::from(byte(numbers));
                let fact_size = size_of::<rollbook_fact_t>();
                rollbook_runtime_explain(runtime, peer, size, index, &mut fact, fact_size)
            }
            12 => {
                said.address_count = byte(numbers);
                said.agent_size = byte(numbers) * 4;
                said.agent.fill(byte(numbers) + b'a');
                let said_size = size_of::<rollbook_announcement_t>();
                rollbook_runtime_announce(runtime, &said, said_size, TIME_MAX_MS)
            }
            _ => {
                let mut authority = core::mem::MaybeUninit::<rollbook_authority_t>::uninit();
                rollbook_authority_parse(peer, size, authority.as_mut_ptr(), null())
            }
        }
    }
}
