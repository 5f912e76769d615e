//! What a process says of its calls: which it computes, and which it waits for.
//!
//! A process with a call that takes longer than a second has a file `<root>/running/<host>-<pid>-<…>.json`, written each
//! second by the background thread. Those who wait for its calls read there how they get on; people read who it is. A
//! short call costs nothing. The file is locked as long as the process lives, and goes when it has no such call any
//! more; readers remove the file of a process that is gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::key::Key;
use crate::observe::stats::nanoseconds;
use crate::single_flight::progress_probe::{Pace, ProcessWatch};
use crate::single_flight::{Flight, Flights, locked, wait_graph};
use crate::sys::atomic_file::create_private_folder;
use crate::sys::file;
use crate::sys::file::{open_to_change, read_now, write_all_at};
use crate::sys::file_id::Known;
use crate::sys::fork::held::LockFile;
use crate::sys::fork::once::Once;
use crate::sys::lock::whole_file;
use crate::text::json::{seconds, seconds_since_1970};

/// Calls that take no longer are not worth a word.
const LONG: Duration = Duration::from_secs(1);

const SUFFIX: &str = ".json";

/// No report is longer; what would be is cut at so many calls.
const LARGEST: u64 = 4 << 20;
const MOST_CALLS: usize = 1_000;

/// A process that computes calls of a cache for more than a second, or waits for another one that does:
/// [`Cache::processes`](crate::Cache::processes) gives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Process {
    /// Its number there.
    pub pid: u32,
    /// The name of the machine, or of the container.
    pub host: String,
    /// The name of the program's file.
    pub program: String,
    /// How long ago it was last heard of. It says each second that it is there, unless it was stopped. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub silent: Duration,
    /// The calls that it computes.
    pub computing: Vec<RunningCall>,
    /// The calls that it waits for another process to compute.
    pub waiting: Vec<RunningCall>,
}

/// A call that is computed or waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunningCall {
    /// The call's key.
    pub key: Key,
    /// The function's name.
    pub function: String,
    /// Since when, by that machine's clock. As JSON: seconds since 1970.
    #[serde(serialize_with = "seconds_since_1970")]
    pub since: SystemTime,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) pid: u32,
    pub(super) host: String,
    #[serde(default)]
    program: String,
    /// Another number each second.
    pub(super) beat: u64,
    /// Another number with each second in which the process used a processor.
    pub(super) busy: u64,
    pub(super) computing: Vec<Told>,
    pub(super) waiting: Vec<Told>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) key: Key,
    function: String,
    /// Nanoseconds since 1970.
    since: u64,
    /// Another number with each second in which the call itself got on.
    #[serde(default)]
    pub(super) beat: u64,
    /// Another number with each second in which it used a processor.
    #[serde(default)]
    pub(super) work: u64,
    /// The calls without which it does not go on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) waits_for: Vec<Key>,
}

/// What this process says.
#[derive(Default)]
pub(super) struct Own {
    file: Option<(PathBuf, Known<LockFile>)>,
    beat: u64,
    busy: u64,
    process: Option<ProcessWatch>,
}

impl Own {
    /// There is nothing more to say.
    fn withdraw(&mut self) {
        self.process = None;
        if let Some((path, file)) = self.file.take() {
            // While it is locked, so that it is this one.
            let _ = fs::remove_file(path);
            drop(file);
        }
    }

    pub(super) fn name(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl Flights {
    /// Says what this process computes, each second: whether it computes anything.
    pub(crate) fn report(&self) -> bool {
        let running: Vec<Arc<Flight>> = locked(&self.running).values().cloned().collect();
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
            if state.is_queueing {
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

    /// Says no more.
    pub(crate) fn stop_reporting(&self) {
        locked(&self.report).withdraw();
    }
}

impl Flight {
    fn told(&self, (beat, work): (u64, u64), waits_for: Vec<Key>) -> Told {
        let since = nanoseconds(self.since.duration_since(UNIX_EPOCH).unwrap_or_default());
        Told { key: self.key, function: self.function.to_string(), since, beat, work, waits_for }
    }
}

impl Own {
    fn write(&mut self, root: &Path, report: &Report) -> Result<()> {
        let failed = |error, path: &Path| Error::io(error, "can't write").at(path);
        let text = serde_json::to_vec(report).map_err(|e| failed(e.into(), root))?;
        // Somebody may have removed it.
        if self.file.as_ref().is_some_and(|(path, file)| file.at(path).is_none()) {
            self.file = None;
        }
        if self.file.is_none() {
            let folder = folder(root);
            create_private_folder(&folder)?;
            let now = nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
            // The time tells processes of containers apart that have one name and number.
            let path = folder.join(format!("{}-{}-{now:x}{SUFFIX}", host(), report.pid));
            let file = LockFile::open(|| open_to_change(&path)).map_err(|e| failed(e, &path))?;
            // Windows lets nobody read what is locked.
            if cfg!(unix) {
                let _ = whole_file::try_exclusive(&file);
            }
            self.file = Some((path, Known::new(file)));
        }
        let Some((path, file)) = &self.file else { return Ok(()) };
        // Who reads in between may find neither this text nor the last one, and keeps to what he knows.
        write_all_at(file, &text, 0).and_then(|()| file.set_len(text.len() as u64)).map_err(|e| failed(e, path))
    }
}

fn folder(root: &Path) -> PathBuf {
    root.join("running")
}

/// The reports of all processes, with their files.
pub(super) fn read_all(root: &Path) -> Vec<(PathBuf, Report)> {
    let files = fs::read_dir(folder(root)).into_iter().flatten().flatten();
    let paths = files.map(|file| file.path()).filter(|path| is_report(path));
    paths.filter_map(|path| Some((read(&path)?, path)).map(|(report, path)| (path, report))).collect()
}

/// Removes the reports of processes that are gone.
pub(crate) fn collect_litter(root: &Path) {
    read_all(root);
}

/// Whether a file has the name of a report.
pub(crate) fn is_report(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SUFFIX));
    let mut parts = name.into_iter().flat_map(|name| name.rsplit('-'));
    let is_hex = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_hexdigit());
    parts.next().is_some_and(is_hex) && parts.next().is_some_and(|pid| pid.parse::<u32>().is_ok())
}

fn read(path: &Path) -> Option<Report> {
    let report = serde_json::from_slice(&read_now(path, LARGEST).ok()?).ok()?;
    // Its process is gone.
    if cfg!(unix) && file::open_now(path).is_ok_and(|file| whole_file::try_exclusive(&file).unwrap_or(false)) {
        let _ = fs::remove_file(path);
        return None;
    }
    Some(report)
}

impl Process {
    /// Those with a cache in this folder.
    ///
    /// # Errors
    /// What the file system reports, but for a folder that is not there.
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
                    computing: report.computing.into_iter().map(Told::call).collect(),
                    waiting: report.waiting.into_iter().map(Told::call).collect(),
                }
            })
            .collect();
        processes.sort_by(|a, b| (&a.host, a.pid).cmp(&(&b.host, b.pid)));
        Ok(processes)
    }
}

impl Told {
    pub(super) fn since(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.since)
    }

    fn call(self) -> RunningCall {
        let since = self.since();
        RunningCall { key: self.key, function: self.function, since }
    }
}

/// The name of this machine, of letters that file names may have.
fn host() -> &'static str {
    static HOST: Once<String> = Once::new();
    HOST.get_or_init(|| {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let name = name.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
        let is_fit = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
        let name: String = name.unwrap_or_default().trim().chars().filter(is_fit).take(64).collect();
        if name.is_empty() { "localhost".to_owned() } else { name }
    })
}

fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_reports_are_reports() {
        for name in ["host-12-1f.json", "a-b-12-0.json"] {
            assert!(is_report(Path::new(name)), "{name}");
        }
        for name in ["mine.json", "host-12.json", "host-x-1f.json", "host-12-1f.txt", "-.json", ""] {
            assert!(!is_report(Path::new(name)), "{name}");
        }
    }
}
