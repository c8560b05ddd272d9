//! Proof that the core needs neither std nor an allocator: a program that has neither.
//!
//! It has no C library and no start-up code either, so what it does not bring itself is not there:
//! a call of `malloc` would not link. It runs [the whole life of a roll](scenario) on inline
//! storage in statics, as firmware would, and ends with exit code 0 only if every step held. On
//! the way it measures what it takes, and prints that: `cargo xtask footprint` makes a page of it.

#![no_std]
#![no_main]

mod flash;
mod memory;
mod meter;
mod place;
mod scenario;
mod system;

use core::panic::PanicInfo;

use system::{exit, print_error};

/// The exit code of a step that did not hold.
const FAILED: u8 = 101;

/// Where the program begins, on the stack that the kernel gave it.
extern "C" fn main() -> ! {
    memory::assert_moves_are_seen();
    scenario::run();
    meter::print_depths();
    exit(0)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    print_error(format_args!("{info}"));
    exit(FAILED)
}
