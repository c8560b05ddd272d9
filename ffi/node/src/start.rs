//! The start of a node.

use std::sync::mpsc::sync_channel;

use rollbook::{IdentityError, NodeBuilder, NodeHandle, StartError};
use rollbook_c::{
    ROLLBOOK_E_CONFIG, ROLLBOOK_E_DAMAGED, ROLLBOOK_E_FOREIGN, ROLLBOOK_E_FULL, ROLLBOOK_E_IN_USE,
    ROLLBOOK_E_IO, ROLLBOOK_E_KEY, ROLLBOOK_E_NO_LONGER_AUTHORITY, ROLLBOOK_E_PANIC,
    ROLLBOOK_E_UTF8, rollbook_error_t,
};
use tokio::runtime::Runtime;

use crate::{
    events::Events,
    handle::{Handle, Node, rollbook_runtime_t},
    path,
    settings::rollbook_settings_t,
    support::{self, Answer, Code, Out, guard, read_sized},
    threads, toml_text,
};

/// Starts a node. When this returns, it listens and has read its journal; it joins the network in
/// the background.
///
/// @param settings see `rollbook_settings_t`
/// @param settings_size `sizeof *settings`
/// @param data_dir the path of the directory of its key and its journal, made if it is missing; NULL
///        and 0 for `rollbook-data` in the current directory. Without a key there, one is made
/// @param runtime takes the handle; NULL where it failed
/// @param error takes what is wrong; may be NULL
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_ARGUMENT`;
///         `ROLLBOOK_E_CONFIG` for settings that cannot be used; `ROLLBOOK_E_IN_USE` where another
///         node has the directory; `ROLLBOOK_E_KEY` where the key in it cannot be used, which one
///         that others can read is not; `ROLLBOOK_E_FOREIGN`, `ROLLBOOK_E_DAMAGED`,
///         `ROLLBOOK_E_NO_LONGER_AUTHORITY` and `ROLLBOOK_E_FULL` where the journal cannot be used;
///         `ROLLBOOK_E_IO` where a file, or an address to listen on, failed
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_start(
    settings: *const rollbook_settings_t,
    settings_size: usize,
    data_dir: *const u8,
    data_dir_size: usize,
    runtime: *mut *mut rollbook_runtime_t,
    error: *mut rollbook_error_t,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        start(runtime, error, || {
            let settings = read_sized(settings, settings_size).map_err(unexplained)?;
            let data_dir = path::read(data_dir, data_dir_size).map_err(unexplained)?;
            Ok((settings.builder(data_dir)?, settings.threads))
        })
    }
}

/// Starts a node by a configuration in TOML, with the keys of the file that `rollbook start` reads
/// (`docs/config.md`), except those of its HTTP API. Otherwise as `rollbook_runtime_start`.
///
/// @param toml the text; NULL and 0 for the defaults
/// @param runtime takes the handle; NULL where it failed
/// @param error takes what is wrong and, where it is wrong in the text, where that is; may be NULL
/// @return as `rollbook_runtime_start`; `ROLLBOOK_E_UTF8`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_start_toml(
    toml: *const u8,
    toml_size: usize,
    runtime: *mut *mut rollbook_runtime_t,
    error: *mut rollbook_error_t,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        start(runtime, error, || {
            let bytes = support::bytes(toml, toml_size).map_err(unexplained)?;
            let text = core::str::from_utf8(bytes).map_err(|why| {
                let offset = u32::try_from(why.valid_up_to()).unwrap_or(u32::MAX);
                rollbook_error_t::new(Code(ROLLBOOK_E_UTF8), offset, "it is not UTF-8 from here on")
            })?;
            Ok((toml_text::builder(text)?, 0))
        })
    }
}

/// A code without more to say than its text.
fn unexplained(Code(code): Code) -> rollbook_error_t {
    rollbook_error_t::new(Code(code), 0, "")
}

/// Starts a node with the settings and the number of threads that `read` gives.
///
/// # Safety
///
/// Both pointers are NULL or valid for writing.
unsafe fn start(
    runtime: *mut *mut rollbook_runtime_t,
    error: *mut rollbook_error_t,
    read: impl FnOnce() -> Result<(NodeBuilder, u32), rollbook_error_t>,
) -> i32 {
    guard(|| -> Answer {
        // SAFETY: the caller vouches for it.
        let (mut out, mut error) = unsafe { (Out::new(runtime)?, Out::wanted(error)?) };
        out.put(core::ptr::null_mut());
        let started = read().and_then(|(builder, threads)| begin(builder, threads));
        let handle = started.map_err(|failed| {
            if let Some(error) = &mut error {
                error.put(failed);
            }
            Code(failed.code)
        })?;
        out.put(handle);
        Ok(())
    })
}

/// Starts a node on threads of its own.
fn begin(builder: NodeBuilder, threads: u32) -> Result<*mut rollbook_runtime_t, rollbook_error_t> {
    let io = |why: std::io::Error| rollbook_error_t::new(Code(ROLLBOOK_E_IO), 0, why);
    let runtime = threads::start(threads).map_err(io)?;
    let started = start_on(&runtime, builder).and_then(|handle| {
        let (events, follow) = Events::new(&handle).map_err(io)?;
        runtime.spawn(follow);
        Ok((handle, events))
    });
    match started {
        Ok((handle, events)) => Ok(Handle::boxed(Node { handle, events, runtime })),
        Err(failed) => {
            runtime.shutdown_background();
            Err(failed)
        }
    }
}

/// Starts a node on these threads: what it begins, its own threads among it, is as they are.
fn start_on(runtime: &Runtime, builder: NodeBuilder) -> Result<NodeHandle, rollbook_error_t> {
    let (started_in, started) = sync_channel(1);
    runtime.spawn(async move {
        // The caller waits for it.
        let _ = started_in.send(builder.start().await);
    });
    let started = started.recv().map_err(|_panicked| {
        rollbook_error_t::new(Code(ROLLBOOK_E_PANIC), 0, "the start failed on a fault of its own")
    })?;
    started.map_err(|why| rollbook_error_t::new(code(&why), 0, why))
}

fn code(why: &StartError) -> Code {
    Code(match why {
        StartError::DirInUse { .. } | StartError::Identity(IdentityError::DirInUse { .. }) => {
            ROLLBOOK_E_IN_USE
        }
        StartError::Identity(IdentityError::Io { .. } | IdentityError::Random(_)) => ROLLBOOK_E_IO,
        StartError::Identity(_) => ROLLBOOK_E_KEY,
        StartError::Network { .. }
        | StartError::AuthorityWithoutPeerId(_)
        | StartError::AuthorityKey(_)
        | StartError::Config(_) => ROLLBOOK_E_CONFIG,
        StartError::ForeignJournal { .. } => ROLLBOOK_E_FOREIGN,
        StartError::NoLongerAuthority { .. } => ROLLBOOK_E_NO_LONGER_AUTHORITY,
        StartError::NotAJournal { .. } => ROLLBOOK_E_DAMAGED,
        StartError::JournalTooLarge { .. } => ROLLBOOK_E_FULL,
        _ => ROLLBOOK_E_IO,
    })
}
