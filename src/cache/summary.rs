//! Summary of what a cache did for this process, in one line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use serde::Serialize;

use crate::engine::accounting::Accounting;
use crate::engine::background;
use crate::engine::cache_engine::Engine;
use crate::observe::stats::{CounterTotals, Stats};
use crate::settings;
use crate::sys::exit_hook;
use crate::sys::fork::once::Lazy;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;
use crate::sys::stderr::print_line;
use crate::sys::user_folders;
use crate::text::humanize::{count, duration, number, size};

/// What a cache did for this process. Returned by [`Cache::summary`](crate::Cache::summary), and printed when the
/// process ends if the variable `LARDER_REPORT=1` is set. As text, one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The counts of this process. `entries` and `bytes` are those of the whole cache, stored by any process.
    pub stats: Stats,
    /// The folder of the cache; empty if it is off.
    pub path: PathBuf,
}

impl Summary {
    pub(crate) fn of(engine: &Engine) -> Summary {
        Summary::new(engine.accounting.own_totals(), engine.accounting.totals(), engine.root())
    }

    fn new(own: CounterTotals, all: CounterTotals, root: &Path) -> Summary {
        let (own, all) = (own.stats(), all.stats());
        Summary { stats: Stats { entries: all.entries, bytes: all.bytes, ..own }, path: root.to_owned() }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { stats, path } = self;
        let passed = || count(stats.bypasses, "call", "calls");
        if path.as_os_str().is_empty() {
            return write!(f, "larder: off, {} computed in {}", passed(), duration(stats.computed));
        }
        write!(f, "larder: {}, {} computed", count(stats.hits, "hit", "hits"), number(stats.misses))?;
        if stats.bypasses > 0 {
            write!(f, ", {} went past it", passed())?;
        }
        if stats.errors > 0 {
            write!(f, ", {}", count(stats.errors, "fault", "faults"))?;
        }
        write!(f, ", saved {}, {} in {}", duration(stats.saved), size(stats.bytes), short(path))
    }
}

/// Displays a path, with `~` for the user's home folder.
fn short(path: &Path) -> String {
    let home = user_folders::home();
    match home.as_deref().filter(|home| home.parent().is_some()).and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) => Path::new("~").join(rest).display().to_string(),
        None => path.display().to_string(),
    }
}

/// The caches of this process whose summaries are printed when it ends.
static REPORTED: PerProcess<Mutex<Reported>> = PerProcess::new();

static IS_WANTED: Lazy<bool> = Lazy::new(|| settings::REPORT.get().unwrap_or(false));

fn reported() -> Option<MutexGuard<'static, Reported>> {
    IS_WANTED.then(|| locked(REPORTED.get()))
}

#[derive(Default)]
struct Reported {
    caches: Vec<Weak<Engine>>,
    /// The counts of caches that were closed.
    ended: BTreeMap<PathBuf, CounterTotals>,
}

/// Registers a cache that was opened.
pub(crate) fn opened(engine: &Arc<Engine>) {
    if let Some(mut reported) = reported() {
        exit_hook::run(report);
        reported.caches.retain(|cache| cache.strong_count() > 0);
        reported.caches.push(Arc::downgrade(engine));
    }
}

/// Records the counts of a cache that was closed.
pub(crate) fn ended(engine: &Engine) {
    if let Some(mut reported) = reported() {
        // The background thread may still hold the engine. It must not be counted twice.
        reported.caches.retain(|cache| !std::ptr::eq(cache.as_ptr(), engine));
        reported.ended.entry(engine.root().to_owned()).or_default().add(&engine.accounting.own_totals());
    }
}

/// Prints a line for each cache that was used, if reports are wanted.
fn report() {
    // The entries are read from the counter files, so flush first.
    background::flush_all();
    let (caches, mut own) = {
        let Some(mut reported) = reported() else { return };
        (std::mem::take(&mut reported.caches), std::mem::take(&mut reported.ended))
    };
    for cache in caches.iter().filter_map(Weak::upgrade) {
        own.entry(cache.root().to_owned()).or_default().add(&cache.accounting.own_totals());
    }
    for (root, own) in own {
        let stats = own.stats();
        if stats.hits + stats.misses + stats.bypasses > 0 {
            let all = Accounting::totals_in(&root).unwrap_or_default();
            print_line(&Summary::new(own, all, &root).to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_summary_is_one_line() {
        let stats =
            Stats { hits: 1204, misses: 3, saved: Duration::from_secs(8040), bytes: 812 << 20, ..Stats::default() };
        let mut summary = Summary { stats, path: PathBuf::from("/data/cache") };
        assert_eq!(summary.to_string(), "larder: 1,204 hits, 3 computed, saved 2 h 14 min, 812.0 MiB in /data/cache");
        summary.stats.bypasses = 1;
        summary.stats.errors = 2;
        assert!(summary.to_string().contains("3 computed, 1 call went past it, 2 faults, saved"));
        summary.path = PathBuf::new();
        assert_eq!(summary.to_string(), "larder: off, 1 call computed in 0 ns");
        if let Some(home) = user_folders::home().filter(|home| home.parent().is_some()) {
            assert_eq!(short(&home.join("x")), Path::new("~").join("x").display().to_string());
        }
    }
}
