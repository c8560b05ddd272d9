//! Another library with Rust in it, such as a program may have already.

/// Allocates, and catches a panic of its own.
#[unsafe(no_mangle)]
pub extern "C" fn other_answer() -> i32 {
    let caught = std::panic::catch_unwind(|| {
        let numbers: Vec<i32> = (0..10).collect();
        if numbers.len() > 5 {
            std::panic::resume_unwind(Box::new("an answer"));
        }
    });
    i32::from(caught.is_err())
}
