//! The start of the program and the two calls of the kernel that it makes.

use core::{
    arch::{asm, naked_asm},
    fmt::{self, Write},
};

const SYS_WRITE: usize = 1;
const SYS_EXIT_GROUP: usize = 231;

/// Where the kernel enters the program.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    // The outermost frame has no caller; a function expects the stack to be aligned to 16 bytes.
    naked_asm!("xor ebp, ebp", "and rsp, -16", "call {main}", "ud2", main = sym crate::main)
}

/// Writes a line to standard output.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    writeln!(Descriptor(1), "{line}").expect("standard output is open");
}

/// Writes a line to standard error, if that is possible.
pub(crate) fn print_error(line: fmt::Arguments<'_>) {
    let _ = writeln!(Descriptor(2), "{line}");
}

/// A file that is open from the start.
struct Descriptor(usize);

impl Write for Descriptor {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let written = write(self.0, rest);
            let written = usize::try_from(written).map_err(|_an_error_code| fmt::Error)?;
            rest = rest.get(written..).filter(|_| written > 0).ok_or(fmt::Error)?;
        }
        Ok(())
    }
}

/// Says how many of the bytes were written, or gives a negative error code.
fn write(descriptor: usize, bytes: &[u8]) -> isize {
    let written;
    // SAFETY: the kernel reads `bytes`, which are valid for their length, and changes nothing but
    // the registers named here.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") SYS_WRITE => written,
            in("rdi") descriptor,
            in("rsi") bytes.as_ptr(),
            in("rdx") bytes.len(),
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, readonly),
        );
    }
    written
}

/// Ends the program.
pub(crate) fn exit(code: u8) -> ! {
    // SAFETY: the kernel does not come back from this call.
    unsafe {
        asm!(
            "syscall",
            in("rax") SYS_EXIT_GROUP,
            in("rdi") usize::from(code),
            options(noreturn, nostack),
        )
    }
}
