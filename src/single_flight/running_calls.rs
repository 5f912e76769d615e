//! The calls that processes have been computing for more than a second.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::observe::stats::nanoseconds;
use crate::single_flight::flight::InFlight;
use crate::single_flight::progress_probe::{Pace, ProcessWatch};
use crate::single_flight::report_file::{Report, ReportedCall, folder, host, read_all};
use crate::single_flight::table::InFlightTable;
use crate::single_flight::wait_graph;
use crate::sys::locked::locked;
use crate::text::json::{seconds, seconds_since_1970};

/// Minimum duration of a call that is reported.
const LONG: Duration = Duration::from_secs(1);

/// Maximum number of calls in a report.
const MOST_CALLS: usize = 1_000;

/// A process that has been computing calls of a cache for more than a second, or waits for another one that has.
/// [`Cache::processes`](crate::Cache::processes) returns them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Process {
    /// Process id, on its host.
    pub pid: u32,
    /// Name of the machine or container.
    pub host: String,
    /// File name of the program.
    pub program: String,
    /// Time since its last report. A process reports each second, unless it was stopped. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub silent: Duration,
    /// The calls that it computes.
    pub computing: Vec<RunningCall>,
    /// The calls for which it waits until another process has computed them.
    pub waiting: Vec<RunningCall>,
}

/// A call that is being computed or waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunningCall {
    /// The call's key.
    pub key: Key,
    /// The function's name.
    pub function: String,
    /// When it began, by the clock of its machine. As JSON: seconds since 1970.
    #[serde(serialize_with = "seconds_since_1970")]
    pub since: SystemTime,
}

impl InFlightTable {
    /// Reports the long calls of this process; called each second. Returns whether the process computes any call.
    pub(crate) fn report(&self) -> bool {
        let running: Vec<Arc<InFlight>> = locked(&self.running).values().cloned().collect();
        let is_any = !running.is_empty();
        let long: Vec<_> =
            running.into_iter().filter(|flight| flight.began.elapsed() >= LONG).take(MOST_CALLS).collect();
        let mut own = locked(&self.report);
        if long.is_empty() {
            own.withdraw();
            return is_any;
        }
        own.beat += 1;
        let is_busy = own.process.get_or_insert_with(ProcessWatch::new).is_busy();
        own.busy += u64::from(is_busy);
        let (mut computing, mut waiting) = (Vec::new(), Vec::new());
        for flight in long {
            let waits_for = wait_graph::waits_for(&flight);
            let mut state = locked(&flight.state);
            if state.waits_for_process {
                waiting.push(flight.told((0, 0), Vec::new()));
                continue;
            }
            if waits_for.is_empty() {
                let mut told = std::mem::take(&mut state.told);
                drop(state);
                let pace = flight.pace(&mut told);
                state = locked(&flight.state);
                state.told = told;
                state.beat += u64::from(pace > Pace::Still);
                state.work += u64::from(pace == Pace::Works);
            }
            computing.push(flight.told((state.beat, state.work), waits_for));
        }
        let (host, program) = (host().to_owned(), program());
        let report =
            Report { pid: std::process::id(), host, program, beat: own.beat, busy: own.busy, computing, waiting };
        if let Err(error) = own.write(&self.path, &report) {
            tracing::debug!(%error, "can't tell others what is computed here: they don't wait long for it");
        }
        is_any
    }

    /// Removes the report.
    pub(crate) fn stop_reporting(&self) {
        locked(&self.report).withdraw();
    }
}

impl InFlight {
    fn told(&self, (beat, work): (u64, u64), waits_for: Vec<Key>) -> ReportedCall {
        let since = nanoseconds(self.since.duration_since(UNIX_EPOCH).unwrap_or_default());
        ReportedCall { key: self.key, function: self.function.to_string(), since, beat, work, waits_for }
    }
}

impl Process {
    /// Returns the processes that use the cache in this folder.
    ///
    /// # Errors
    /// The error of the file system. A missing folder is not an error.
    pub(crate) fn all(root: &Path) -> Result<Vec<Process>> {
        match fs::read_dir(folder(root)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(error, "can't read the folder").at(folder(root)));
            }
            _ => {}
        }
        let mut processes: Vec<Process> = read_all(root)
            .into_iter()
            .map(|(path, report)| {
                let written = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
                Process {
                    pid: report.pid,
                    host: report.host,
                    program: report.program,
                    silent: written.and_then(|time| time.elapsed().ok()).unwrap_or_default(),
                    computing: report.computing.into_iter().map(ReportedCall::call).collect(),
                    waiting: report.waiting.into_iter().map(ReportedCall::call).collect(),
                }
            })
            .collect();
        processes.sort_by(|a, b| (&a.host, a.pid).cmp(&(&b.host, b.pid)));
        Ok(processes)
    }
}

impl ReportedCall {
    fn call(self) -> RunningCall {
        let since = self.since();
        RunningCall { key: self.key, function: self.function, since }
    }
}

fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
