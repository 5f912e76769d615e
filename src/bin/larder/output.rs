//! What is written where: JSON to stdout, lines and progress to stderr.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;

use crate::failure::Failure;

/// Writes what `--json` promises: one value, whole or not at all.
pub(crate) fn write_json<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::Failed(format!("can't write as JSON: {error}")))?;
    Ok(writeln!(out, "{json}")?)
}

/// Writes a line to stderr. If that can't be read either, there is nobody to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// What takes longer is shown.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// How often it is shown.
const PER_SECOND: u8 = 10;

/// How far something long has come, with its rate and the time left: on terminals only.
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

    /// So many are done.
    pub(crate) fn show(&self, done: u64, total: u64) {
        if self.bar.is_hidden() && self.started.elapsed() > SHOWN_AFTER && io::stderr().is_terminal() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(PER_SECOND));
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

/// Entries a second, without a fraction.
fn write_rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    let _ = write!(out, "{:.0}", state.per_sec());
}

/// A line that is on its way is taken back, so that what is said next stands by itself.
impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
