//! Checks what is in a cache's folder: entries, unfinished files, and files that are not larder's.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::cache::doctor::diagnosis::{Diagnosis, fault, good, note};
use crate::cache::doctor::owners;
use crate::cache::handle::Cache;
use crate::engine::cache_folder::CacheFolder;
use crate::store::layout::Layout;
use crate::store::orphaned_temps::find as find_orphaned;
use crate::store::usage_scan::UsageScan;
use crate::text::humanize::{count, size};

/// Entries that are further in the future than this show that a clock was wrong.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn litter(layout: &Layout) -> Diagnosis {
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
pub(super) fn contents(cache: &Cache, place: &CacheFolder) -> Vec<Diagnosis> {
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
            format!(
                "{entries} are there, and {} counted: files came or went by hand, or a process was killed",
                stats.entries
            ),
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
