//! Taking over what another system knew about nodes.

use core::mem::size_of;

use rollbook::{ImportOptions, ImportRecord, ImportReport, NodeHandle, TallyView};
use rollbook_c::{
    ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_UNSUPPORTED, ROLLBOOK_GRANT_STAKED, ROLLBOOK_GRANT_VALIDATOR,
    rollbook_history_t, rollbook_peer_id_t,
};

use crate::{
    commands::counter_name,
    handle::{enter, refused, rollbook_runtime_t},
    support::{Answer, Code, Plain, SizedOut, bytes, read_sized},
};

/// The most nodes that are imported at once.
pub const ROLLBOOK_IMPORT_MAX: usize = 10_000;

/// A node with its history from before Rollbook.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_import_t {
    /// The node.
    pub peer_id: rollbook_peer_id_t,
    /// Its history. Of the grants `ROLLBOOK_GRANT_STAKED` and `ROLLBOOK_GRANT_VALIDATOR` can be taken
    /// over.
    pub history: rollbook_history_t,
}

const _: () = assert!(size_of::<rollbook_import_t>() == 48 + size_of::<rollbook_history_t>());

// SAFETY: it is made of integers and rows of them, without padding, as is asserted.
unsafe impl Plain for rollbook_import_t {}

/// What an import did.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_imported_t {
    /// Nodes of which something was taken over.
    pub imported: u64,
    /// Nodes of which all was known.
    pub unchanged: u64,
    /// Nodes whose uptime was longer than the time since they joined, and was cut to it.
    pub clamped: u64,
    /// Grants that were taken over.
    pub grants_taken: u64,
    /// Nodes that are banned or removed, and stay so.
    pub not_admitted: u64,
    /// Nodes with a key that cannot sign, or a time in the future.
    pub invalid: u64,
}

const _: () = assert!(size_of::<rollbook_imported_t>() == 6 * 8);

// SAFETY: it is made of integers of one size.
unsafe impl Plain for rollbook_imported_t {}

/// Takes over the history of nodes from before Rollbook, on an authority. It makes nobody online,
/// and taking the same over again, here or at another authority, changes nothing. When this returns,
/// all of it is on disk.
///
/// @param nodes a row of `count` structures, at most `ROLLBOOK_IMPORT_MAX`
/// @param node_size `sizeof *nodes`
/// @param timeout_ms how long to wait for that
/// @param imported takes what was done; may not be NULL
/// @param imported_size `sizeof *imported`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_ARGUMENT` for more
///         nodes or another grant, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_NOT_AUTHORITY`,
///         `ROLLBOOK_E_RECOVERING`, `ROLLBOOK_E_FULL`; `ROLLBOOK_E_TIMEOUT`, `ROLLBOOK_E_CLOSED` and
///         `ROLLBOOK_E_IO` as of `rollbook_runtime_admit`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_import(
    runtime: *mut rollbook_runtime_t,
    nodes: *const rollbook_import_t,
    node_size: usize,
    count: usize,
    timeout_ms: u32,
    imported: *mut rollbook_imported_t,
    imported_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let mut out = SizedOut::new(imported, imported_size)?;
            if count > ROLLBOOK_IMPORT_MAX {
                return Err(Code(ROLLBOOK_E_ARGUMENT));
            }
            let records = records(nodes, node_size, count)?;
            let options = ImportOptions { trust_grants: true };
            let import =
                move |handle: NodeHandle| async move { handle.import(records, options).await };
            let report = node.command(timeout_ms, import)?.map_err(|why| refused(&why))?;
            out.put(&(&report).into());
            Ok(())
        })
    }
}

/// What is to be taken over, from a row of structures of which the caller knows `size` bytes each.
///
/// # Safety
///
/// `nodes` is NULL or valid for reading `count * size` bytes.
unsafe fn records(
    nodes: *const rollbook_import_t,
    size: usize,
    count: usize,
) -> Answer<Vec<ImportRecord>> {
    // SAFETY: the caller vouches for it.
    let all = unsafe { bytes(nodes.cast(), size.saturating_mul(count)) }?;
    if size == 0 && count > 0 {
        return Err(Code(ROLLBOOK_E_UNSUPPORTED));
    }
    let read = |node: &[u8]| {
        // SAFETY: all of it can be read.
        record(&unsafe { read_sized(node.as_ptr().cast::<rollbook_import_t>(), node.len()) }?)
    };
    all.chunks_exact(size.max(1)).map(read).collect()
}

/// What is to be taken over of a node, in the runtime's terms.
fn record(node: &rollbook_import_t) -> Answer<ImportRecord> {
    let peer_id = node.peer_id.read()?.to_string();
    let history = &node.history;
    let (staked, validator) = (1 << ROLLBOOK_GRANT_STAKED, 1 << ROLLBOOK_GRANT_VALIDATOR);
    if history.grants & !(staked | validator) != 0 {
        return Err(Code(ROLLBOOK_E_ARGUMENT));
    }
    let tallies: Answer<Vec<_>> = (0..)
        .zip(history.counted)
        .filter(|(_, tally)| tally.count > 0)
        .map(|(counter, tally)| {
            let counter = counter_name(counter)?;
            Ok(TallyView { counter, count: tally.count, last: tally.last })
        })
        .collect();
    Ok(ImportRecord {
        peer_id,
        multiaddrs: Vec::new(),
        first_joined: history.first_joined,
        accumulated_uptime_seconds: history.uptime,
        is_staked: history.grants & staked != 0,
        is_validator: history.grants & validator != 0,
        tallies: tallies?,
    })
}

impl From<&ImportReport> for rollbook_imported_t {
    fn from(report: &ImportReport) -> rollbook_imported_t {
        rollbook_imported_t {
            imported: report.imported,
            unchanged: report.unchanged,
            clamped: report.clamped,
            grants_taken: report.grants_taken,
            not_admitted: report.not_admitted,
            invalid: u64::try_from(report.invalid.len()).unwrap_or(u64::MAX),
        }
    }
}
