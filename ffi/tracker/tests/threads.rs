#![allow(unsafe_code, reason = "the functions under test take pointers")]
//! A handle is used by one thread at a time, whichever it is: who breaks the rule is told, and
//! breaks nothing.

use std::{
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use rollbook_c::*;

/// A handle that threads share, against the rule.
#[derive(Clone, Copy)]
struct Shared(*mut rollbook_tracker_t);

// SAFETY: that this is answered by an error is what is tested.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

fn tracker() -> Shared {
    let mut handle = ptr::null_mut();
    let (key, seed) = ([1; 32], [2; 32]);
    // SAFETY: all bytes, zeros among them, are a configuration; the pointers are valid.
    unsafe {
        let mut config: rollbook_config_t = std::mem::zeroed();
        let size = size_of::<rollbook_config_t>();
        assert_eq!(rollbook_config_default(&raw mut config, size), ROLLBOOK_OK);
        config.network[0] = b'a';
        config.network_size = 1;
        config.acting_count = 1;
        let own = &raw mut config.authorities[0];
        assert_eq!(rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, key.as_ptr(), 32, own), 0);
        let made = rollbook_tracker_new(
            &raw const config,
            size,
            ROLLBOOK_KEY_ED25519,
            key.as_ptr(),
            32,
            seed.as_ptr(),
            &raw mut handle,
            ptr::null_mut(),
        );
        assert_eq!(made, ROLLBOOK_OK);
        assert_eq!(rollbook_tracker_start(handle, 0, 0), ROLLBOOK_OK);
    }
    Shared(handle)
}

#[test]
fn a_second_call_at_the_same_time_is_answered_busy() {
    const THREADS: usize = 4;
    const CALLS: usize = 20_000;
    let shared = tracker();
    let (done, busy) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _thread in 0..THREADS {
            scope.spawn(|| {
                let handle = shared;
                for call in 0..CALLS {
                    let now = u64::try_from(call).expect("it is small");
                    // SAFETY: the handle is live until all threads have ended.
                    match unsafe { rollbook_tracker_handle_timeout(handle.0, now, now) } {
                        ROLLBOOK_OK => done.fetch_add(1, Ordering::Relaxed),
                        ROLLBOOK_E_BUSY => busy.fetch_add(1, Ordering::Relaxed),
                        other => panic!("{other}"),
                    };
                }
            });
        }
    });
    assert_eq!(done.load(Ordering::Relaxed) + busy.load(Ordering::Relaxed), THREADS * CALLS);
    // One that is taken off the processor within its call keeps all others out meanwhile.
    assert!(done.load(Ordering::Relaxed) > 0);
    // SAFETY: the handle is live, and is not used again.
    assert_eq!(unsafe { rollbook_tracker_free(shared.0) }, ROLLBOOK_OK);
}

#[test]
fn a_handle_goes_from_thread_to_thread() {
    let shared = tracker();
    for now in 0..10 {
        thread::spawn(move || {
            let handle = shared;
            // SAFETY: the handle is live, and one thread after the other uses it.
            assert_eq!(unsafe { rollbook_tracker_handle_timeout(handle.0, now, now) }, ROLLBOOK_OK);
        })
        .join()
        .expect("the thread did its work");
    }
    thread::spawn(move || {
        let handle = shared;
        // SAFETY: the handle is live, and is not used again.
        assert_eq!(unsafe { rollbook_tracker_free(handle.0) }, ROLLBOOK_OK);
    })
    .join()
    .expect("the thread did its work");
}
