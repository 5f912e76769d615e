//! Progress of long operations.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Only operations that take longer show their progress.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// Redraws per second.
const PER_SECOND: u8 = 10;

/// A progress bar with rate and time left. It appears on terminals only, and disappears when it is dropped, so that the
/// next message has its own line.
pub(crate) struct Bar {
    bar: ProgressBar,
    started: Instant,
}

impl Bar {
    pub(crate) fn new(doing: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_message(doing);
        let style = "{msg} {bar:30} {human_pos} of {human_len}, {rate}/s, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.with_key("rate", write_rate));
        }
        Bar { bar, started: Instant::now() }
    }

    /// Sets how many steps are done, of how many.
    pub(crate) fn set(&self, done: u64, total: u64) {
        if self.bar.is_hidden() && self.started.elapsed() > SHOWN_AFTER && io::stderr().is_terminal() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(PER_SECOND));
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

/// Writes the rate without a fraction.
fn write_rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    let _ = write!(out, "{:.0}", state.per_sec());
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
