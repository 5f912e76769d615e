//! Making a cache smaller on request: all at once, while the caller waits.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::engine::eviction::policy::{Candidate, Limits, Order, victims};
use crate::engine::{Place, Upkeep};
use crate::error::Result;
use crate::key::digest::Key;
use crate::store::entries::Entry;
use crate::store::interface::Store;
use crate::store::layout::Layout;
use crate::store::trim_report::TrimReport;

/// One entry that was found.
pub(crate) struct Found {
    pub(crate) folder: PathBuf,
    pub(crate) key: Key,
    pub(crate) candidate: Candidate,
}

impl Upkeep {
    /// Removes entries until the limits hold, and counts what is there anew; with `dry_run`, only tells what would go.
    pub(crate) fn trim(&self, place: &Place, limits: &Limits) -> Result<TrimReport> {
        let before = self.before(place);
        let (found, listed) = find(&*place.store, &place.layout, limits.max_age.is_some());
        let candidates: Vec<Candidate> = found.iter().map(|found| found.candidate).collect();
        let bytes: u64 = candidates.iter().map(|candidate| candidate.size).sum();
        let mut trimmed = TrimReport { kept: found.len() as u64, kept_bytes: bytes, ..TrimReport::default() };
        if !limits.dry_run {
            self.found(place, &before, &found);
        }
        let victims = victims(&candidates, limits, Order::LeastRecentlyUsed, SystemTime::now());
        for (done, index) in (1..).zip(&victims) {
            let index = *index;
            if !limits.dry_run {
                self.remove_own(&found[index].folder, &found[index].key)?;
            }
            place.progress.tell(done, victims.len() as u64);
            let size = candidates[index].size;
            trimmed.removed += 1;
            trimmed.removed_bytes += size;
            trimmed.kept -= 1;
            trimmed.kept_bytes -= size;
        }
        tracing::debug!(root = %place.layout.root().display(), ?limits, ?trimmed, "trimmed");
        // What could be listed was trimmed.
        listed.map(|()| trimmed)
    }
}

/// All entries that can be listed, with what is known of them without opening them, or `exactly` when they were written.
fn find(store: &dyn Store, layout: &Layout, exactly: bool) -> (Vec<Found>, Result<()>) {
    let mut all = Vec::new();
    let listed = store.list(&layout.functions(), true, &mut |folder, entry| {
        // What vanishes meanwhile needs no removing.
        let Ok(metadata) = entry.metadata() else { return };
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let written = if exactly { written(Layout::locate(folder, &entry.key), entry.key) } else { Some(used) };
        let candidate = Candidate { size: metadata.len(), used, written, took: Duration::MAX };
        all.push(Found { folder: folder.to_owned(), key: entry.key, candidate });
    });
    (all, listed)
}

/// When the entry was written, as its header says: the time of its file says when it was used.
fn written(path: PathBuf, key: Key) -> Option<SystemTime> {
    Entry::read(path, key).ok().flatten().map(|entry| entry.created)
}
