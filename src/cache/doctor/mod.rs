//! Diagnoses a cache: what keeps it from working, and how to repair it.
//!
//! Read this file first: `Cache::diagnose` runs all checks. `folder` checks what can be done in the folder, `contents`
//! what is in it, `owners` whose files these are, and `variables` the environment.

pub(crate) mod contents;
pub(crate) mod diagnosis;
pub(crate) mod folder;
pub(crate) mod owners;
pub(crate) mod variables;

use std::fs;
use std::time::Duration;

use crate::cache::doctor::diagnosis::{Diagnosis, Severity, fault, good, note};
use crate::cache::handle::Cache;
use crate::key::code_version::CodeFile;
use crate::single_flight::running_calls::Process;
use crate::text::humanize::{count, duration};

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
            findings.push(match self.engine().deferred_error() {
                Some(error) => {
                    fault("cache", format!("it is off: {error}"), "it is opened again when that is remedied")
                }
                None => note("cache", "it is off", "`unset LARDER`, or open it other than by `Cache::disabled`"),
            });
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
        findings.push(folder::access(root, &place.layout.temps()));
        let writable = folder::writing(&place.layout);
        let can_write = writable.severity == Severity::Good;
        findings.push(writable);
        findings.push(folder::space(root));
        if can_write {
            findings.push(folder::locks(root));
            findings.push(folder::memory(&place.layout));
        }
        findings.extend(running(self));
        findings.push(contents::litter(&place.layout));
        findings.extend(contents::contents(self, place));
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
