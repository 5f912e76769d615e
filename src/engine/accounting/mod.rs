//! Counters of a cache: those of this process, and those of all processes.
//!
//! There are two records, and all other counts are derived from them:
//!
//! - The [`FunctionCounters`] of this process, in memory: what it counted since it started. Each remembers which part
//!   of it was flushed to the file.
//! - The [`CounterFile`]: the sum of what all processes flushed.
//!
//! The totals of a cache are the file's counts plus the unflushed counts of this process. [`Usage`], which is compared
//! with the limits, holds the entries and bytes of these totals. The [`HourlyLog`] has the same counts by the hour in
//! which they were flushed.
//!
//! A change that is not counted is found by a scan: see `correction`.
//!
//! Where a lock is held, errors are returned and not logged: logging may run foreign code, which may use the cache.

#[cfg(test)]
mod accounting_tests;
pub(crate) mod correction;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::engine::usage::Usage;
use crate::error::{Error, Result};
use crate::observe::function_counters::FunctionCounters;
#[cfg(feature = "metrics")]
use crate::observe::metrics_export;
use crate::observe::stats::{CounterTotals, UsageDelta};
use crate::store::counters::{CounterFile, Record, name_of_folder};
use crate::store::hourly_stats::{Activity, HourlyLog};
use crate::store::layout::Layout;
#[cfg(feature = "metrics")]
use crate::sys::catch_panic;
use crate::sys::lock::key_locks::KeyLocks;
use crate::sys::locked::locked;

/// Attempts to lock the counter file when an entry is stored or removed.
const TRIES_AT_ONCE: u32 = 4;

/// Attempts at the end of a process or of a long operation, and the time between two of them.
pub(super) const TRIES_AT_END: u32 = 10;
pub(super) const PAUSE_AT_END: Duration = Duration::from_millis(5);

/// The entries of each function, counted by a scan.
pub(crate) type Scanned = BTreeMap<String, UsageDelta>;

/// A scan. Returns what it could count, and the first error.
type Scan<'s> = &'s dyn Fn() -> (Scanned, Result<()>);

/// The counters of one cache.
pub(crate) struct Accounting {
    functions: Mutex<BTreeMap<String, Arc<FunctionCounters>>>,
    usage: Usage,
    /// `None` if the cache is off.
    files: Option<Files>,
    /// The counts that the hourly log already has.
    logged: Mutex<CounterTotals>,
}

struct Files {
    /// The folder of all functions.
    root: PathBuf,
    counters: CounterFile,
    hours: HourlyLog,
}

impl Accounting {
    /// Makes the counters of a cache in this folder.
    pub(crate) fn new(layout: &Layout, locks: &KeyLocks) -> Self {
        Accounting {
            files: Some(Files {
                root: layout.functions(),
                counters: CounterFile::new(layout.counters(), locks.clone()),
                hours: HourlyLog::new(layout.activity(), locks.clone()),
            }),
            ..Accounting::in_memory()
        }
    }

    /// Makes the counters of a cache that is off.
    pub(crate) fn in_memory() -> Self {
        Accounting { functions: Mutex::default(), usage: Usage::default(), files: None, logged: Mutex::default() }
    }

    /// Returns the counters of the function with this folder; for a cache that is off, with this name.
    pub(crate) fn counters(&self, folder: Option<&Path>, name: &str) -> Arc<FunctionCounters> {
        let name = match (&self.files, folder) {
            (Some(files), Some(folder)) => name_of_folder(&files.root, folder),
            _ => name.to_owned(),
        };
        self.counters_named(name)
    }

    /// Returns the counters with this name.
    pub(crate) fn counters_named(&self, name: String) -> Arc<FunctionCounters> {
        let mut functions = locked(&self.functions);
        functions.entry(name.clone()).or_insert_with(|| Arc::new(FunctionCounters::new(name))).clone()
    }

    fn all(&self) -> Vec<Arc<FunctionCounters>> {
        locked(&self.functions).values().cloned().collect()
    }

    /// Returns the number of entries and their bytes.
    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Returns what this process counted.
    pub(crate) fn own_totals(&self) -> CounterTotals {
        let mut totals = CounterTotals::default();
        self.all().iter().for_each(|counters| totals.add(&counters.totals()));
        totals
    }

    /// Returns the counts of one function by all processes. If the file can't be read, the counts of this process.
    pub(crate) fn totals_of(&self, folder: Option<&Path>, counters: &FunctionCounters) -> CounterTotals {
        let (Some(files), Some(_)) = (&self.files, folder) else { return counters.unflushed() };
        let (totals, unflushed) =
            files.counters.read_one_with(counters.name(), |totals| (totals, counters.unflushed()));
        let totals = totals.unwrap_or_else(|error| {
            unreadable(&error);
            None
        });
        sum(&[totals.unwrap_or_default(), unflushed])
    }

    /// Returns the counts of all processes. If the file can't be read, the counts of this process.
    pub(crate) fn totals(&self) -> CounterTotals {
        let Some(files) = &self.files else { return self.own_totals() };
        let (records, unflushed) =
            files.counters.read_with(|counted| (counted.map(|counted| counted.records), self.unflushed()));
        match records {
            Ok(records) => sum(&[sum_of(&records), unflushed]),
            Err(error) => {
                unreadable(&error);
                self.own_totals()
            }
        }
    }

    /// Returns the counts of all processes in the cache of this folder.
    pub(crate) fn totals_in(root: &Path) -> Result<CounterTotals> {
        let counters = CounterFile::new(Layout::at(root)?.counters(), KeyLocks::under(root));
        Ok(sum_of(&counters.read()?.records))
    }

    /// Returns the counts of all processes, by the function's folder. `None` if the counter file is missing or
    /// incomplete, so that the entries must be counted.
    pub(crate) fn totals_by_folder(&self) -> Option<BTreeMap<PathBuf, CounterTotals>> {
        let Some(files) = &self.files else { return Some(BTreeMap::new()) };
        let (counted, own) = files.counters.read_with(|counted| {
            let own: Vec<_> = self.all().iter().map(|own| (own.name().to_owned(), own.unflushed())).collect();
            (counted, own)
        });
        let counted = counted.inspect_err(unreadable).ok()?;
        counted.corrections?;
        let mut all = BTreeMap::new();
        for record in counted.records {
            if let Some(folder) = record.folder {
                all.insert(files.root.join(folder), record.totals);
            }
        }
        for (name, unflushed) in own {
            all.entry(files.root.join(name)).or_default().add(&unflushed);
        }
        Some(all)
    }

    fn unflushed(&self) -> CounterTotals {
        sum(&self.all().iter().map(|counters| counters.unflushed()).collect::<Vec<_>>())
    }

    /// Returns the hours in which anything was counted.
    pub(crate) fn activity(&self) -> Result<Vec<Activity>> {
        self.files.as_ref().map_or_else(|| Ok(Vec::new()), |files| files.hours.read())
    }

    /// Counts a stored entry. `before` is the size of the entry that it replaced.
    pub(crate) fn stored(&self, counters: &FunctionCounters, before: Option<u64>, size: u64) {
        self.change(counters, UsageDelta::one(size) - before.map(UsageDelta::one).unwrap_or_default());
        self.usage.note_moved(1);
    }

    /// Counts removed entries.
    pub(crate) fn removed(&self, counters: &FunctionCounters, removed: UsageDelta) {
        self.change(counters, UsageDelta::default() - removed);
        self.usage.note_moved(removed.entries.unsigned_abs());
    }

    fn change(&self, counters: &FunctionCounters, change: UsageDelta) {
        counters.usage(change);
        self.usage.change(change);
    }

    /// Adds the counts of one function to the file at once, so that other processes see which entries were stored or
    /// removed, and nothing is lost if this process is killed. Other processes lock the file for microseconds only. If
    /// it stays locked, the next flush adds the counts.
    pub(crate) fn flush_one(&self, counters: &FunctionCounters) {
        let Some(files) = &self.files else { return };
        for _ in 0..TRIES_AT_ONCE {
            let Some(mut session) = files.counters.try_session() else {
                thread::yield_now();
                continue;
            };
            let added = session.add_one(counters);
            drop(session);
            return unwritable(added);
        }
    }

    /// Adds the counts to the files. Returns false if another process has locked them.
    ///
    /// # Errors
    /// If a file can't be read or written, or not all entries could be counted for a new counter file.
    pub(crate) fn flush(&self, scan: Scan<'_>) -> Result<bool> {
        let Some(files) = &self.files else { return Ok(true) };
        // In a folder without a cache, a reader creates nothing.
        if !files.counters.exists() && !files.root.exists() && self.unflushed().is_zero() {
            return Ok(true);
        }
        let logged = self.append_hour(files);
        let Some(mut session) = files.counters.try_session() else { return Ok(false) };
        self.create_counter_file(&mut session, scan)?;
        let all = self.all();
        session.add(all.iter().map(|counters| &**counters))?;
        drop(session);
        logged
    }

    /// Adds the counts to the files, in several attempts if they are locked.
    pub(crate) fn flush_with_retries(&self, scan: Scan<'_>) {
        for _ in 0..TRIES_AT_END {
            match self.flush(scan) {
                Ok(false) => thread::sleep(PAUSE_AT_END),
                Ok(true) => return,
                Err(error) => return unwritable(Err(error)),
            }
        }
    }

    /// Adds the counts since the last call to the hourly log. Returns false if another process has locked it.
    fn append_hour(&self, files: &Files) -> Result<bool> {
        let mut logged = locked(&self.logged);
        let totals = self.own_totals();
        let added = files.hours.append_hour(&totals.minus(&logged));
        // After an error, these counts are dropped: a later write would add them to the wrong hour.
        if !matches!(added, Ok(false)) {
            *logged = totals;
        }
        added
    }

    /// Updates the usage with the counts of other processes. Returns whether the counter file is complete.
    pub(crate) fn refresh(&self) -> bool {
        let Some(files) = &self.files else { return false };
        let refreshed = files.counters.read_with(|counted| {
            let counted = counted?;
            if counted.corrections.is_some() {
                let flushed = sum(&self.all().iter().map(|own| own.flushed()).collect::<Vec<_>>());
                self.usage.set_others(sum_of(&counted.records).usage() - flushed.usage());
            }
            Ok(counted.corrections.is_some())
        });
        refreshed.unwrap_or_else(|error| {
            unreadable(&error);
            false
        })
    }

    /// Exports the counts since the last call as metrics. The recorder is foreign code, so no lock is held, and its
    /// panic is caught.
    #[cfg(feature = "metrics")]
    pub(crate) fn export_metrics(&self) {
        for counters in self.all() {
            let (before, now) = counters.take_unexported();
            if before != now {
                let exported = catch_panic::guarded("a recorder of metrics", || {
                    metrics_export::export(counters.name(), &before, &now);
                    Ok(())
                });
                if let Err(error) = exported {
                    tracing::debug!(%error, "can't export metrics");
                }
            }
        }
    }
}

fn sum(all: &[CounterTotals]) -> CounterTotals {
    let mut totals = CounterTotals::default();
    all.iter().for_each(|more| totals.add(more));
    totals
}

fn sum_of(records: &[Record]) -> CounterTotals {
    let mut totals = CounterTotals::default();
    records.iter().for_each(|record| totals.add(&record.totals));
    totals
}

fn unreadable(error: &Error) {
    tracing::debug!(%error, "can't read what was counted");
}

fn unwritable(written: Result<()>) {
    if let Err(error) = written {
        tracing::debug!(%error, "can't write what was counted");
    }
}
