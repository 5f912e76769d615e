//! Prints a line for each call that is computed, if the variable `LARDER_VERBOSE` is set. It needs no `tracing`
//! subscriber.

use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::settings;
use crate::single_flight::holder::Holder;
use crate::sys::fork::once::Lazy;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;
use crate::sys::stderr::print_line;
use crate::text::cut::cut_fairly;
use crate::text::humanize::{count, duration, size};

/// Characters of the arguments in a line.
const ARGUMENTS_WIDTH: usize = 120;

/// A call that runs this long is printed while it runs.
const LONG: Duration = Duration::from_secs(10);

/// Longest time between two lines about one running call.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Maximum number of running calls that are printed at a time.
const MOST_PRINTED: usize = 8;

static LEVEL: Lazy<u8> = Lazy::new(|| settings::VERBOSE.get().unwrap_or(0));

/// The calls that this process computes.
static RUNNING: PerProcess<Mutex<Vec<Running>>> = PerProcess::new();

struct Running {
    call: Arc<str>,
    began: Instant,
    /// How long the call has run when it is printed next.
    due: Duration,
}

/// Returns whether computed calls are printed.
pub(crate) fn is_on() -> bool {
    *LEVEL > 0
}

/// Returns whether hits are printed too.
#[inline]
pub(crate) fn prints_hits() -> bool {
    *LEVEL > 1
}

/// A call whose function runs.
pub(crate) struct PrintedCall {
    call: Arc<str>,
    began: Instant,
    has_ended: bool,
}

impl PrintedCall {
    /// Records a call that begins to run; `arguments` are their previews.
    pub(crate) fn begin(function: &str, arguments: Vec<String>) -> PrintedCall {
        let (call, began): (Arc<str>, _) = (call(function, arguments).into(), Instant::now());
        locked(RUNNING.get()).push(Running { call: call.clone(), began, due: LONG });
        PrintedCall { call, began, has_ended: false }
    }

    /// Prints that the call was computed, what became of its result, and why it was computed.
    pub(crate) fn computed(mut self, took: Duration, result: &str, why: &dyn Display) {
        self.has_ended = true;
        print_line(&format!("larder: computed {} in {}{result}; why: {why}", self.call, duration(took)));
    }
}

impl Drop for PrintedCall {
    fn drop(&mut self) {
        let mut running = locked(RUNNING.get());
        // Usually the call that began last ends first.
        if let Some(index) = running.iter().rposition(|running| Arc::ptr_eq(&running.call, &self.call)) {
            running.remove(index);
        }
        drop(running);
        if !self.has_ended {
            let ran = duration(self.began.elapsed());
            let why = "it panicked, or its future was dropped";
            print_line(&format!("larder: {} ended without a result after {ran}: {why}", self.call));
        }
    }
}

impl Running {
    /// Returns how long the call has run if that must be printed now.
    fn due_now(&mut self, now: Instant) -> Option<Duration> {
        let ran = now.saturating_duration_since(self.began);
        if ran < self.due {
            return None;
        }
        self.due = ran + (ran / 2).clamp(LONG, LONGEST_PAUSE);
        Some(ran)
    }
}

/// Prints the calls that have been running for long. Returns whether any call runs.
pub(crate) fn print_running() -> bool {
    if !is_on() {
        return false;
    }
    let now = Instant::now();
    let mut running = locked(RUNNING.get());
    let is_any = !running.is_empty();
    let due: Vec<_> = running.iter_mut().filter_map(|one| Some((one.due_now(now)?, one.call.clone()))).collect();
    // Printing may block, so no lock may be held.
    drop(running);
    for (ran, call) in due.iter().take(MOST_PRINTED) {
        print_line(&format!("larder: still computes {call}, for {}", duration(*ran)));
    }
    if let Some(more) = due.len().checked_sub(MOST_PRINTED).filter(|more| *more > 0) {
        print_line(&format!("larder: still computes {} more", count(more as u64, "call", "calls")));
    }
    is_any
}

/// Prints that a result was loaded. `entry` is the size and the age of the stored result, and `saved` is how long it took
/// to compute.
pub(crate) fn print_hit(
    function: &str,
    arguments: Vec<String>,
    place: &str,
    entry: Option<(u64, Duration)>,
    saved: Duration,
) {
    let (call, saved) = (call(function, arguments), duration(saved));
    let stored = match entry {
        Some((bytes, age)) => format!("{}, computed {} ago", size(bytes), duration(age)),
        None => "computed".to_owned(),
    };
    print_line(&format!("larder: loaded {call} from {place}, {stored} in {saved}"));
}

/// Prints that a call waits for the same one, which is computed already.
pub(crate) fn print_wait(function: &str, arguments: Vec<String>, holder: &Holder, waited: Duration) {
    let (call, waited) = (call(function, arguments), duration(waited));
    print_line(&format!("larder: {call} has waited {waited} for the same call, computed by {holder}"));
}

fn call(function: &str, arguments: Vec<String>) -> String {
    format!("{function}({})", cut_fairly(arguments, ARGUMENTS_WIDTH).join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_call_is_printed_less_and_less_often() {
        let began = Instant::now();
        let mut running = Running { call: "f()".into(), began, due: LONG };
        let is_due = |second: &u64| running.due_now(began + Duration::from_secs(*second)).is_some();
        let printed: Vec<_> = (0..4000).filter(is_due).collect();
        assert_eq!(printed[..7], [10, 20, 30, 45, 68, 102, 153]);
        assert!(printed.windows(2).all(|two| two[1] - two[0] <= 600) && printed.len() < 20, "{printed:?}");
    }
}
