//! The handle of a tracker: made in the caller's memory, entered by one call at a time, ended.

use core::{
    mem::{align_of, size_of},
    ptr::{addr_of, addr_of_mut},
    sync::atomic::{AtomicU8, Ordering},
};

use rollbook_core::SnapshotPlace;

use crate::{
    args::{self, Out, read_sized},
    code::{
        Answer, Code, ROLLBOOK_E_BUSY, ROLLBOOK_E_HANDLE, ROLLBOOK_E_MEMORY, ROLLBOOK_E_NULL,
        ROLLBOOK_E_PANIC, ROLLBOOK_E_POISONED, ROLLBOOK_E_STATE,
    },
    config::rollbook_config_t,
    guard::{Told, caught, guard, number, rollbook_error_t, telling},
    journal::rollbook_recovered_t,
    keys::Keys,
    storage::Tracker,
};

/// A tracker: the roll of one node, and what it does to keep it.
///
/// A handle is used by one thread at a time, whichever it is; different handles have nothing to do
/// with each other. A call with a handle in which another call has not returned answers
/// `ROLLBOOK_E_BUSY` where the processor can tell, and does nothing.
#[allow(missing_debug_implementations, reason = "it stands for memory of another form")]
pub struct rollbook_tracker_t {
    _private: [u8; 0],
}

/// What a live handle begins with. Foreign and ended ones do not, in most cases.
const MAGIC: u32 = 0x524f_4c4c;

/// Nobody is in.
const FREE: u8 = 0;
/// A call is under way.
const ENTERED: u8 = 1;
/// A fault was caught: the tracker is not looked at any more.
const POISONED: u8 = 2;

/// What stands in the memory of a handle.
#[repr(C)]
pub(crate) struct Handle {
    magic: u32,
    state: AtomicU8,
    /// Made by `rollbook_tracker_new`, so its memory is the library's.
    is_boxed: bool,
    pub(crate) node: Node,
}

/// A tracker with what the calls of C need to know of it.
pub(crate) struct Node {
    pub(crate) tracker: Tracker,
    pub(crate) is_started: bool,
    pub(crate) recovered: rollbook_recovered_t,
    /// How far the snapshot that is under way has come.
    pub(crate) snapshot: Option<SnapshotPlace>,
}

impl Node {
    /// The tracker, before the start.
    pub(crate) fn before_start(&mut self) -> Answer<&mut Node> {
        if self.is_started { Err(Code(ROLLBOOK_E_STATE)) } else { Ok(self) }
    }

    /// The tracker, after the start.
    pub(crate) fn started(&mut self) -> Answer<&mut Tracker> {
        if self.is_started { Ok(&mut self.tracker) } else { Err(Code(ROLLBOOK_E_STATE)) }
    }
}

/// Runs the body of a function on the tracker of `handle`: one at a time, and never after a panic.
///
/// # Safety
///
/// `handle` is NULL, or points to memory that can be read and written, in which a handle is or was.
pub(crate) unsafe fn enter(
    handle: *mut rollbook_tracker_t,
    body: impl FnOnce(&mut Node) -> Answer,
) -> i32 {
    // SAFETY: the caller vouches for it.
    let handle = match unsafe { checked(handle) } {
        Ok(handle) => handle,
        Err(Code(code)) => return code,
    };
    // SAFETY: a live handle has a state, which is only reached as an atomic.
    let state = unsafe { &*addr_of!((*handle).state) };
    match begin(state) {
        FREE => {}
        POISONED => return ROLLBOOK_E_POISONED,
        _ => return ROLLBOOK_E_BUSY,
    }
    // SAFETY: the handle is live, and the state keeps everybody else out until the body ended.
    let answer = caught(|| body(unsafe { &mut (*handle).node }));
    state.store(if answer.is_some() { FREE } else { POISONED }, Ordering::Release);
    answer.map_or(ROLLBOOK_E_PANIC, number)
}

/// Takes the state from free to entered; gives what it was.
#[cfg(target_has_atomic = "8")]
fn begin(state: &AtomicU8) -> u8 {
    match state.compare_exchange(FREE, ENTERED, Ordering::Acquire, Ordering::Relaxed) {
        Ok(was) | Err(was) => was,
    }
}

/// As above on a processor that has no such instruction: a call within a call is found, one at the
/// same time may not be.
#[cfg(not(target_has_atomic = "8"))]
fn begin(state: &AtomicU8) -> u8 {
    let was = state.load(Ordering::Acquire);
    if was == FREE {
        state.store(ENTERED, Ordering::Relaxed);
    }
    was
}

/// The memory of a live handle.
///
/// # Safety
///
/// As for [`enter`].
unsafe fn checked(handle: *mut rollbook_tracker_t) -> Answer<*mut Handle> {
    let handle = handle.cast::<Handle>();
    if handle.is_null() {
        return Err(Code(ROLLBOOK_E_NULL));
    }
    // SAFETY: it is aligned where it is read, and the caller vouches that it can be.
    if !handle.is_aligned() || unsafe { addr_of!((*handle).magic).read_volatile() } != MAGIC {
        return Err(Code(ROLLBOOK_E_HANDLE));
    }
    Ok(handle)
}

/// How much memory a tracker takes, and the alignment that it needs, in bytes. In a hosted library
/// the tables are on the heap, and this is the handle alone; in a library for devices it is all
/// that the tracker ever takes.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_layout(size: *mut usize, alignment: *mut usize) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (mut size, mut alignment) = unsafe { (Out::new(size)?, Out::new(alignment)?) };
        size.put(size_of::<Handle>());
        alignment.put(align_of::<Handle>());
        Ok(())
    })
}

/// Makes a tracker in the caller's memory, which belongs to it until `rollbook_tracker_deinit`. It
/// is where the memory is: it must not be moved or copied.
///
/// Then the journal is given back by `rollbook_tracker_recover`, and `rollbook_tracker_start`
/// begins the run.
///
/// @param memory at least as much as `rollbook_tracker_layout` says, and aligned
/// @param config see `rollbook_config_t`
/// @param config_size `sizeof *config`
/// @param key_kind one of `ROLLBOOK_KEY_*`
/// @param seed 32 bytes that differ at every start and that nobody else knows
/// @param tracker takes the handle; NULL where it failed
/// @param error takes what is wrong, with the configuration above all; may be NULL
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_MEMORY`, `ROLLBOOK_E_UNSUPPORTED`,
///         `ROLLBOOK_E_CONFIG`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_KEY`, `ROLLBOOK_E_ARGUMENT`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_init(
    memory: *mut u8,
    memory_size: usize,
    config: *const rollbook_config_t,
    config_size: usize,
    key_kind: u8,
    key: *const u8,
    key_size: usize,
    seed: *const u8,
    tracker: *mut *mut rollbook_tracker_t,
    error: *mut rollbook_error_t,
) -> i32 {
    let init = |told: &mut Told| {
        // SAFETY: the caller's pointers, as described.
        unsafe {
            let mut out = Out::new(tracker)?;
            out.put(core::ptr::null_mut());
            if memory.is_null() {
                return Err(Code(ROLLBOOK_E_NULL));
            }
            let handle = memory.cast::<Handle>();
            if memory_size < size_of::<Handle>() || !handle.is_aligned() {
                return Err(Code(ROLLBOOK_E_MEMORY));
            }
            let given = Given::read((config, config_size), key_kind, (key, key_size), seed)?;
            make(handle, given, false).map_err(|failed| told.tell(failed))?;
            out.put(handle.cast());
            Ok(())
        }
    };
    // SAFETY: the caller's pointers, as described.
    unsafe { telling(error, |told| guard(|| init(told))) }
}

/// What a tracker is made of.
struct Given {
    config: rollbook_config_t,
    keys: Keys,
    seed: [u8; 32],
}

impl Given {
    /// Reads the arguments of the two functions that make a tracker.
    ///
    /// # Safety
    ///
    /// Each pointer is NULL, or valid for reading the size beside it; that of the seed for 32 bytes.
    unsafe fn read(
        config: (*const rollbook_config_t, usize),
        key_kind: u8,
        key: (*const u8, usize),
        seed: *const u8,
    ) -> Answer<Given> {
        // SAFETY: the caller vouches for it.
        unsafe {
            let config = read_sized(config.0, config.1)?;
            let keys = Keys::of(key_kind, args::bytes(key.0, key.1)?)?;
            let seed = args::bytes(seed, 32)?.try_into().expect("32 bytes were asked for");
            Ok(Given { config, keys, seed })
        }
    }
}

/// Makes a tracker in `handle`.
///
/// # Safety
///
/// `handle` is aligned and valid for writing a handle.
unsafe fn make(handle: *mut Handle, given: Given, is_boxed: bool) -> Result<(), rollbook_error_t> {
    let Given { config, keys, seed } = given;
    let checked = config.checked()?;
    // SAFETY: the caller vouches that all of it can be written. Each field is written before it
    // is read, and the magic number last, when there is a handle.
    unsafe {
        addr_of_mut!((*handle).magic).write_volatile(0);
        addr_of_mut!((*handle).state).write(AtomicU8::new(FREE));
        addr_of_mut!((*handle).is_boxed).write(is_boxed);
        let node = addr_of_mut!((*handle).node);
        write_empty(addr_of_mut!((*node).tracker));
        addr_of_mut!((*node).is_started).write(false);
        addr_of_mut!((*node).recovered).write(rollbook_recovered_t::default());
        addr_of_mut!((*node).snapshot).write(None);
        let made = (*node).tracker.init(checked, keys, seed);
        if let Err(why) = made {
            core::ptr::drop_in_place(node);
            // What the seed was made into, too.
            erase(handle);
            return Err(crate::config::refused(why));
        }
        addr_of_mut!((*handle).magic).write_volatile(MAGIC);
    }
    Ok(())
}

/// Writes a tracker without a node where it stays.
///
/// # Safety
///
/// `tracker` is aligned and valid for writing.
#[cfg(feature = "std")]
unsafe fn write_empty(tracker: *mut Tracker) {
    // SAFETY: the caller vouches for it.
    unsafe { tracker.write(Tracker::new()) }
}

/// As above, without a copy of it in between, which a small stack has no room for.
///
/// # Safety
///
/// As above.
#[cfg(not(feature = "std"))]
unsafe fn write_empty(tracker: *mut Tracker) {
    // SAFETY: the caller vouches for the memory. A tracker without a node is all zeros: the core
    // promises it (`NodeEventTracker::new`), and `tests/freestanding` looks that it is so.
    unsafe { tracker.write_bytes(0, 1) }
}

/// Ends a tracker and overwrites its memory, secrets included. The memory is the caller's again.
/// Nothing is said to anybody: that is for `rollbook_tracker_leave`.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_HANDLE`, `ROLLBOOK_E_BUSY`;
///         `ROLLBOOK_E_HANDLE` for one made by `rollbook_tracker_new` too
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_deinit(tracker: *mut rollbook_tracker_t) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe { end(tracker, false) }.map_or_else(|Code(code)| code, |_ended| 0)
}

/// Ends the tracker of `handle`, which was made by `rollbook_tracker_new` or was not.
///
/// # Safety
///
/// As for [`enter`].
unsafe fn end(handle: *mut rollbook_tracker_t, is_boxed: bool) -> Answer<*mut Handle> {
    // SAFETY: the caller vouches for it.
    let handle = unsafe { checked(handle) }?;
    // SAFETY: a live handle has a state, which is only reached as an atomic.
    let state = unsafe { &*addr_of!((*handle).state) };
    // SAFETY: it is written once, when the handle is made.
    if unsafe { addr_of!((*handle).is_boxed).read() } != is_boxed {
        return Err(Code(ROLLBOOK_E_HANDLE));
    }
    let was = begin(state);
    if was == ENTERED {
        return Err(Code(ROLLBOOK_E_BUSY));
    }
    // SAFETY: the handle is live and nobody else is in it.
    unsafe {
        addr_of_mut!((*handle).magic).write_volatile(0);
        // What a fault left behind is not touched: its memory on the heap is given up.
        if was == FREE {
            caught(|| core::ptr::drop_in_place(addr_of_mut!((*handle).node)));
        }
        erase(handle);
    }
    Ok(handle)
}

/// Overwrites the memory of a handle that has ended, or was not made.
///
/// # Safety
///
/// `handle` is aligned and valid for writing.
unsafe fn erase(handle: *mut Handle) {
    // SAFETY: the caller vouches for it.
    unsafe { handle.write_bytes(0, 1) };
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
}

/// Makes a tracker on the heap, in a hosted library; else as `rollbook_tracker_init`.
///
/// @return as `rollbook_tracker_init`; `ROLLBOOK_E_MEMORY` where there is no heap
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_new(
    config: *const rollbook_config_t,
    config_size: usize,
    key_kind: u8,
    key: *const u8,
    key_size: usize,
    seed: *const u8,
    tracker: *mut *mut rollbook_tracker_t,
    error: *mut rollbook_error_t,
) -> i32 {
    let new = |told: &mut Told| {
        // SAFETY: the caller's pointers, as described.
        unsafe {
            let mut out = Out::new(tracker)?;
            out.put(core::ptr::null_mut());
            let given = Given::read((config, config_size), key_kind, (key, key_size), seed)?;
            let handle = boxed(|memory| make(memory, given, true), told)?;
            out.put(handle.cast());
            Ok(())
        }
    };
    // SAFETY: the caller's pointers, as described.
    unsafe { telling(error, |told| guard(|| new(told))) }
}

/// A handle on the heap.
#[cfg(feature = "std")]
fn boxed(
    make: impl FnOnce(*mut Handle) -> Result<(), rollbook_error_t>,
    told: &mut Told,
) -> Answer<*mut Handle> {
    let mut memory = Box::<Handle>::new_uninit();
    make(memory.as_mut_ptr()).map_err(|failed| told.tell(failed))?;
    Ok(Box::into_raw(memory).cast())
}

#[cfg(not(feature = "std"))]
fn boxed(
    _make: impl FnOnce(*mut Handle) -> Result<(), rollbook_error_t>,
    _told: &mut Told,
) -> Answer<*mut Handle> {
    Err(Code(ROLLBOOK_E_MEMORY))
}

/// Ends a tracker that `rollbook_tracker_new` made. NULL is no error and does nothing.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_HANDLE`, `ROLLBOOK_E_BUSY`; `ROLLBOOK_E_HANDLE` for one made
///         by `rollbook_tracker_init` too
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_free(tracker: *mut rollbook_tracker_t) -> i32 {
    if tracker.is_null() {
        return 0;
    }
    // SAFETY: the caller's pointer, as described.
    match unsafe { end(tracker, true) } {
        Ok(handle) => {
            unbox(handle);
            0
        }
        Err(Code(code)) => code,
    }
}

/// Gives the memory of an ended handle back to the heap.
#[cfg(feature = "std")]
fn unbox(handle: *mut Handle) {
    // SAFETY: it was a box of this type, and what was in it has ended.
    drop(unsafe { Box::from_raw(handle.cast::<core::mem::MaybeUninit<Handle>>()) });
}

#[cfg(not(feature = "std"))]
fn unbox(_handle: *mut Handle) {}

/// Panics inside a call with this handle, for tests of what happens then.
///
/// # Safety
///
/// As for every function that takes a handle.
#[cfg(feature = "faults")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_panic(tracker: *mut rollbook_tracker_t) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe { enter(tracker, |_node| panic!("asked for by a test")) }
}

/// What `rollbook_tracker_layout` says, where the build of a device's library reads it.
#[cfg(not(any(feature = "std", test)))]
#[unsafe(no_mangle)]
#[used]
#[expect(clippy::cast_possible_truncation, reason = "a tracker of 4 GiB fits no device")]
pub static rollbook_layout: [u32; 2] = [size_of::<Handle>() as u32, align_of::<Handle>() as u32];
