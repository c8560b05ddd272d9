//! Which library this is.

use core::ffi::c_char;

/// The version of the ABI that this header describes. The library says by
/// `rollbook_abi_version` which one it has: it works with a program of the same number, and with
/// one of the same upper 16 bits whose lower 16 bits are not greater.
pub const ROLLBOOK_ABI_VERSION: u32 = 0x0001_0000;

/// The version of the ABI that the library has. See `ROLLBOOK_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn rollbook_abi_version() -> u32 {
    ROLLBOOK_ABI_VERSION
}

/// The version of the library, as text. Never NULL; the text is static.
#[unsafe(no_mangle)]
pub extern "C" fn rollbook_version() -> *const c_char {
    const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    TEXT.as_ptr().cast()
}
