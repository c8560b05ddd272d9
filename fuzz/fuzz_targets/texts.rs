#![no_main]
//! See `core/src/fuzzing`.

use rollbook_core::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzzing::run("texts", bytes);
});
