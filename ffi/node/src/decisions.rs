//! What an operator decides, on an authority, and another list of authorities.

use rollbook::{CommandError, Multiaddr, NodeHandle, PeerId};
use rollbook_c::{
    ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_CONFIG, ROLLBOOK_E_NOT_ADMITTED, ROLLBOOK_GRANT_APP,
    ROLLBOOK_GRANT_STAKED, ROLLBOOK_GRANT_VALIDATOR, rollbook_error_t, rollbook_peer_id_t,
};

use crate::{
    handle::{enter, refused, rollbook_runtime_t},
    settings::rollbook_authority_t,
    support::{self, Answer, Code, Out},
};

/// Decides that a node belongs to the network. When this returns, the decision is on disk.
///
/// @param timeout_ms how long to wait for that
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_KEY`,
///         `ROLLBOOK_E_NOT_AUTHORITY`, `ROLLBOOK_E_RECOVERING`, `ROLLBOOK_E_FULL`;
///         `ROLLBOOK_E_TIMEOUT` and `ROLLBOOK_E_CLOSED`: whether it takes effect is not known, and
///         it may be given again; `ROLLBOOK_E_IO` where the disk takes no writes
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_admit(
    runtime: *mut rollbook_runtime_t,
    peer: *const u8,
    peer_size: usize,
    timeout_ms: u32,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        decide(runtime, (peer, peer_size), timeout_ms, async |node, peer| node.admit(&peer).await)
    }
}

/// Keeps a node out of the network until it is admitted.
///
/// @param timeout_ms as of `rollbook_runtime_admit`
/// @return as `rollbook_runtime_admit`; `ROLLBOOK_E_IS_AUTHORITY`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_ban(
    runtime: *mut rollbook_runtime_t,
    peer: *const u8,
    peer_size: usize,
    timeout_ms: u32,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        decide(runtime, (peer, peer_size), timeout_ms, async |node, peer| node.ban(&peer).await)
    }
}

/// Takes a node off the roll until it is admitted.
///
/// @param timeout_ms as of `rollbook_runtime_admit`
/// @return as `rollbook_runtime_admit`; `ROLLBOOK_E_IS_AUTHORITY`, `ROLLBOOK_E_UNKNOWN_NODE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_remove(
    runtime: *mut rollbook_runtime_t,
    peer: *const u8,
    peer_size: usize,
    timeout_ms: u32,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        decide(runtime, (peer, peer_size), timeout_ms, async |node, peer| node.remove(&peer).await)
    }
}

/// Grants something to a node.
///
/// @param grant one of `ROLLBOOK_GRANT_*`, up to `ROLLBOOK_GRANT_LAST`
/// @param timeout_ms as of `rollbook_runtime_admit`
/// @return as `rollbook_runtime_admit`; `ROLLBOOK_E_UNKNOWN_NODE`, `ROLLBOOK_E_NOT_ADMITTED`,
///         `ROLLBOOK_E_ARGUMENT`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_grant(
    runtime: *mut rollbook_runtime_t,
    peer: *const u8,
    peer_size: usize,
    grant: u8,
    timeout_ms: u32,
) -> i32 {
    let name = grant_name(grant);
    // SAFETY: the caller's pointers, as described.
    unsafe {
        decide(runtime, (peer, peer_size), timeout_ms, async move |node, peer| {
            node.grant(&peer, &name).await
        })
    }
}

/// Revokes a grant.
///
/// @param grant as of `rollbook_runtime_grant`
/// @param timeout_ms as of `rollbook_runtime_admit`
/// @return as `rollbook_runtime_grant`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_revoke(
    runtime: *mut rollbook_runtime_t,
    peer: *const u8,
    peer_size: usize,
    grant: u8,
    timeout_ms: u32,
) -> i32 {
    let name = grant_name(grant);
    // SAFETY: the caller's pointers, as described.
    unsafe {
        decide(runtime, (peer, peer_size), timeout_ms, async move |node, peer| {
            node.revoke(&peer, &name).await
        })
    }
}

/// The runtime's name of a grant, whatever the application calls it; for a number that no grant has,
/// a name that none has.
fn grant_name(number: u8) -> String {
    match number {
        ROLLBOOK_GRANT_STAKED => "staked".to_owned(),
        ROLLBOOK_GRANT_VALIDATOR => "validator".to_owned(),
        number => number
            .checked_sub(ROLLBOOK_GRANT_APP)
            .map(|app| format!("app{app}"))
            .unwrap_or_default(),
    }
}

/// Gives the node a decision about another one, and waits until it is on disk.
///
/// # Safety
///
/// As for [`enter`] and [`support::bytes`].
unsafe fn decide<W>(
    runtime: *mut rollbook_runtime_t,
    (peer, peer_size): (*const u8, usize),
    timeout_ms: u32,
    decision: impl FnOnce(NodeHandle, PeerId) -> W,
) -> i32
where
    W: Future<Output = Result<(), CommandError>> + Send + 'static,
{
    // SAFETY: the caller vouches for it.
    unsafe {
        enter(runtime, |node| {
            let peer = support::peer_id(peer, peer_size)?;
            let decided = node.command(timeout_ms, |handle| decision(handle, peer))?;
            decided.map_err(|why| match refused(&why) {
                // Of what can be refused for another reason only this is left.
                Code(ROLLBOOK_E_CONFIG) => Code(ROLLBOOK_E_NOT_ADMITTED),
                code => code,
            })
        })
    }
}

/// Replaces the list of whom this authority lets in under `ROLLBOOK_ADMISSION_ALLOW_LIST`. Who is
/// not on it any more stays until it is removed. The list is not kept over a restart.
///
/// @param peers a row of `count` peer ids; NULL and 0 for nobody
/// @param timeout_ms how long to wait until it is replaced
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_NOT_AUTHORITY`,
///         `ROLLBOOK_E_FULL` for more than there can be leases, `ROLLBOOK_E_TIMEOUT`,
///         `ROLLBOOK_E_CLOSED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_set_allowed(
    runtime: *mut rollbook_runtime_t,
    peers: *const rollbook_peer_id_t,
    count: usize,
    timeout_ms: u32,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let peers = read_peers(support::values(peers, count)?)?;
            let set = |handle: NodeHandle| async move { handle.set_allowed(peers).await };
            node.command(timeout_ms, set)?.map_err(|why| refused(&why))
        })
    }
}

/// Replaces the list of authorities, in which this node may become one, or retire. What authorities
/// said who are not on it any more counts no longer. Nodes need not have the same list at the same
/// time. The list is not kept over a restart: the settings of the next start have it.
///
/// @param acting those that act, in the order in which a member tries them, as in
///        `rollbook_settings_t`; NULL and 0 for this node alone
/// @param retired those that did; NULL and 0 for none
/// @param timeout_ms how long to wait until it is replaced
/// @param error takes what is wrong with the list; may be NULL
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_ARGUMENT` for more than
///         `ROLLBOOK_AUTHORITY_ADDRESSES_MAX`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_CONFIG`: the list
///         before it stays in use; `ROLLBOOK_E_TIMEOUT`, `ROLLBOOK_E_CLOSED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_set_authorities(
    runtime: *mut rollbook_runtime_t,
    acting: *const rollbook_authority_t,
    acting_count: usize,
    retired: *const rollbook_peer_id_t,
    retired_count: usize,
    timeout_ms: u32,
    error: *mut rollbook_error_t,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let mut error = Out::wanted(error)?;
            let mut explain = |failed: rollbook_error_t| {
                if let Some(error) = &mut error {
                    error.put(failed);
                }
                Code(failed.code)
            };
            if acting_count.max(retired_count) > crate::settings::ROLLBOOK_AUTHORITY_ADDRESSES_MAX {
                return Err(Code(ROLLBOOK_E_ARGUMENT));
            }
            let acting = support::values(acting, acting_count)?.iter();
            let acting: Result<Vec<Multiaddr>, _> =
                acting.map(rollbook_authority_t::full).collect();
            let acting = acting.map_err(&mut explain)?;
            let retired = read_peers(support::values(retired, retired_count)?)?;
            let set =
                |handle: NodeHandle| async move { handle.set_authorities(acting, retired).await };
            node.command(timeout_ms, set)?
                .map_err(|why| explain(rollbook_error_t::new(refused(&why), 0, why)))
        })
    }
}

fn read_peers(peers: &[rollbook_peer_id_t]) -> Answer<Vec<PeerId>> {
    peers.iter().map(rollbook_peer_id_t::read).collect()
}
