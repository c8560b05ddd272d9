//! What the program wants of its own node.

use rollbook::AnnouncementChange;
use rollbook_c::{
    ROLLBOOK_COUNTER_APP, ROLLBOOK_COUNTER_NOT_FOUND, ROLLBOOK_COUNTER_SUCCESSES,
    ROLLBOOK_COUNTER_TIMEOUTS, ROLLBOOK_COUNTERS, ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_CONFIG,
    ROLLBOOK_E_FULL, rollbook_announcement_t,
};

use crate::{
    handle::{enter, refused, rollbook_runtime_t},
    settings::Said,
    support::{self, Answer, Code, read_sized},
};

/// Changes what this node says of itself. Where it is what it said last, nothing happens.
///
/// @param announcement how it is reached, where no address stands for those that it listens on; what
///        it can do; the software that it runs, where the size 0 leaves it as it is. `extra` is not
///        passed on by a whole node
/// @param announcement_size `sizeof *announcement`
/// @param timeout_ms how long to wait for it
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_ARGUMENT` for a size over
///         its bound or an address that is none, `ROLLBOOK_E_FULL` where all of it together is too
///         long, `ROLLBOOK_E_UNSUPPORTED` for a size of the structure that is not known and for
///         `extra`, `ROLLBOOK_E_TIMEOUT`, `ROLLBOOK_E_CLOSED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_announce(
    runtime: *mut rollbook_runtime_t,
    announcement: *const rollbook_announcement_t,
    announcement_size: usize,
    timeout_ms: u32,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let said = Said::of(&read_sized(announcement, announcement_size)?)?;
            let change = AnnouncementChange {
                capabilities: Some(said.capabilities),
                agent: Some(said.agent).filter(|agent| !agent.is_empty()),
                external_addresses: Some(said.external_addresses),
            };
            let announce =
                |handle: rollbook::NodeHandle| async move { handle.announce(change).await };
            node.command(timeout_ms, announce)?.map_err(|why| refused(&why))
        })
    }
}

/// Counts something about another node: `counter` grew by `count`. It is handed to the home, which
/// publishes what all observers say; what was not acknowledged when this node stops is lost.
///
/// @param counter below `ROLLBOOK_COUNTERS`
/// @param timeout_ms how long to wait until it is noted
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_ARGUMENT` for another
///         counter or this node itself, `ROLLBOOK_E_UNKNOWN_NODE`, `ROLLBOOK_E_FULL` where too much
///         waits, `ROLLBOOK_E_TIMEOUT`, `ROLLBOOK_E_CLOSED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_observe(
    runtime: *mut rollbook_runtime_t,
    peer: *const u8,
    peer_size: usize,
    counter: u8,
    count: u32,
    timeout_ms: u32,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let peer = support::peer_id(peer, peer_size)?;
            let counter = counter_name(counter)?;
            if peer == node.handle.peer_id() {
                return Err(Code(ROLLBOOK_E_ARGUMENT));
            }
            let observe = move |handle: rollbook::NodeHandle| async move {
                handle.observe(&peer, &counter, count).await
            };
            node.command(timeout_ms, observe)?.map_err(|why| match refused(&why) {
                // Of what can be refused for another reason only this is left.
                Code(ROLLBOOK_E_CONFIG) => Code(ROLLBOOK_E_FULL),
                code => code,
            })
        })
    }
}

/// The runtime's name of a counter.
pub(crate) fn counter_name(counter: u8) -> Answer<String> {
    match counter {
        ROLLBOOK_COUNTER_SUCCESSES => Ok("successes".to_owned()),
        ROLLBOOK_COUNTER_TIMEOUTS => Ok("timeouts".to_owned()),
        ROLLBOOK_COUNTER_NOT_FOUND => Ok("not-found".to_owned()),
        app if usize::from(app) < ROLLBOOK_COUNTERS => {
            Ok(format!("app{}", app - ROLLBOOK_COUNTER_APP))
        }
        _ => Err(Code(ROLLBOOK_E_ARGUMENT)),
    }
}
