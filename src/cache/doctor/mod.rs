//! Diagnoses a cache: what keeps it from working, and how to repair it.
//!
//! Read this file first: `Cache::diagnose` runs all checks. `owners` checks whose files are in the folder, and
//! `variables` checks the environment.

pub(crate) mod owners;
pub(crate) mod variables;

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::cache::handle::Cache;
use crate::engine::cache_folder::CacheFolder;
use crate::engine::free_space::{free_space, left_free};
use crate::engine::version_table::{CUT, VersionTable};
use crate::error::{Error, ErrorKind};
use crate::key::code_version::CodeFile;
use crate::key::digest::Key;
use crate::single_flight::running_calls::Process;
use crate::store::layout::Layout;
use crate::store::orphaned_temps::find as find_orphaned;
use crate::store::owned_files;
use crate::store::usage_scan::UsageScan;
use crate::sys::lock::key_locks::KeyLocks;
use crate::sys::lock::try_lock::TryLock;
use crate::sys::permissions;
use crate::text::humanize::{count, duration, size};

/// Result of one check. [`Cache::diagnose`] returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The subject of the check, in one or two words.
    pub about: &'static str,
    /// How serious the result is.
    pub severity: Severity,
    /// The result of the check.
    pub what: String,
    /// What to do about it; `None` if nothing needs to be done.
    pub advice: Option<String>,
}

/// How serious the result of a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Severity {
    /// Everything is fine.
    Good,
    /// The cache works, but could work better.
    Note,
    /// The cache does not work, or it is not safe.
    Fault,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Good => "good",
            Severity::Note => "note",
            Severity::Fault => "fault",
        })
    }
}

/// The key for a test of the locks. No call has this key.
const LOCK: Key = Key::from_bytes([3; 32]);

/// Entries that are further in the future than this show that a clock was wrong.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

impl Cache {
    /// Checks for problems: permissions, locks, free space, and files that other programs left in the folder. Results
    /// are not changed. A file is created and removed again, to see whether the folder is writable.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// assert!(cache.diagnose().iter().all(|finding| finding.severity < larder::Severity::Fault));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn diagnose(&self) -> Vec<Diagnosis> {
        let mut findings = vec![variables::run_mode()];
        findings.extend(variables::wrong_ones());
        let Some(place) = self.place() else {
            findings.push(fault("cache", "it is off".to_owned(), "open it in a folder that can be created"));
            return findings;
        };
        let root = place.layout.root();
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                let what = format!("{} is a file", root.display());
                findings.push(fault("folder", what, "remove it, or choose another folder with LARDER_DIR"));
                return findings;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let what = format!("{} does not exist; the first result that is stored makes it", root.display());
                findings.push(Diagnosis { about: "folder", severity: Severity::Good, what, advice: None });
                return findings;
            }
            Err(error) => {
                let what = format!("{}: {error}", root.display());
                findings.push(fault("folder", what, "check the owner and the mode of the folders above"));
                return findings;
            }
        }
        findings.push(access(root, &place.layout.temps()));
        let writable = writing(&place.layout);
        let can_write = writable.severity == Severity::Good;
        findings.push(writable);
        findings.push(space(root));
        if can_write {
            findings.push(locks(root));
            findings.push(memory(&place.layout));
        }
        findings.extend(running(self));
        findings.push(litter(&place.layout));
        findings.extend(contents(self, place));
        findings.extend(unseen(self));
        findings
    }
}

/// A process that has been silent for this long was stopped or is frozen. A running process reports every second.
const SILENT: Duration = Duration::from_secs(10);

/// Returns the calls that have been running for a while, and how many calls wait for them.
fn running(cache: &Cache) -> Option<Diagnosis> {
    let processes = cache.processes().ok()?;
    let computing: usize = processes.iter().map(|process| process.computing.len()).sum();
    let waiting: usize = processes.iter().map(|process| process.waiting.len()).sum();
    let calls = |process: &Process| {
        let mut calls = process.computing.iter();
        let first = calls.next().map_or_else(|| "nothing".to_owned(), |call| format!("`{}`", call.function));
        let since = process.computing.iter().filter_map(|call| call.since.elapsed().ok()).max().unwrap_or_default();
        let more = if calls.len() > 0 { format!(" and {} more", calls.len()) } else { String::new() };
        let silent = if process.silent > SILENT { ", and says nothing" } else { "" };
        format!("process {} on {} computes {first}{more}, for {}{silent}", process.pid, process.host, duration(since))
    };
    let list: Vec<String> = processes.iter().take(3).map(calls).collect();
    let computing = count(computing as u64, "call is", "calls are");
    let waits = count(waiting as u64, "call waits", "calls wait");
    let what = format!("{computing} computed for more than a second, and {waits} for them: {}", list.join("; "));
    if processes.iter().any(|process| process.silent > SILENT) {
        let advice = "a process that says nothing was stopped: continue it, or end it; others compute its calls when they \
                      have waited for as long as `wait_limit` or LARDER_WAIT says";
        return Some(note("running", what, advice));
    }
    (!processes.is_empty()).then(|| good("running", what))
}

/// Returns the functions whose code the attribute can't track completely.
fn unseen(cache: &Cache) -> Option<Diagnosis> {
    let functions = cache.functions().ok()?;
    let unseen: Vec<String> = functions
        .iter()
        .filter_map(|function| {
            let fingerprint = u128::from_str_radix(&function.code, 16).ok()?.to_be_bytes();
            let code = CodeFile::read(&function.path, &fingerprint)?;
            (!code.unseen.is_empty()).then(|| format!("`{}` ({})", function.name, code.unseen.join("; ")))
        })
        .collect();
    let shown = unseen.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    let more = unseen.len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!unseen.is_empty()).then(|| {
        note(
            "code",
            format!(
                "each build of other code computes {} again, since not all of it is seen: {shown}{more}",
                count(unseen.len() as u64, "function", "functions")
            ),
            "see \"Code\" in the documentation of `#[memoize]`",
        )
    })
}

fn good(about: &'static str, what: impl Into<String>) -> Diagnosis {
    Diagnosis { about, severity: Severity::Good, what: what.into(), advice: None }
}

fn note(about: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Diagnosis {
    Diagnosis { about, severity: Severity::Note, what: what.into(), advice: Some(advice.into()) }
}

fn fault(about: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Diagnosis {
    Diagnosis { about, severity: Severity::Fault, what: what.into(), advice: Some(advice.into()) }
}

#[cfg(unix)]
fn access(root: &Path, temps: &Path) -> Diagnosis {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(metadata) = fs::metadata(root) else { return good("access", "not known") };
    let mode = metadata.mode() & 0o777;
    if permissions::is_shared(root, temps) {
        let who = if mode & 0o002 != 0 { "everybody".to_owned() } else { format!("the group {}", metadata.gid()) };
        return note(
            "access",
            format!(
                "the cache is shared: {who} may write to it (mode {mode:o}), and programs believe what they find there"
            ),
            "nothing, if all of them may be believed; else give all programs one `CacheBuilder::secret`",
        );
    }
    let root = root.display();
    match mode {
        mode if mode & 0o022 != 0 => fault(
            "access",
            format!("others may write to the folder (mode {mode:o}), and programs believe what they find there"),
            format!(
                "`chmod 700 {root}`; if a group is to share it, `CacheBuilder::shared(true)` or LARDER_SHARED=1, with a \
                 `CacheBuilder::secret` for all"
            ),
        ),
        mode if mode & 0o055 != 0 => note(
            "access",
            format!("others may look into the folder (mode {mode:o})"),
            format!("`chmod 700 {root}` if the results are not for everybody"),
        ),
        mode => good("access", format!("nobody but its owner may enter the folder (mode {mode:o})")),
    }
}

#[cfg(not(unix))]
fn access(_: &Path, _: &Path) -> Diagnosis {
    good("access", "as the folder above it says")
}

/// Bytes that are written as a test. On a full disk, an empty file can still be created.
const WRITTEN: [u8; 4096] = [1; 4096];

/// Creates a file and removes it.
fn writing(layout: &Layout) -> Diagnosis {
    let folder = if layout.temps().is_dir() { layout.temps() } else { layout.root().to_owned() };
    let written =
        tempfile::tempfile_in(&folder).and_then(|mut file| file.write_all(&WRITTEN).and_then(|()| file.sync_data()));
    match written.map_err(|e| Error::io(e, "nothing can be stored").at(&folder)) {
        Ok(()) => match is_almost_full(layout.root()) {
            None => closed(layout).unwrap_or_else(|| good("writing", "results can be stored")),
            Some(free) => fault(
                "writing",
                format!("results are not stored: the disk is almost full, {free}"),
                "remove something, or `larder trim`; the last fiftieth of a disk, at most 1 GiB, is left to others",
            ),
        },
        Err(error) if error.kind() == ErrorKind::NoSpace => fault(
            "writing",
            format!("results can't be stored: the disk is full{}, in {}", files_left(layout.root()), folder.display()),
            "remove something, or `larder trim`",
        ),
        Err(error) => fault(
            "writing",
            error.to_string(),
            "check the owner and the mode of the folder, and whether the disk is mounted read-only",
        ),
    }
}

/// Finds folders of functions that can't be written to.
fn closed(layout: &Layout) -> Option<Diagnosis> {
    let mut closed: Vec<PathBuf> = Vec::new();
    let mut look = |folder: &Path| {
        if is_closed(folder) && !closed.iter().any(|known| known == folder) {
            closed.push(folder.to_owned());
        }
    };
    look(&layout.functions());
    owned_files::walk(&layout.functions(), &mut |path, is_folder| {
        if is_folder {
            look(path);
        }
    });
    let first = closed.first()?;
    let others = count(closed.len() as u64, "folder", "folders");
    let what =
        format!("results of some functions can't be stored: {others} can't be written to, first {}", first.display());
    Some(fault("writing", what, "check the owner and the mode of the folder"))
}

/// Returns whether this user can't create files in a folder.
#[cfg(target_os = "linux")]
fn is_closed(folder: &Path) -> bool {
    use rustix::fs::Access;
    folder.is_dir() && rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err()
}

#[cfg(not(target_os = "linux"))]
fn is_closed(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().readonly())
}

/// Returns the reason for a full disk: either its inodes or the quota.
#[cfg(target_os = "linux")]
fn files_left(root: &Path) -> &'static str {
    match rustix::fs::statvfs(root) {
        Ok(stat) if stat.f_files > 0 && stat.f_favail == 0 => " of files (it has no inode left)",
        _ => ", or the quota is used up",
    }
}

#[cfg(not(target_os = "linux"))]
fn files_left(_: &Path) -> &'static str {
    ", or the quota is used up"
}

/// Describes the free space if so little is left that the cache stores nothing more.
fn is_almost_full(root: &Path) -> Option<String> {
    let (available, total) = free_space(root)?;
    (available <= left_free(total)).then(|| format!("{} of {} are free", size(available), size(total)))
}

fn space(root: &Path) -> Diagnosis {
    let Some((available, total)) = free_space(root) else {
        return note("space", "the system does not tell how much is free", "nothing; writing will tell");
    };
    let what = format!("{} of {} are free", size(available), size(total));
    if available <= left_free(total) {
        let advice = "nothing more is stored so that others can go on: remove something, or `larder trim`";
        return fault("space", what, advice);
    }
    good("space", what)
}

fn locks(root: &Path) -> Diagnosis {
    match KeyLocks::under(root).ask(&LOCK) {
        Ok(TryLock::Acquired(_) | TryLock::Busy) => good("locks", "of processes that make the same call, one computes"),
        Err(error) => note(
            "locks",
            format!("there are none here, so each process that makes the same call computes it: {error}"),
            "put the cache on a disk of this machine, or mount the file system with locks",
        ),
    }
}

fn memory(layout: &Layout) -> Diagnosis {
    let path = layout.marks();
    if !path.exists() {
        return good("memory", "no process has kept results in memory yet");
    }
    // This process may have repaired it when it opened the cache.
    let table = VersionTable::shared(&path, false);
    if table.as_ref().is_ok_and(|table| table.was_cut()) || VersionTable::is_cut(&path) {
        return fault(
            "memory",
            CUT,
            "keep other programs from writing into the cache, such as a backup that is restored",
        );
    }
    match table {
        Ok(table) if !table.is_coherent() => note(
            "memory",
            "results are not kept in memory, as it is not seen at once on this file system what others remove",
            "put the cache on a disk of this machine, if repeated hits are to be faster",
        ),
        Ok(_) => good("memory", "results can be kept in memory, as it is seen who removes them"),
        Err(error) => note(
            "memory",
            format!("results are not kept in memory, as it can't be seen who removes them: {error}"),
            format!("remove {}", path.display()),
        ),
    }
}

fn litter(layout: &Layout) -> Diagnosis {
    let (left, young) = find_orphaned(layout);
    let files = |files| count(files, "unfinished file", "unfinished files");
    let written = match young.files {
        0 => String::new(),
        _ => format!("{}, {}, being written or younger than a minute", files(young.files), size(young.bytes)),
    };
    match (left.files, young.files) {
        (0, 0) => good("litter", "no process has left unfinished files"),
        (0, _) => good("litter", written),
        _ => note(
            "litter",
            format!(
                "{} of processes that were killed, {}{}{written}",
                files(left.files),
                size(left.bytes),
                if written.is_empty() { "" } else { "; " }
            ),
            "nothing: whoever opens the cache next removes what is older than a minute",
        ),
    }
}

/// Checks the contents of the folders of functions, and other files beside them.
fn contents(cache: &Cache, place: &CacheFolder) -> Vec<Diagnosis> {
    let found = match UsageScan::in_root(&place.layout) {
        Ok(found) => found,
        Err(error) => {
            return vec![fault("contents", error.to_string(), "check the owner and the mode of that folder")];
        }
    };
    let mut findings = Vec::new();
    let entries = count(found.entries, "entry", "entries");
    match cache.stats() {
        Ok(stats) if stats.entries == found.entries => {
            findings.push(good("counts", format!("{entries} are there, and counted")))
        }
        Ok(stats) => findings.push(note(
            "counts",
            format!("{entries} are there, and {} counted: files came or went by hand", stats.entries),
            "`larder trim` with any limit counts again; programs that keep to limits do so by themselves",
        )),
        Err(error) => {
            findings.push(note("counts", error.to_string(), format!("remove {}", place.layout.counters().display())))
        }
    }
    let list = |paths: &[PathBuf]| {
        let names: Vec<_> = paths.iter().take(3).map(|path| path.display().to_string()).collect();
        let more = paths.len().saturating_sub(names.len());
        names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    };
    if !found.links.is_empty() {
        findings.push(fault(
            "links",
            format!("links are not followed, so nothing is stored beyond them: {}", list(&found.links)),
            "remove them; to move the cache, link its root or set LARDER_DIR",
        ));
    }
    findings.extend(owners::owners(&found, &place.layout));
    if !found.versions.is_empty() {
        findings.push(note(
            "versions",
            format!("entries of other versions of the format: {}", list(&found.versions)),
            "remove them, if no program of that version of larder is used any more",
        ));
    }
    match &found.foreign[..] {
        [] => findings.push(good("files", "all are larder's")),
        foreign => findings.push(note(
            "files",
            format!("{} not larder's: {}", count(foreign.len() as u64, "file is", "files are"), list(foreign)),
            "nothing; they are left alone, and count for no limit",
        )),
    }
    if found.newest.is_some_and(|newest| newest.duration_since(SystemTime::now()).is_ok_and(|ahead| ahead > FAR)) {
        findings.push(note(
            "clock",
            "entries are from the future: a clock was wrong, or is",
            "set the clock; entries with a `max_age` that are from the future are computed again",
        ));
    }
    findings
}
