//! Report files: each process tells the others which calls it computes and which it waits for.
//!
//! A process with a call that takes longer than a second has a file `<root>/running/<host>-<pid>-<…>.json`. The
//! engine's background thread writes it each second. Waiters in other processes read in it whether the call makes
//! progress; users see who computes it. Short calls cost nothing. The file is locked as long as the process lives. The
//! process removes it when it has no such call any more; readers remove the file of a process that has ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::observe::stats::nanoseconds;
use crate::single_flight::progress_probe::ProcessWatch;
use crate::sys::file;
use crate::sys::file::{open_to_change, read_now, write_all_at};
use crate::sys::file_id::TrackedFile;
use crate::sys::fork::lock_file::LockFile;
use crate::sys::fork::once::Once;
use crate::sys::lock::whole_file;
use crate::sys::private_folder::create_private_folder;

const SUFFIX: &str = ".json";

/// Maximum size of a report, in bytes.
const LARGEST: u64 = 4 << 20;

/// Content of a report file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) pid: u32,
    pub(super) host: String,
    #[serde(default)]
    pub(super) program: String,
    /// Changes each second.
    pub(super) beat: u64,
    /// Changes with each second in which the process used a processor.
    pub(super) busy: u64,
    pub(super) computing: Vec<ReportedCall>,
    pub(super) waiting: Vec<ReportedCall>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReportedCall {
    pub(super) key: Key,
    pub(super) function: String,
    /// Nanoseconds since 1970.
    pub(super) since: u64,
    /// Changes with each second in which the call itself made progress.
    #[serde(default)]
    pub(super) beat: u64,
    /// Changes with each second in which the call used a processor.
    #[serde(default)]
    pub(super) work: u64,
    /// The calls that this call waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) waits_for: Vec<Key>,
}

/// Writes the report of this process.
#[derive(Default)]
pub(super) struct ReportWriter {
    pub(super) file: Option<(PathBuf, TrackedFile<LockFile>)>,
    pub(super) beat: u64,
    pub(super) busy: u64,
    pub(super) process: Option<ProcessWatch>,
}

impl ReportWriter {
    /// Removes the report.
    pub(super) fn withdraw(&mut self) {
        self.process = None;
        if let Some((path, file)) = self.file.take() {
            // Remove it while it is locked, so that it is certainly this file.
            let _ = fs::remove_file(path);
            drop(file);
        }
    }

    pub(super) fn name(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }
}

impl Drop for ReportWriter {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl ReportedCall {
    pub(super) fn since(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.since)
    }
}

impl ReportWriter {
    pub(super) fn write(&mut self, root: &Path, report: &Report) -> Result<()> {
        let failed = |error, path: &Path| Error::io(error, "can't write").at(path);
        let text = serde_json::to_vec(report).map_err(|e| failed(e.into(), root))?;
        // Another process may have removed it.
        if self.file.as_ref().is_some_and(|(path, file)| file.at(path).is_none()) {
            self.file = None;
        }
        if self.file.is_none() {
            let folder = folder(root);
            create_private_folder(&folder)?;
            let now = nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
            // The time distinguishes processes of different containers that have the same host name and pid.
            let path = folder.join(format!("{}-{}-{now:x}{SUFFIX}", host(), report.pid));
            let file = LockFile::open(|| open_to_change(&path)).map_err(|e| failed(e, &path))?;
            // On Windows, a locked file could not be read.
            if cfg!(unix) {
                let _ = whole_file::try_exclusive(&file);
            }
            self.file = Some((path, TrackedFile::new(file)));
        }
        let Some((path, file)) = &self.file else { return Ok(()) };
        // A reader in between may find an incomplete text. It then ignores the report and keeps what it knew.
        write_all_at(file, &text, 0).and_then(|()| file.set_len(text.len() as u64)).map_err(|e| failed(e, path))
    }
}

pub(super) fn folder(root: &Path) -> PathBuf {
    root.join("running")
}

/// Returns the reports of all processes, with their paths.
pub(super) fn read_all(root: &Path) -> Vec<(PathBuf, Report)> {
    let files = fs::read_dir(folder(root)).into_iter().flatten().flatten();
    let paths = files.map(|file| file.path()).filter(|path| is_report(path));
    paths.filter_map(|path| Some((read(&path)?, path)).map(|(report, path)| (path, report))).collect()
}

/// Removes the reports of processes that have ended: reading them does that.
pub(crate) fn remove_orphaned_temps(root: &Path) {
    read_all(root);
}

/// Returns whether a path has the name of a report.
pub(crate) fn is_report(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SUFFIX));
    let mut parts = name.into_iter().flat_map(|name| name.rsplit('-'));
    let is_hex = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_hexdigit());
    parts.next().is_some_and(is_hex) && parts.next().is_some_and(|pid| pid.parse::<u32>().is_ok())
}

fn read(path: &Path) -> Option<Report> {
    let report = serde_json::from_slice(&read_now(path, LARGEST).ok()?).ok()?;
    // The lock is free, so the process has ended.
    if cfg!(unix) && file::open_now(path).is_ok_and(|file| whole_file::try_exclusive(&file).unwrap_or(false)) {
        let _ = fs::remove_file(path);
        return None;
    }
    Some(report)
}

/// Returns the name of this machine, reduced to characters that file names allow.
pub(super) fn host() -> &'static str {
    static HOST: Once<String> = Once::new();
    HOST.get_or_init(|| {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let name = name.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
        let is_fit = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
        let name: String = name.unwrap_or_default().trim().chars().filter(is_fit).take(64).collect();
        if name.is_empty() { "localhost".to_owned() } else { name }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_report_names_are_recognised() {
        for name in ["host-12-1f.json", "a-b-12-0.json"] {
            assert!(is_report(Path::new(name)), "{name}");
        }
        for name in ["mine.json", "host-12.json", "host-x-1f.json", "host-12-1f.txt", "-.json", ""] {
            assert!(!is_report(Path::new(name)), "{name}");
        }
    }
}
