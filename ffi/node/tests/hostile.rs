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
