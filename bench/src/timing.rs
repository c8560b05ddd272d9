//! How long something takes: the best of several runs, since all that disturbs makes it longer.
#![allow(clippy::disallowed_methods, reason = "measuring time is what it is for")]

use std::time::{Duration, Instant};

/// The best of `runs` runs of `work` on what `prepare` made, which is not counted.
pub(crate) fn best_of<T, R>(
    runs: u32,
    mut prepare: impl FnMut() -> T,
    mut work: impl FnMut(&mut T) -> R,
) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..runs {
        let mut prepared = prepare();
        let start = Instant::now();
        let result = std::hint::black_box(work(&mut prepared));
        best = best.min(start.elapsed());
        // Giving back what was made is not counted.
        drop(result);
    }
    best
}

/// The best of `runs` runs of each of these, in turn, so that all of them meet the same machine.
pub(crate) fn best_of_each<const N: usize>(
    runs: u32,
    mut works: [&mut dyn FnMut() -> Box<dyn std::any::Any>; N],
) -> [Duration; N] {
    let mut best = [Duration::MAX; N];
    for _ in 0..runs {
        for (work, best) in works.iter_mut().zip(&mut best) {
            let start = Instant::now();
            let result = work();
            *best = (*best).min(start.elapsed());
            drop(result);
        }
    }
    best
}

/// A clock that runs only while it is let.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch(Duration);

impl Stopwatch {
    pub(crate) fn run<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = work();
        self.0 += start.elapsed();
        result
    }

    /// Adds what another clock counted.
    pub(crate) fn add(&mut self, other: &Stopwatch) {
        self.0 += other.0;
    }

    pub(crate) fn total(&self) -> Duration {
        self.0
    }
}

/// Nanoseconds for each of `count`.
pub(crate) fn each_ns(total: Duration, count: usize) -> f64 {
    total.as_secs_f64() * 1e9 / count as f64
}
