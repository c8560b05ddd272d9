#![allow(unsafe_code, reason = "the functions under test take pointers")]
//! Any calls in any order, with good and bad arguments, over two trackers that also live: nothing
//! panics, every answer is one that the header knows, and what they agree on stays equal.

use std::{ffi::CStr, ptr};

use proptest::prelude::*;
use rollbook_c::*;

/// A call with its arguments, some of which are bad.
#[derive(Clone, Debug)]
enum Call {
    Gossip {
        from: u8,
        message: Vec<u8>,
    },
    Request {
        from: u8,
        message: Vec<u8>,
        room: usize,
    },
    Response {
        from: u8,
        message: Vec<u8>,
    },
    Failed {
        of: u8,
    },
    Connected {
        peer: u8,
        remote: Vec<u8>,
    },
    Disconnected {
        peer: u8,
    },
    Time {
        forward_ms: u32,
    },
    Synced {
        position: u64,
    },
    Signature {
        id: u64,
        signature: Vec<u8>,
    },
    Announce {
        counts: [u8; 4],
        filling: u8,
    },
    Leave,
    Observe {
        peer: u8,
        counter: u8,
        count: u32,
    },
    Decide {
        which: u8,
        peer: u8,
        grant: u8,
    },
    Import {
        peer: u8,
        history: [u64; 3],
    },
    Authorities {
        acting: Vec<u8>,
        retired: Vec<u8>,
        admission: u8,
    },
    Hold {
        peer: u8,
        hold: bool,
    },
    Get {
        peer: u8,
        size: usize,
    },
    Nodes {
        after: u8,
        room: usize,
    },
    Select {
        grant: u8,
        room: usize,
    },
    Explain {
        peer: u8,
        index: u32,
    },
    Snapshot {
        begin: bool,
        room: usize,
    },
    Recover {
        bytes: Vec<u8>,
    },
    Drain,
    /// Each does what the other wants.
    Live,
    Restart,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..80)
}

fn call() -> impl Strategy<Value = Call> {
    let room = prop_oneof![0..3usize, 1000..1100usize, Just(20_000usize)];
    prop_oneof![
        (any::<u8>(), bytes()).prop_map(|(from, message)| Call::Gossip { from, message }),
        (any::<u8>(), bytes(), room.clone()).prop_map(|(from, message, room)| Call::Request {
            from,
            message,
            room
        }),
        (any::<u8>(), bytes()).prop_map(|(from, message)| Call::Response { from, message }),
        any::<u8>().prop_map(|of| Call::Failed { of }),
        (any::<u8>(), bytes()).prop_map(|(peer, remote)| Call::Connected { peer, remote }),
        any::<u8>().prop_map(|peer| Call::Disconnected { peer }),
        any::<u32>().prop_map(|forward_ms| Call::Time { forward_ms: forward_ms % 100_000 }),
        any::<u64>().prop_map(|position| Call::Synced { position: position % 50 }),
        (any::<u64>(), bytes()).prop_map(|(id, signature)| Call::Signature { id, signature }),
        (any::<[u8; 4]>(), any::<u8>()).prop_map(|(counts, filling)| Call::Announce {
            counts: counts.map(|count| count % 14),
            filling: filling % 128,
        }),
        Just(Call::Leave),
        (any::<u8>(), 0..9u8, any::<u32>()).prop_map(|(peer, counter, count)| Call::Observe {
            peer,
            counter,
            count
        }),
        (0..5u8, any::<u8>(), 0..18u8).prop_map(|(which, peer, grant)| Call::Decide {
            which,
            peer,
            grant
        }),
        (any::<u8>(), any::<[u64; 3]>()).prop_map(|(peer, history)| Call::Import { peer, history }),
        (
            prop::collection::vec(any::<u8>(), 0..10),
            prop::collection::vec(any::<u8>(), 0..4),
            0..4u8
        )
            .prop_map(|(acting, retired, admission)| Call::Authorities {
                acting,
                retired,
                admission
            }),
        (any::<u8>(), any::<bool>()).prop_map(|(peer, hold)| Call::Hold { peer, hold }),
        (any::<u8>(), 0..2000usize).prop_map(|(peer, size)| Call::Get { peer, size }),
        (any::<u8>(), 0..9usize).prop_map(|(after, room)| Call::Nodes { after, room }),
        (0..18u8, 0..70usize).prop_map(|(grant, room)| Call::Select { grant, room }),
        (any::<u8>(), 0..40u32).prop_map(|(peer, index)| Call::Explain { peer, index }),
        (any::<bool>(), room).prop_map(|(begin, room)| Call::Snapshot { begin, room }),
        bytes().prop_map(|bytes| Call::Recover { bytes }),
        Just(Call::Drain),
        Just(Call::Live),
        Just(Call::Live),
        Just(Call::Restart),
    ]
}

/// The nodes that calls speak of: the two that live, a few others, and what is no peer id.
fn peer(number: u8) -> rollbook_peer_id_t {
    let mut id = rollbook_peer_id_t { size: 0, bytes: [0; 47] };
    if number < 250 {
        let key = [number % 5 + 1; 32];
        // SAFETY: the pointers are valid for what they are said to be.
        let answer = unsafe {
            rollbook_peer_id_of_key(ROLLBOOK_KEY_ED25519, key.as_ptr(), key.len(), &raw mut id)
        };
        assert_eq!(answer, ROLLBOOK_OK);
    } else {
        id.size = number - 250;
    }
    id
}

/// A tracker with its journal.
struct Node {
    handle: *mut rollbook_tracker_t,
    secret: u8,
    journal: Vec<u8>,
    restarts: u8,
}

impl Node {
    fn new(secret: u8) -> Node {
        let mut node = Node { handle: ptr::null_mut(), secret, journal: Vec::new(), restarts: 0 };
        let id = peer(secret - 1);
        let (mut frame, mut size) = ([0; ROLLBOOK_FRAME_SIZE_MAX], 0);
        // SAFETY: as above.
        let answer = unsafe {
            let out = frame.as_mut_ptr();
            rollbook_journal_begin(id.bytes.as_ptr(), id.size.into(), out, 1024, &raw mut size)
        };
        assert_eq!(answer, ROLLBOOK_OK);
        node.journal.extend_from_slice(&frame[..size]);
        node.start(0);
        node
    }

    fn start(&mut self, now: u64) {
        // SAFETY: all bytes, zeros among them, are a configuration; the pointers are valid.
        unsafe {
            let mut config: rollbook_config_t = std::mem::zeroed();
            let size = size_of::<rollbook_config_t>();
            assert_eq!(rollbook_config_default(&raw mut config, size), ROLLBOOK_OK);
            config.network[..4].copy_from_slice(b"main");
            config.network_size = 4;
            config.authorities[0] = peer(0);
            config.acting_count = 1;
            let (key, seed) = ([self.secret; 32], [self.secret + self.restarts; 32]);
            let answer = rollbook_tracker_new(
                &raw const config,
                size,
                ROLLBOOK_KEY_ED25519,
                key.as_ptr(),
                32,
                seed.as_ptr(),
                &raw mut self.handle,
                ptr::null_mut(),
            );
            assert_eq!(answer, ROLLBOOK_OK);
            let mut used = 0;
            let (journal, size) = (self.journal.as_ptr(), self.journal.len());
            let none = ptr::null_mut();
            let answer =
                rollbook_tracker_recover(self.handle, journal, size, &raw mut used, none, 0);
            // A list of authorities that it was on is not kept over a restart.
            assert!([ROLLBOOK_OK, ROLLBOOK_E_NO_LONGER_AUTHORITY].contains(&answer));
            assert_eq!(rollbook_tracker_start(self.handle, now, 1_790_000_000), ROLLBOOK_OK);
        }
    }

    fn restart(&mut self, now: u64) {
        self.restarts += 1;
        // SAFETY: the handle is live, and is not used again.
        assert_eq!(unsafe { rollbook_tracker_free(self.handle) }, ROLLBOOK_OK);
        self.start(now);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: as above.
        assert_eq!(unsafe { rollbook_tracker_free(self.handle) }, ROLLBOOK_OK);
    }
}

/// Does what `node` wants done, with `other` at the end of the line.
fn drain(node: &mut Node, other: &mut Node, now: u64, hands_over: bool) {
    let mut out = vec![0; 2 * ROLLBOOK_DRAIN_SIZE_MIN];
    let mut response = vec![0; ROLLBOOK_RESPONSE_SIZE_MAX];
    for _round in 0..200 {
        let mut used = 0;
        // SAFETY: the handles are live and the pointers are valid for what they are said to be.
        let answer = unsafe {
            let (start, size) = (out.as_mut_ptr(), out.len());
            rollbook_tracker_drain(node.handle, now, now / 1000, start, size, &raw mut used)
        };
        assert_eq!(answer, ROLLBOOK_OK);
        if used == 0 {
            return;
        }
        let mut at = 0;
        while at < used {
            let number = |place: usize| {
                let bytes = out[at + place..at + place + 4].try_into().expect("four bytes");
                usize::try_from(u32::from_ne_bytes(bytes)).expect("it is small")
            };
            let (size, data_size) = (number(0), number(4));
            let position =
                u64::from_ne_bytes(out[at + 8..at + 16].try_into().expect("eight bytes"));
            let data = &out[at + 72..at + 72 + data_size];
            let own = peer(node.secret - 1);
            let to = peer(other.secret - 1);
            // SAFETY: as above.
            unsafe {
                match out[at + 16] {
                    ROLLBOOK_OUTPUT_JOURNAL => {
                        node.journal.extend_from_slice(data);
                        rollbook_tracker_handle_journal_synced(node.handle, position);
                    }
                    ROLLBOOK_OUTPUT_PUBLICATION if hands_over => {
                        let mut verdict = 0;
                        rollbook_tracker_handle_gossip(
                            other.handle,
                            now,
                            now / 1000,
                            own.bytes.as_ptr(),
                            own.size.into(),
                            data.as_ptr(),
                            data.len(),
                            &raw mut verdict,
                        );
                    }
                    ROLLBOOK_OUTPUT_REQUEST if hands_over => {
                        let mut len = 0;
                        let answered = rollbook_tracker_handle_request(
                            other.handle,
                            now,
                            now / 1000,
                            own.bytes.as_ptr(),
                            own.size.into(),
                            data.as_ptr(),
                            data.len(),
                            response.as_mut_ptr(),
                            response.len(),
                            &raw mut len,
                        );
                        assert_ne!(answered, ROLLBOOK_E_PANIC);
                        rollbook_tracker_handle_response(
                            node.handle,
                            now,
                            now / 1000,
                            to.bytes.as_ptr(),
                            to.size.into(),
                            response.as_ptr(),
                            len,
                        );
                    }
                    _ => {}
                }
            }
            at += size;
        }
        assert_eq!(at, used);
    }
}

/// Makes a call on `node` and gives its answer.
fn make(node: &mut Node, other: &mut Node, now: &mut u64, call: &Call) -> i32 {
    let (handle, at, unix) = (node.handle, *now, *now / 1000);
    let mut out = vec![0u8; 20_000];
    let (mut size, mut byte, mut number) = (0usize, 0u8, 0u64);
    let start = out.as_mut_ptr();
    let id = |number: u8| {
        let id = Box::new(peer(number));
        (id.bytes, usize::from(id.size))
    };
    // SAFETY: the handle is live; pointers are valid for what they are said to be, or NULL.
    unsafe {
        match call {
            Call::Gossip { from, message } => {
                let (from, from_size) = id(*from);
                rollbook_tracker_handle_gossip(
                    handle,
                    at,
                    unix,
                    from.as_ptr(),
                    from_size,
                    message.as_ptr(),
                    message.len(),
                    &raw mut byte,
                )
            }
            Call::Request { from, message, room } => {
                let (from, from_size) = id(*from);
                rollbook_tracker_handle_request(
                    handle,
                    at,
                    unix,
                    from.as_ptr(),
                    from_size,
                    message.as_ptr(),
                    message.len(),
                    start,
                    *room,
                    &raw mut size,
                )
            }
            Call::Response { from, message } => {
                let (from, from_size) = id(*from);
                let (message, message_size) = (message.as_ptr(), message.len());
                rollbook_tracker_handle_response(
                    handle,
                    at,
                    unix,
                    from.as_ptr(),
                    from_size,
                    message,
                    message_size,
                )
            }
            Call::Failed { of } => {
                let (of, of_size) = id(*of);
                rollbook_tracker_handle_request_failed(handle, at, unix, of.as_ptr(), of_size)
            }
            Call::Connected { peer, remote } => {
                let (peer, peer_size) = id(*peer);
                let (remote, remote_size) = (remote.as_ptr(), remote.len());
                rollbook_tracker_handle_connected(
                    handle,
                    at,
                    unix,
                    peer.as_ptr(),
                    peer_size,
                    remote,
                    remote_size,
                )
            }
            Call::Disconnected { peer } => {
                let (peer, peer_size) = id(*peer);
                rollbook_tracker_handle_disconnected(handle, at, unix, peer.as_ptr(), peer_size)
            }
            Call::Time { forward_ms } => {
                *now += u64::from(*forward_ms);
                rollbook_tracker_handle_timeout(handle, *now, *now / 1000)
            }
            Call::Synced { position } => rollbook_tracker_handle_journal_synced(handle, *position),
            Call::Signature { id, signature } => {
                let (signature, size) = (signature.as_ptr(), signature.len());
                rollbook_tracker_handle_signature(handle, at, unix, *id, signature, size)
            }
            Call::Announce { counts, filling } => {
                let mut said: rollbook_announcement_t = std::mem::zeroed();
                said.address_count = counts[0];
                said.capability_count = counts[1];
                said.agent_size = counts[2];
                said.extra_size = counts[3];
                for address in &mut said.addresses {
                    address.size = 8;
                    address.bytes[..8].copy_from_slice(&[4, 192, 0, 2, *filling, 6, 1, 1]);
                }
                for capability in &mut said.capabilities {
                    capability.size = counts[2];
                    capability.name = [*filling; 32];
                }
                said.agent = [*filling; 48];
                let size = size_of::<rollbook_announcement_t>();
                rollbook_tracker_announce(handle, at, unix, &raw const said, size)
            }
            Call::Leave => rollbook_tracker_leave(handle, at, unix),
            Call::Observe { peer, counter, count } => {
                let (peer, peer_size) = id(*peer);
                let peer = peer.as_ptr();
                rollbook_tracker_observe(handle, at, unix, peer, peer_size, *counter, *count)
            }
            Call::Decide { which, peer, grant } => {
                let (peer, peer_size) = id(*peer);
                let (peer, receipt) = (peer.as_ptr(), &raw mut number);
                match which {
                    0 => rollbook_tracker_admit(handle, at, unix, peer, peer_size, receipt),
                    1 => rollbook_tracker_ban(handle, at, unix, peer, peer_size, receipt),
                    2 => rollbook_tracker_remove(handle, at, unix, peer, peer_size, receipt),
                    3 => rollbook_tracker_grant(handle, at, unix, peer, peer_size, *grant, receipt),
                    _ => {
                        rollbook_tracker_revoke(handle, at, unix, peer, peer_size, *grant, receipt)
                    }
                }
            }
            Call::Import { peer, history: [first_joined, uptime, grants] } => {
                let (peer, peer_size) = id(*peer);
                let history = rollbook_history_t {
                    first_joined: *first_joined,
                    uptime: *uptime,
                    grants: *grants & 0xfffe,
                    ..Default::default()
                };
                let size = size_of::<rollbook_history_t>();
                rollbook_tracker_import(
                    handle,
                    at,
                    unix,
                    peer.as_ptr(),
                    peer_size,
                    &raw const history,
                    size,
                    &raw mut number,
                )
            }
            Call::Authorities { acting, retired, admission } => {
                let acting: Vec<_> = acting.iter().map(|number| peer(*number)).collect();
                let retired: Vec<_> = retired.iter().map(|number| peer(*number)).collect();
                rollbook_tracker_set_authorities(
                    handle,
                    at,
                    unix,
                    acting.as_ptr(),
                    acting.len(),
                    retired.as_ptr(),
                    retired.len(),
                    *admission,
                    ptr::null_mut(),
                )
            }
            Call::Hold { peer, hold } => {
                let (peer, peer_size) = id(*peer);
                match hold {
                    true => rollbook_tracker_hold(handle, peer.as_ptr(), peer_size),
                    false => rollbook_tracker_release(handle, peer.as_ptr(), peer_size),
                }
            }
            Call::Get { peer, size } => {
                let (peer, peer_size) = id(*peer);
                let out = start.cast();
                rollbook_tracker_get(handle, at, unix, peer.as_ptr(), peer_size, out, *size)
            }
            Call::Nodes { after, room } => {
                let (after, after_size) = id(*after);
                rollbook_tracker_nodes(
                    handle,
                    at,
                    unix,
                    after.as_ptr(),
                    after_size,
                    start.cast(),
                    size_of::<rollbook_node_t>(),
                    *room,
                    &raw mut size,
                )
            }
            Call::Select { grant, room } => rollbook_tracker_select(
                handle,
                at,
                unix,
                b"gpu".as_ptr(),
                3,
                *grant,
                start.cast(),
                200,
                *room,
                &raw mut size,
            ),
            Call::Explain { peer, index } => {
                let (peer, peer_size) = id(*peer);
                let (out, size) = (start.cast(), size_of::<rollbook_fact_t>());
                rollbook_tracker_explain(handle, peer.as_ptr(), peer_size, *index, out, size)
            }
            Call::Snapshot { begin: true, .. } => rollbook_tracker_snapshot_begin(handle),
            Call::Snapshot { begin: false, room } => {
                rollbook_tracker_snapshot_next(handle, start, *room, &raw mut size)
            }
            Call::Recover { bytes } => {
                let (bytes, size) = (bytes.as_ptr(), bytes.len());
                let mut used = 0;
                let none = ptr::null_mut();
                rollbook_tracker_recover(handle, bytes, size, &raw mut used, none, 0)
            }
            Call::Drain => {
                drain(node, other, at, false);
                ROLLBOOK_OK
            }
            Call::Live => {
                drain(node, other, at, true);
                drain(other, node, at, true);
                ROLLBOOK_OK
            }
            Call::Restart => {
                node.restart(at);
                ROLLBOOK_OK
            }
        }
    }
}

/// Whether the header knows a code.
fn is_known(code: i32) -> bool {
    // SAFETY: texts are static, and end with a zero.
    let text = unsafe { CStr::from_ptr(rollbook_strerror(code)) };
    text != c"unknown code"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn calls_in_any_order_are_answered(
        calls in prop::collection::vec((any::<bool>(), call()), 1..60)
    ) {
        let (mut authority, mut member) = (Node::new(1), Node::new(2));
        let mut now = 1000;
        for (of_authority, call) in &calls {
            let (node, other) = match of_authority {
                true => (&mut authority, &mut member),
                false => (&mut member, &mut authority),
            };
            let answer = make(node, other, &mut now, call);
            prop_assert!(is_known(answer), "{answer}");
            prop_assert_ne!(answer, ROLLBOOK_E_PANIC);
            prop_assert_ne!(answer, ROLLBOOK_E_POISONED);
        }
    }
}
