#![allow(unsafe_code, reason = "the functions under test take pointers")]
//! The ends of what arguments may be: none of them is a fault, and what does not fit is an error.

use std::ptr;

use rollbook_c::*;

fn id(secret: u8) -> rollbook_peer_id_t {
    let (key, mut id) = ([secret; 32], rollbook_peer_id_t { size: 0, bytes: [0; 47] });
    // SAFETY: the pointers are valid for what they are said to be.
    let answer =
        unsafe { rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, key.as_ptr(), 32, &raw mut id) };
    assert_eq!(answer, ROLLBOOK_OK);
    id
}

/// A tracker of the network whose authority is node 1, that was not started.
fn tracker(secret: u8) -> *mut rollbook_tracker_t {
    let mut handle = ptr::null_mut();
    let (key, seed, size) = ([secret; 32], [secret + 100; 32], size_of::<rollbook_config_t>());
    // SAFETY: all bytes, zeros among them, are a configuration; the pointers are valid.
    unsafe {
        let mut config: rollbook_config_t = std::mem::zeroed();
        assert_eq!(rollbook_config_default(&raw mut config, size), ROLLBOOK_OK);
        config.network[0] = b'a';
        config.network_size = 1;
        config.acting_count = 1;
        config.authorities[0] = id(1);
        let (config, key, seed) = (&raw const config, key.as_ptr(), seed.as_ptr());
        let (out, none) = (&raw mut handle, ptr::null_mut());
        let made =
            rollbook_tracker_new(config, size, ROLLBOOK_KEY_ED25519, key, 32, seed, out, none);
        assert_eq!(made, ROLLBOOK_OK);
    }
    handle
}

/// As above, with the journal of a new identity, and started.
fn started(secret: u8, mono_ms: u64, unix_s: u64) -> *mut rollbook_tracker_t {
    let (handle, own) = (tracker(secret), id(secret));
    let (mut frame, mut size, mut used) = ([0; ROLLBOOK_FRAME_SIZE_MAX], 0, 0);
    // SAFETY: the handle is live and the pointers are valid for what they are said to be.
    unsafe {
        let (out, capacity) = (frame.as_mut_ptr(), frame.len());
        let begun = rollbook_journal_begin(
            own.bytes.as_ptr(),
            own.size.into(),
            out,
            capacity,
            &raw mut size,
        );
        assert_eq!(begun, ROLLBOOK_OK);
        let none = ptr::null_mut();
        let taken = rollbook_tracker_recover(handle, frame.as_ptr(), size, &raw mut used, none, 0);
        assert_eq!(taken, ROLLBOOK_OK);
        assert_eq!(rollbook_tracker_start(handle, mono_ms, unix_s), ROLLBOOK_OK);
    }
    handle
}

fn free(handle: *mut rollbook_tracker_t) {
    // SAFETY: the handle is live, and is not used again.
    assert_eq!(unsafe { rollbook_tracker_free(handle) }, ROLLBOOK_OK);
}

/// Takes all outputs, and says that frames are durable. Says how many there were.
fn drain(handle: *mut rollbook_tracker_t, mono_ms: u64, unix_s: u64) -> usize {
    let (mut out, mut count) = (vec![0; 2 * ROLLBOOK_DRAIN_SIZE_MIN], 0);
    loop {
        let mut used = 0;
        let (start, size) = (out.as_mut_ptr(), out.len());
        // SAFETY: the handle is live and the pointers are valid for what they are said to be.
        unsafe {
            let answer =
                rollbook_tracker_drain(handle, mono_ms, unix_s, start, size, &raw mut used);
            assert_eq!(answer, ROLLBOOK_OK);
            assert_eq!(rollbook_tracker_handle_journal_synced(handle, u64::MAX), ROLLBOOK_OK);
        }
        if used == 0 {
            return count;
        }
        count += 1;
        assert!(count < 1000, "outputs come to an end");
    }
}

#[test]
fn any_time_will_do() {
    let times = [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    for first in times {
        for then in times {
            live(first, then);
        }
    }
}

/// The life of an authority and a member that begins at one time, and is at another at once.
fn live(first: u64, then: u64) {
    let (authority, member) = (started(1, first, first), started(2, first, first));
    let (mut message, mut response) = (vec![0; ROLLBOOK_REQUEST_SIZE_MAX], vec![0; 16384]);
    let (one, other) = (id(1), id(2));
    // SAFETY: as above.
    unsafe {
        for (handle, peer, now) in [(authority, &other, first), (member, &one, first)] {
            let said: rollbook_announcement_t = std::mem::zeroed();
            let size = size_of::<rollbook_announcement_t>();
            let said = rollbook_tracker_announce(handle, now, now, &raw const said, size);
            assert_eq!(said, ROLLBOOK_OK, "{first} {then}");
            let (peer, size) = (peer.bytes.as_ptr(), peer.size.into());
            let none = ptr::null();
            let connected =
                rollbook_tracker_handle_connected(handle, now, now, peer, size, none, 0);
            assert_eq!(connected, ROLLBOOK_OK, "{first} {then}");
        }
        for now in [first, first.saturating_add(20_000), then, then.saturating_add(20_000)] {
            for _turn in 0..4 {
                assert_eq!(rollbook_tracker_handle_timeout(authority, now, now), ROLLBOOK_OK);
                assert_eq!(rollbook_tracker_handle_timeout(member, now, now), ROLLBOOK_OK);
                let mut to = id(9);
                let (mut size, mut answer_size) = (0, 0);
                let asked = rollbook_tracker_poll_request(
                    member,
                    now,
                    now,
                    &raw mut to,
                    message.as_mut_ptr(),
                    message.len(),
                    &raw mut size,
                );
                if asked == ROLLBOOK_OK {
                    let answered = rollbook_tracker_handle_request(
                        authority,
                        now,
                        now,
                        other.bytes.as_ptr(),
                        other.size.into(),
                        message.as_ptr(),
                        size,
                        response.as_mut_ptr(),
                        response.len(),
                        &raw mut answer_size,
                    );
                    assert_eq!(answered, ROLLBOOK_OK);
                    let taken = rollbook_tracker_handle_response(
                        member,
                        now,
                        now,
                        one.bytes.as_ptr(),
                        one.size.into(),
                        response.as_ptr(),
                        answer_size,
                    );
                    assert_eq!(taken, ROLLBOOK_OK);
                }
                drain(authority, now, now);
                drain(member, now, now);
            }
            let (peer, size) = (other.bytes.as_ptr(), other.size.into());
            let none = ptr::null_mut();
            let granted = rollbook_tracker_grant(authority, now, now, peer, size, 1, none);
            assert_ne!(granted, ROLLBOOK_E_PANIC);
            let counted = rollbook_tracker_observe(authority, now, now, peer, size, 0, u32::MAX);
            assert_ne!(counted, ROLLBOOK_E_PANIC);
            let failed = rollbook_tracker_handle_request_failed(authority, now, now, peer, size);
            assert_eq!(failed, ROLLBOOK_OK);
            let mut status: rollbook_status_t = std::mem::zeroed();
            let size = size_of::<rollbook_status_t>();
            let read = rollbook_tracker_status(authority, now, now, &raw mut status, size);
            assert_eq!(read, ROLLBOOK_OK);
        }
        let (peer, size) = (other.bytes.as_ptr(), other.size.into());
        let gone = rollbook_tracker_handle_disconnected(authority, then, then, peer, size);
        assert_eq!(gone, ROLLBOOK_OK);
        assert_eq!(rollbook_tracker_leave(member, then, then), ROLLBOOK_OK);
    }
    free(authority);
    free(member);
}

#[test]
fn any_address_that_is_read_can_be_written() {
    // The names that are longest for their numbers, as often as there is room.
    for name in ["/webrtc-direct", "/webtransport", "/p2p-circuit", "/quic-v1", "/ws"] {
        let text = name.repeat(48);
        let mut address = rollbook_address_t { size: 0, bytes: [0; ROLLBOOK_ADDRESS_SIZE_MAX] };
        let (mut out, mut size) = ([0; ROLLBOOK_ADDRESS_TEXT_MAX], 0);
        // SAFETY: the pointers are valid for what they are said to be.
        unsafe {
            let none = ptr::null_mut();
            let read = rollbook_multiaddr_parse(text.as_ptr(), text.len(), &raw mut address, none);
            assert_eq!(read, ROLLBOOK_OK, "{name}");
            let (bytes, bytes_size) = (address.bytes.as_ptr(), address.size.into());
            let (out, capacity) = (out.as_mut_ptr(), out.len());
            let written = rollbook_multiaddr_text(bytes, bytes_size, out, capacity, &raw mut size);
            assert_eq!(written, ROLLBOOK_OK, "{name}");
        }
        assert_eq!(&out[..size], text.as_bytes());
    }
}

/// A journal of an authority of many nodes.
fn journal_of_many() -> Vec<u8> {
    let authority = started(1, 0, 1_790_000_000);
    for secret in 2..40 {
        let peer = id(secret);
        let (bytes, size, none) = (peer.bytes.as_ptr(), peer.size.into(), ptr::null_mut());
        // SAFETY: the handle is live and the pointers are valid for what they are said to be.
        let admitted =
            unsafe { rollbook_tracker_admit(authority, 0, 1_790_000_000, bytes, size, none) };
        assert_eq!(admitted, ROLLBOOK_OK);
    }
    let (mut journal, mut frame) = (Vec::new(), [0; ROLLBOOK_FRAME_SIZE_MAX]);
    let (mut size, mut position, mut must_sync) = (0, 0, 0);
    // SAFETY: as above.
    while unsafe {
        let (out, capacity) = (frame.as_mut_ptr(), frame.len());
        let (position, must_sync) = (&raw mut position, &raw mut must_sync);
        rollbook_tracker_poll_journal(authority, out, capacity, &raw mut size, position, must_sync)
    } == ROLLBOOK_OK
    {
        journal.extend_from_slice(&frame[..size]);
    }
    free(authority);
    journal
}

#[test]
fn what_finds_no_room_is_counted() {
    let journal = journal_of_many();
    let (mut handle, mut size) = (ptr::null_mut(), size_of::<rollbook_config_t>());
    let (key, seed) = ([2; 32], [3; 32]);
    // SAFETY: all bytes, zeros among them, are a configuration; the pointers are valid.
    unsafe {
        let mut config: rollbook_config_t = std::mem::zeroed();
        assert_eq!(rollbook_config_default(&raw mut config, size), ROLLBOOK_OK);
        config.network[0] = b'a';
        config.network_size = 1;
        config.acting_count = 1;
        config.authorities[0] = id(1);
        config.capacity = 8;
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
        // What a member has of others is what they have of themselves, but for whose it is.
        let others = journal.iter().position(|byte| *byte == 0).expect("a header") + 1;
        let others = &journal[others..];
        let mut found = rollbook_recovered_t::default();
        let found_size = size_of::<rollbook_recovered_t>();
        let (part, part_size) = (others.as_ptr(), others.len());
        let (used, found_at) = (&raw mut size, &raw mut found);
        let taken = rollbook_tracker_recover(handle, part, part_size, used, found_at, found_size);
        assert_eq!(taken, ROLLBOOK_OK);
        assert_eq!(size, others.len());
        let frames = others.iter().filter(|byte| **byte == 0).count();
        assert_eq!(found.frames, u64::try_from(frames).expect("few"));
        // Of 38 nodes there are 8.
        assert_eq!(found.no_room, 30);
    }
    free(handle);
}

#[test]
fn an_answer_is_not_written_over_its_request() {
    let (handle, peer) = (started(1, 0, 1_790_000_000), id(2));
    let mut bytes = vec![1; 2 * ROLLBOOK_RESPONSE_SIZE_MAX];
    let (start, room) = (bytes.as_mut_ptr(), ROLLBOOK_RESPONSE_SIZE_MAX);
    let ask = |request: usize, request_size: usize, response: usize| {
        let (from, from_size, mut size) = (peer.bytes.as_ptr(), peer.size.into(), 0);
        // SAFETY: the handle is live, and the places are within the bytes.
        unsafe {
            let (request, response) = (start.add(request), start.add(response));
            rollbook_tracker_handle_request(
                handle,
                0,
                0,
                from,
                from_size,
                request,
                request_size,
                response,
                room,
                &raw mut size,
            )
        }
    };
    assert_eq!(ask(0, 40, 0), ROLLBOOK_E_ARGUMENT);
    assert_eq!(ask(room - 1, 40, 0), ROLLBOOK_E_ARGUMENT);
    assert_eq!(ask(0, 40, 39), ROLLBOOK_E_ARGUMENT);
    // Beside each other they may be; it is no request.
    assert_eq!(ask(room, 40, 0), ROLLBOOK_E_MALFORMED);
    assert_eq!(ask(0, 40, 40), ROLLBOOK_E_MALFORMED);
    assert_eq!(ask(7, 0, 0), ROLLBOOK_E_MALFORMED);
    free(handle);
}

#[test]
fn what_is_read_as_a_whole_may_be_written_over() {
    let own = id(2);
    let (mut text, mut size) = ([0; ROLLBOOK_ADDRESS_TEXT_MAX], 0);
    let (start, capacity) = (text.as_mut_ptr(), text.len());
    let (key, message) = ([2; 32], b"a message");
    // SAFETY: the pointers are valid for what they are said to be.
    unsafe {
        start.copy_from_nonoverlapping(own.bytes.as_ptr(), own.size.into());
        let (id_size, place) = (own.size.into(), &raw mut size);
        let written = rollbook_peer_id_text(start, id_size, start, capacity, place);
        assert_eq!((written, size), (ROLLBOOK_OK, 52));
        start.copy_from_nonoverlapping(b"\x04\x7f\0\0\x01".as_ptr(), 5);
        assert_eq!(rollbook_multiaddr_text(start, 5, start, capacity, place), ROLLBOOK_OK);
        assert_eq!(std::slice::from_raw_parts(start, size), b"/ip4/127.0.0.1");
        start.copy_from_nonoverlapping(message.as_ptr(), message.len());
        let (key, kind) = (key.as_ptr(), ROLLBOOK_KEY_ED25519);
        let signed = rollbook_sign(kind, key, 32, start, message.len(), start, capacity, place);
        assert_eq!((signed, size), (ROLLBOOK_OK, 64));
        let (message, message_size) = (message.as_ptr(), message.len());
        let (peer, peer_size) = (own.bytes.as_ptr(), own.size.into());
        let checked = rollbook_verify(peer, peer_size, message, message_size, start, 64);
        assert_eq!(checked, ROLLBOOK_OK);
    }
}

#[test]
fn damage_that_is_longer_than_a_part_is_skipped() {
    let whole = journal_of_many();
    let header = whole.iter().position(|byte| *byte == 0).expect("a header") + 1;
    let (mut journal, damage) = (whole[..header].to_vec(), [0xff; 5000]);
    journal.extend_from_slice(&damage);
    journal.extend_from_slice(&whole[header..]);
    let handle = tracker(1);
    let (mut at, mut noted) = (0, false);
    let mut found = rollbook_recovered_t::default();
    while at < journal.len() {
        let part = &journal[at..journal.len().min(at + 1500)];
        let (mut used, size) = (0, size_of::<rollbook_recovered_t>());
        let (start, part_size, found) = (part.as_ptr(), part.len(), &raw mut found);
        // SAFETY: the handle is live and the pointers are valid for what they are said to be.
        unsafe {
            let taken =
                rollbook_tracker_recover(handle, start, part_size, &raw mut used, found, size);
            assert_eq!(taken, ROLLBOOK_OK);
            if used == 0 {
                assert!(part.len() >= ROLLBOOK_FRAME_SIZE_MAX && !part.contains(&0));
                assert_eq!(rollbook_tracker_note_damage(handle), ROLLBOOK_OK);
                (used, noted) = (part.len(), true);
            }
        }
        at += used;
    }
    assert!(noted);
    let frames = whole.iter().filter(|byte| **byte == 0).count();
    // The one that the damage ran into is lost with it.
    assert_eq!(found.frames, u64::try_from(frames - 1).expect("few"));
    let mut status = [0u8; size_of::<rollbook_status_t>()];
    // SAFETY: as above.
    unsafe {
        assert_eq!(rollbook_tracker_start(handle, 0, 0), ROLLBOOK_OK);
        let read = rollbook_tracker_status(handle, 0, 0, status.as_mut_ptr().cast(), status.len());
        assert_eq!(read, ROLLBOOK_OK);
    }
    assert_eq!(status[std::mem::offset_of!(rollbook_status_t, recovering)], 1);
    free(handle);
}

/// An error that was not filled in.
fn untold() -> rollbook_error_t {
    rollbook_error_t { code: 77, offset: 77, message: [77; 112] }
}

fn assert_told(answer: i32, expected: i32, error: &rollbook_error_t) {
    assert_eq!((answer, error.code), (expected, expected));
    let end = error.message.iter().position(|byte| *byte == 0).expect("it ends with a zero");
    assert!(end > 5, "it is a sentence");
}

#[test]
fn whatever_fails_is_told_where_that_is_wanted() {
    let (key, seed, size) = ([1; 32], [2; 32], size_of::<rollbook_config_t>());
    let (own, mut error) = (id(1), untold());
    // SAFETY: all bytes, zeros among them, are a configuration; the pointers are valid, or NULL.
    unsafe {
        let mut config: rollbook_config_t = std::mem::zeroed();
        assert_eq!(rollbook_config_default(&raw mut config, size), ROLLBOOK_OK);
        config.network[0] = b'a';
        config.network_size = 1;
        config.acting_count = 1;
        config.authorities[0] = own;
        let mut handle = ptr::null_mut();
        let mut new = |config_size: usize, key_size: usize, seed: *const u8| {
            let (config, key) = (&raw const config, key.as_ptr());
            let (kind, out) = (ROLLBOOK_KEY_ED25519, &raw mut handle);
            error = untold();
            let error_at = &raw mut error;
            let made =
                rollbook_tracker_new(config, config_size, kind, key, key_size, seed, out, error_at);
            (made, error)
        };
        let (answer, error) = new(size, 31, seed.as_ptr());
        assert_told(answer, ROLLBOOK_E_KEY, &error);
        let (answer, error) = new(size, 32, ptr::null());
        assert_told(answer, ROLLBOOK_E_NULL, &error);
        let (answer, error) = new(0, 32, seed.as_ptr());
        assert_told(answer, ROLLBOOK_E_UNSUPPORTED, &error);
        let mut error = untold();
        let (config, key, seed) = (&raw const config, key.as_ptr(), seed.as_ptr());
        let answer = rollbook_tracker_init(
            ptr::dangling_mut(),
            0,
            config,
            size,
            ROLLBOOK_KEY_ED25519,
            key,
            32,
            seed,
            &raw mut handle,
            &raw mut error,
        );
        assert_told(answer, ROLLBOOK_E_MEMORY, &error);
        let mut address = rollbook_address_t { size: 0, bytes: [0; ROLLBOOK_ADDRESS_SIZE_MAX] };
        let mut error = untold();
        let text = [b'/', 0xff];
        let answer = rollbook_multiaddr_parse(text.as_ptr(), 2, &raw mut address, &raw mut error);
        assert_told(answer, ROLLBOOK_E_UTF8, &error);
        let (tracker, list) = (tracker(1), &raw const own);
        let set = |tracker: *mut rollbook_tracker_t, admission: u8| {
            let (mut error, none) = (untold(), ptr::null());
            let error_at = &raw mut error;
            let answer = rollbook_tracker_set_authorities(
                tracker, 0, 0, list, 1, none, 0, admission, error_at,
            );
            (answer, error)
        };
        for (handle, admission, expected) in [
            (ptr::null_mut(), 0, ROLLBOOK_E_NULL),
            (tracker, 9, ROLLBOOK_E_ARGUMENT),
            (tracker, 0, ROLLBOOK_E_STATE),
        ] {
            let (answer, error) = set(handle, admission);
            assert_told(answer, expected, &error);
        }
        free(tracker);
    }
}

#[test]
fn a_tracker_that_is_not_made_leaves_no_secret() {
    let (key, seed, own) = ([1; 32], [2; 32], id(1));
    let size = size_of::<rollbook_config_t>();
    let (mut memory_size, mut alignment, mut handle) = (0, 0, ptr::null_mut());
    // SAFETY: all bytes, zeros among them, are a configuration; the pointers are valid.
    unsafe {
        let mut config: rollbook_config_t = std::mem::zeroed();
        assert_eq!(rollbook_config_default(&raw mut config, size), ROLLBOOK_OK);
        config.network[0] = b'a';
        config.network_size = 1;
        config.acting_count = 1;
        config.authorities[0] = own;
        // Found last: an authority holds every node.
        config.partial = 1;
        let layout = rollbook_tracker_layout(&raw mut memory_size, &raw mut alignment);
        assert_eq!(layout, ROLLBOOK_OK);
        assert!(alignment <= 16);
        let mut memory = vec![0u128; memory_size.div_ceil(16)];
        let made = rollbook_tracker_init(
            memory.as_mut_ptr().cast(),
            memory_size,
            &raw const config,
            size,
            ROLLBOOK_KEY_ED25519,
            key.as_ptr(),
            32,
            seed.as_ptr(),
            &raw mut handle,
            ptr::null_mut(),
        );
        assert_eq!(made, ROLLBOOK_E_CONFIG);
        assert!(memory.iter().all(|word| *word == 0));
    }
}
