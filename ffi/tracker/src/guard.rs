//! The boundary around every function: what goes wrong inside becomes a code.

use core::ffi::c_char;

use crate::{
    args::Out,
    code::{Answer, Code, ROLLBOOK_OK, text_of},
};

/// What is wrong with something that a person wrote: a configuration, a text, an address. Filled in
/// where a function takes one and fails, whatever it fails on.
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

impl From<Code> for rollbook_error_t {
    /// An error of which no more is known than its code.
    fn from(code: Code) -> rollbook_error_t {
        rollbook_error_t::new(code, 0, text_of(code.0).to_str().unwrap_or_default())
    }
}

/// Where a function tells what is wrong, if that is wanted.
pub(crate) struct Told {
    out: Option<Out<rollbook_error_t>>,
    is_told: bool,
}

impl Told {
    /// Tells it; gives its code.
    pub(crate) fn tell(&mut self, failed: rollbook_error_t) -> Code {
        if let Some(out) = &mut self.out {
            out.put(failed);
        }
        self.is_told = true;
        Code(failed.code)
    }
}

/// Runs a function that tells what is wrong at `error`: more than its code where it knows more.
///
/// # Safety
///
/// `error` is NULL or valid for writing.
pub(crate) unsafe fn telling(
    error: *mut rollbook_error_t,
    function: impl FnOnce(&mut Told) -> i32,
) -> i32 {
    // SAFETY: the caller vouches for it.
    let mut told = match unsafe { Out::wanted(error) } {
        Ok(out) => Told { out, is_told: false },
        Err(Code(code)) => return code,
    };
    let answer = function(&mut told);
    if answer < 0 && !told.is_told {
        told.tell(Code(answer).into());
    }
    answer
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
