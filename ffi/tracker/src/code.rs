//! What every function answers: a number that means the same in every version, and its text.

use core::ffi::{CStr, c_char};

/// It worked.
pub const ROLLBOOK_OK: i32 = 0;
/// It worked, and there is nothing: no output waits, no such node, the end of a list.
pub const ROLLBOOK_NOTHING: i32 = 1;
/// A pointer is NULL that may not be.
pub const ROLLBOOK_E_NULL: i32 = -1;
/// The handle is none of this library's: never initialised, ended, or something else.
pub const ROLLBOOK_E_HANDLE: i32 = -2;
/// An earlier call failed on a fault of this library. The handle can only be ended.
pub const ROLLBOOK_E_POISONED: i32 = -3;
/// A fault of this library was caught. The handle is poisoned now.
pub const ROLLBOOK_E_PANIC: i32 = -4;
/// The buffer is too small; the size that suffices was written, and nothing else happened.
pub const ROLLBOOK_E_BUFSIZE: i32 = -5;
/// The memory is too small or not aligned, or there is none.
pub const ROLLBOOK_E_MEMORY: i32 = -6;
/// A structure is of a size, or asks for something, that this version does not know.
pub const ROLLBOOK_E_UNSUPPORTED: i32 = -7;
/// Not now: the call belongs before or after the start.
pub const ROLLBOOK_E_STATE: i32 = -8;
/// A value is out of its range.
pub const ROLLBOOK_E_ARGUMENT: i32 = -9;
/// A text is not UTF-8.
pub const ROLLBOOK_E_UTF8: i32 = -10;
/// The configuration cannot be used.
pub const ROLLBOOK_E_CONFIG: i32 = -11;
/// It is no peer id.
pub const ROLLBOOK_E_PEER_ID: i32 = -12;
/// It is no key, or of a kind that is not supported, or weak.
pub const ROLLBOOK_E_KEY: i32 = -13;
/// The journal is of a format that this version cannot read.
pub const ROLLBOOK_E_FORMAT: i32 = -14;
/// The journal is another node's, or of another network.
pub const ROLLBOOK_E_FOREIGN: i32 = -15;
/// There is no room.
pub const ROLLBOOK_E_FULL: i32 = -16;
/// This node is not one of its configured authorities.
pub const ROLLBOOK_E_NOT_AUTHORITY: i32 = -17;
/// This authority signs nothing until it has back what it said before.
pub const ROLLBOOK_E_RECOVERING: i32 = -18;
/// There is no such node in the roll.
pub const ROLLBOOK_E_UNKNOWN_NODE: i32 = -19;
/// The node is not admitted.
pub const ROLLBOOK_E_NOT_ADMITTED: i32 = -20;
/// The signature does not count.
pub const ROLLBOOK_E_SIGNATURE: i32 = -21;
/// The bytes are not what they should be: cut short, over a bound, or of another format.
pub const ROLLBOOK_E_MALFORMED: i32 = -22;
/// Reading or writing a file, or the network, failed.
pub const ROLLBOOK_E_IO: i32 = -23;
/// The node has stopped.
pub const ROLLBOOK_E_CLOSED: i32 = -24;
/// It did not happen in time.
pub const ROLLBOOK_E_TIMEOUT: i32 = -25;
/// Another call with this handle has not returned: a handle is used by one thread at a time.
pub const ROLLBOOK_E_BUSY: i32 = -26;
/// What the command would do is not done to an authority.
pub const ROLLBOOK_E_IS_AUTHORITY: i32 = -27;
/// This node issued statements as an authority, and is listed as none, not even as retired.
pub const ROLLBOOK_E_NO_LONGER_AUTHORITY: i32 = -28;
/// A replica that does not hold every node cannot be an authority.
pub const ROLLBOOK_E_PARTIAL: i32 = -29;
/// A part of the journal is lost, and the node has to start anew with this list.
pub const ROLLBOOK_E_DAMAGED: i32 = -30;
/// The data directory is in use by another process.
pub const ROLLBOOK_E_IN_USE: i32 = -31;

/// Every code with its text.
const TEXTS: [(i32, &CStr); 33] = [
    (ROLLBOOK_OK, c"ok"),
    (ROLLBOOK_NOTHING, c"nothing there"),
    (ROLLBOOK_E_NULL, c"a pointer is NULL that may not be"),
    (ROLLBOOK_E_HANDLE, c"the handle is not one of this library's, or was ended"),
    (ROLLBOOK_E_POISONED, c"an earlier call failed on a fault of the library: end the handle"),
    (ROLLBOOK_E_PANIC, c"a fault of the library was caught: the handle can only be ended"),
    (ROLLBOOK_E_BUFSIZE, c"the buffer is too small"),
    (ROLLBOOK_E_MEMORY, c"the memory is too small, not aligned, or there is none"),
    (ROLLBOOK_E_UNSUPPORTED, c"this version does not know what is asked for"),
    (ROLLBOOK_E_STATE, c"not before, or not after, the start"),
    (ROLLBOOK_E_ARGUMENT, c"a value is out of its range"),
    (ROLLBOOK_E_UTF8, c"the text is not UTF-8"),
    (ROLLBOOK_E_CONFIG, c"the configuration cannot be used"),
    (ROLLBOOK_E_PEER_ID, c"not a peer id"),
    (ROLLBOOK_E_KEY, c"not a key, of a kind that is not supported, or weak"),
    (ROLLBOOK_E_FORMAT, c"the journal is of a format that this version cannot read"),
    (ROLLBOOK_E_FOREIGN, c"the journal is another node's, or of another network"),
    (ROLLBOOK_E_FULL, c"there is no room"),
    (ROLLBOOK_E_NOT_AUTHORITY, c"this node is not an authority of its network"),
    (ROLLBOOK_E_RECOVERING, c"this authority waits until others gave back what it said"),
    (ROLLBOOK_E_UNKNOWN_NODE, c"no such node in the roll"),
    (ROLLBOOK_E_NOT_ADMITTED, c"the node is not admitted: admit it first"),
    (ROLLBOOK_E_SIGNATURE, c"the signature is not valid"),
    (ROLLBOOK_E_MALFORMED, c"malformed bytes"),
    (ROLLBOOK_E_IO, c"a file or the network failed"),
    (ROLLBOOK_E_CLOSED, c"the node has stopped"),
    (ROLLBOOK_E_TIMEOUT, c"it did not happen in time"),
    (ROLLBOOK_E_BUSY, c"another call with this handle has not returned"),
    (ROLLBOOK_E_IS_AUTHORITY, c"this is not done to an authority"),
    (
        ROLLBOOK_E_NO_LONGER_AUTHORITY,
        c"this node issued statements as an authority: list it, at least as retired",
    ),
    (ROLLBOOK_E_PARTIAL, c"a replica that does not hold every node cannot be an authority"),
    (ROLLBOOK_E_DAMAGED, c"a part of the journal is lost: start the node anew with this list"),
    (ROLLBOOK_E_IN_USE, c"the data directory is in use by another process"),
];

/// What a function answers instead of `ROLLBOOK_OK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub i32);

/// How the body of a function ends.
pub type Answer<T = ()> = Result<T, Code>;

/// The text of `code`, for people. Never NULL; the text is static.
#[unsafe(no_mangle)]
pub extern "C" fn rollbook_strerror(code: i32) -> *const c_char {
    text_of(code).as_ptr()
}

/// The same, for those who know sizes.
pub(crate) fn text_of(code: i32) -> &'static CStr {
    let known = TEXTS.iter().find(|(listed, _)| *listed == code);
    known.map_or(c"unknown code", |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_stands_for_one_thing() {
        let codes: BTreeSet<i32> = TEXTS.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.len(), TEXTS.len());
        let texts: BTreeSet<&CStr> = TEXTS.iter().map(|(_, text)| *text).collect();
        assert_eq!(texts.len(), TEXTS.len());
        // Without a gap, so that the next one is told at a glance.
        assert!(codes.into_iter().eq(-31..=1));
    }
}
