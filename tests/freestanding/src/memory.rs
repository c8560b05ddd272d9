//! The functions that the compiler calls to move, fill and compare memory, which a C library would
//! bring. Those that move remember the largest size they were called with.
//!
//! They are written with string instructions, or the compiler might see what they do and call them
//! from within themselves.

use core::{
    arch::asm,
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
};

static COPIED_MAX: AtomicUsize = AtomicUsize::new(0);
static SHIFTED_MAX: AtomicUsize = AtomicUsize::new(0);

/// The largest moves of some stretch of the program, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Moves {
    /// Between two places: a value that is moved or copied.
    pub(crate) copied_max: usize,
    /// Within one: a row that makes room.
    pub(crate) shifted_max: usize,
}

/// The largest moves since this was asked last.
pub(crate) fn take_moves() -> Moves {
    Moves {
        copied_max: COPIED_MAX.swap(0, Ordering::Relaxed),
        shifted_max: SHIFTED_MAX.swap(0, Ordering::Relaxed),
    }
}

/// A value that is moved shows in the measurement, whatever the compiler made of the rest.
pub(crate) fn assert_moves_are_seen() {
    const SIZE: usize = 1025;
    let _ = take_moves();
    let value = black_box([1u8; SIZE]);
    let moved = black_box(value);
    assert_eq!(moved[SIZE - 1], 1);
    assert_eq!(take_moves().copied_max, SIZE);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    COPIED_MAX.fetch_max(size, Ordering::Relaxed);
    // SAFETY: the caller vouches that both are valid for `size` bytes and do not overlap.
    unsafe { copy_forward(to, from, size) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    SHIFTED_MAX.fetch_max(size, Ordering::Relaxed);
    if to.addr().wrapping_sub(from.addr()) >= size {
        // SAFETY: the caller vouches that both are valid for `size` bytes. `to` does not begin
        // within what is read, so going forward nothing is overwritten before it was read.
        unsafe { copy_forward(to, from, size) };
    } else {
        // SAFETY: the caller vouches that both are valid for `size` bytes. `to` begins within what
        // is read, so going backward nothing is overwritten before it was read. `size` is not 0
        // here. The flag is cleared again, as all code expects it to be.
        unsafe {
            asm!(
                "std",
                "rep movsb",
                "cld",
                inout("rcx") size => _,
                inout("rdi") to.add(size - 1) => _,
                inout("rsi") from.add(size - 1) => _,
                options(nostack),
            );
        }
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, size: usize) -> *mut u8 {
    let [byte, ..] = byte.to_le_bytes();
    // SAFETY: the caller vouches that `to` is valid for `size` bytes.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") size => _,
            inout("rdi") to => _,
            in("al") byte,
            options(nostack, preserves_flags),
        );
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, size: usize) -> i32 {
    for index in 0..size {
        // SAFETY: the caller vouches that both are valid for `size` bytes.
        let (one, other) = unsafe { (*one.add(index), *other.add(index)) };
        if one != other {
            return i32::from(one) - i32::from(other);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, size: usize) -> i32 {
    // SAFETY: the same is asked of the caller.
    unsafe { memcmp(one, other, size) }
}

/// Copies from the first byte to the last.
///
/// # Safety
///
/// Both must be valid for `size` bytes.
unsafe fn copy_forward(to: *mut u8, from: *const u8, size: usize) {
    // SAFETY: the caller vouches for both.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") size => _,
            inout("rdi") to => _,
            inout("rsi") from => _,
            options(nostack, preserves_flags),
        );
    }
}
