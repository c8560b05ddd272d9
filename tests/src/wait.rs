//! Waiting for a condition, and saying what the state was when it never came.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// Far longer than anything here takes, even on a busy machine: it only turns a hang into a
/// failure.
pub const PATIENCE: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Tries until `attempt` succeeds, and returns what it found.
///
/// # Panics
/// After [`PATIENCE`], with what the last attempt said.
#[track_caller]
pub fn eventually<T, E: Display>(what: &str, mut attempt: impl FnMut() -> Result<T, E>) -> T {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(found) => return found,
            Err(state) if start.elapsed() >= PATIENCE => {
                panic!("not within {} s: {what}; at last: {state}", PATIENCE.as_secs());
            }
            Err(_) => thread::sleep(POLL_INTERVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_comes_true_is_awaited() {
        let mut attempts = 0;
        let found = eventually("the third attempt", || {
            attempts += 1;
            if attempts < 3 { Err(format!("attempt {attempts}")) } else { Ok(attempts) }
        });
        assert_eq!(found, 3);
    }
}
