//! A fault inside a call is an answer, and the node ends in order all the same.
#![allow(unsafe_code, reason = "the functions are those of C")]

mod common;

use common::*;
use rollbook_c::*;
use rollbook_node_c::*;

#[test]
fn a_handle_with_a_fault_can_only_be_freed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let node = start(&settings(), dir.path());
    let mut peer_id = node.peer_id();
    // SAFETY: a handle, and what is here.
    unsafe {
        assert_eq!(rollbook_runtime_panic(node.0), ROLLBOOK_E_PANIC);
        assert_eq!(rollbook_runtime_panic(node.0), ROLLBOOK_E_POISONED);
        assert_eq!(rollbook_runtime_wait(node.0, 0), ROLLBOOK_E_POISONED);
        assert_eq!(rollbook_runtime_peer_id(node.0, &mut peer_id), ROLLBOOK_E_POISONED);
    }
    drop(node);
    // It had left in order: its directory is free.
    drop(start(&settings(), dir.path()));
}
