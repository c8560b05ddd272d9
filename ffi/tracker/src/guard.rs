//! The boundary around every function: what goes wrong inside becomes a code.

use core::ffi::c_char;

use crate::code::{Answer, Code, ROLLBOOK_OK};

/// What is wrong with something that a person wrote: a configuration, a text, an address. Filled in
/// where a function takes one and fails.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_error_t {
    /// The code that the function answered.
    pub code: i32,
    /// Where in the input, in bytes from its beginning, where that is known.
    pub offset: u32,
    /// A sentence, ended by a zero.
    pub message: [c_char; 112],
}

impl rollbook_error_t {
    /// An error of a code with as much of its sentence as there is room for.
    pub fn new(code: Code, offset: u32, message: impl core::fmt::Display) -> rollbook_error_t {
        use core::fmt::Write as _;
        let mut text = Text { bytes: [0; 112], used: 0 };
        // A sentence that is cut is still better than none.
        let _ = write!(text, "{message}");
        let message = text.bytes.map(|byte| c_char::from_ne_bytes([byte]));
        rollbook_error_t { code: code.0, offset, message }
    }
}

/// Takes what fits before a last zero.
struct Text {
    bytes: [u8; 112],
    used: usize,
}

impl core::fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.bytes.len() - 1 - self.used;
        let mut size = text.len().min(room);
        while !text.is_char_boundary(size) {
            size -= 1;
        }
        self.bytes[self.used..self.used + size].copy_from_slice(&text.as_bytes()[..size]);
        self.used += size;
        if size < text.len() { Err(core::fmt::Error) } else { Ok(()) }
    }
}

/// Runs the body of a function that has no handle.
pub fn guard(body: impl FnOnce() -> Answer) -> i32 {
    match caught(body) {
        Some(answer) => number(answer),
        None => crate::code::ROLLBOOK_E_PANIC,
    }
}

/// The number of an answer.
pub fn number(answer: Answer) -> i32 {
    match answer {
        Ok(()) => ROLLBOOK_OK,
        Err(Code(code)) => code,
    }
}

/// What `body` gives; nothing if it panicked.
#[cfg(any(feature = "std", test))]
pub fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    // Whatever a panic leaves behind half done is not looked at again: its handle is poisoned.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).ok()
}

/// What `body` gives: here a panic does not return.
#[cfg(not(any(feature = "std", test)))]
pub fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    Some(body())
}
