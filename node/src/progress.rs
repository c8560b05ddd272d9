//! How far something long has come, on standard error and only on a terminal: results and logs
//! stay as they are.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What ends sooner shows nothing.
const STEADY: Duration = Duration::from_millis(250);

/// A line that is replaced as something advances, and vanishes at its end.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Shows how many of `total` things are done.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let target = match io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}, {eta} left")
            .expect("the template is well formed");
        let bar = ProgressBar::with_draw_target(Some(total), target);
        bar.set_style(style);
        bar.set_message(what);
        bar.enable_steady_tick(STEADY);
        Self(bar)
    }

    /// So many more are done.
    pub(crate) fn advance(&self, count: usize) {
        self.0.inc(count as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
