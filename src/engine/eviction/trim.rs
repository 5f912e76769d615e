//! Trimming: makes a cache smaller on request, while the caller waits.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::engine::accounting::Scanned;
use crate::engine::eviction::evictor::EvictionContext;
use crate::engine::eviction::policy::{Candidate, EvictionOrder, Limits, victims};
use crate::engine::failures::Failures;
use crate::error::Result;
use crate::key::digest::Key;
use crate::observe::stats::UsageDelta;
use crate::store::counters::name_of_folder;
use crate::store::entry::Entry;
use crate::store::interface::Store;
use crate::store::layout::Layout;
use crate::store::stored_entry::EntryStat;
use crate::store::trim_report::TrimReport;

/// Maximum number of listings, if other scans correct the counters in between.
const TRIES: u32 = 3;

/// An entry that was found.
struct FoundEntry {
    folder: PathBuf,
    key: Key,
    candidate: Candidate,
}

/// Whether a trim removes entries, or only reports what it would remove.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    Real,
    DryRun,
}

/// Removes entries until the limits hold, and corrects the counters. A dry run only reports what would be removed, and
/// corrects nothing.
///
/// An entry that can't be removed does not stop the removal of others.
///
/// # Errors
/// If a folder can't be listed, an entry can't be removed, or the counters can't be corrected. Everything else is done
/// first.
pub(crate) fn trim(context: EvictionContext<'_>, limits: &Limits, removal: Removal) -> Result<TrimReport> {
    let is_dry = removal == Removal::DryRun;
    let mut tries = 0;
    let (found, listed, corrected) = loop {
        let baseline = context.accounting.baseline();
        let (found, listed) = list(&*context.folder.store, &context.folder.layout, limits.max_age.is_some());
        tries += 1;
        if is_dry || listed.is_err() {
            break (found, listed, Ok(()));
        }
        match context.accounting.reconcile(&baseline, &count(&found, &context.folder.layout), false) {
            Ok(false) if tries < TRIES => {}
            corrected => break (found, listed, corrected.map(drop)),
        }
    };
    if !is_dry {
        context.accounting.refresh();
    }
    let candidates: Vec<Candidate> = found.iter().map(|found| found.candidate).collect();
    let bytes: u64 = candidates.iter().map(|candidate| candidate.size).sum();
    let mut trimmed = TrimReport { kept: found.len() as u64, kept_bytes: bytes, ..TrimReport::default() };
    let victims = victims(&candidates, limits, EvictionOrder::LeastRecentlyUsed, SystemTime::now());
    let mut failures = Failures::default();
    for (done, index) in (1..).zip(&victims) {
        let found = &found[*index];
        let removed = if is_dry { Ok(true) } else { (context.remove)(&found.folder, &found.key) };
        context.folder.progress.tell(done, victims.len() as u64);
        match removed {
            Ok(true) => {}
            // Another process has removed it, or the file is not larder's.
            Ok(false) => continue,
            Err(error) => {
                failures.add(error);
                continue;
            }
        }
        let size = found.candidate.size;
        trimmed.removed += 1;
        trimmed.removed_bytes += size;
        trimmed.kept -= 1;
        trimmed.kept_bytes -= size;
    }
    tracing::debug!(root = %context.folder.layout.root().display(), ?limits, ?trimmed, "trimmed");
    failures.result().and(listed).and(corrected).map(|()| trimmed)
}

/// Lists the entries in all folders that can be listed. Reads when they were written if `exactly`.
fn list(store: &dyn Store, layout: &Layout, exactly: bool) -> (Vec<FoundEntry>, Result<()>) {
    let mut all = Vec::new();
    let listed = store.list(&layout.functions(), true).each(&mut |folder, entries| {
        for entry in entries {
            // An entry that no longer exists need not be removed.
            let Some(EntryStat { size, used, .. }) = entry.stat() else { continue };
            let written = if exactly { written(store, folder, entry.key) } else { Some(used) };
            let candidate = Candidate { size, used, written, took: Duration::MAX };
            all.push(FoundEntry { folder: folder.to_owned(), key: entry.key, candidate });
        }
    });
    (all, listed)
}

/// Counts the entries of each function.
fn count(found: &[FoundEntry], layout: &Layout) -> Scanned {
    let root = layout.functions();
    let mut counted = Scanned::new();
    for found in found {
        *counted.entry(name_of_folder(&root, &found.folder)).or_default() += UsageDelta::one(found.candidate.size);
    }
    counted
}

/// Returns when an entry was written, according to its header. The time of its file is when it was last used.
fn written(store: &dyn Store, function: &Path, key: Key) -> Option<SystemTime> {
    Entry::read(store, function, key).ok().flatten().map(|entry| entry.created)
}
