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
//! Some changes are not counted: a process may be killed between rename and counting, and another program may remove a
//! file. A scan finds them. It is compared with a [`Baseline`], the counts when the scan began, and the difference is
//! added to the counters. Entries that are stored or removed during the scan are counted by the process that does it.
//! If another scan corrected the counters in between, the baseline is outdated and nothing is added, as otherwise both
//! scans would add the same difference. The counter file has the number of corrections.
//!
//! Where a lock is held, errors are returned and not logged: logging may run foreign code, which may use the cache.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::engine::usage::Usage;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::function_counters::FunctionCounters;
#[cfg(feature = "metrics")]
use crate::observe::metrics_export;
use crate::observe::stats::{CounterTotals, UsageDelta};
use crate::store::counters::{CounterFile, Record, Session, name_of_folder};
use crate::store::hourly_stats::{Activity, HourlyLog};
use crate::store::layout::Layout;
#[cfg(feature = "metrics")]
use crate::sys::catch_panic;
use crate::sys::lock::key_locks::KeyLocks;

/// Attempts to lock the counter file when an entry is stored or removed.
const TRIES_AT_ONCE: u32 = 4;

/// Attempts at the end of a process or of a long operation, and the time between two of them.
pub(super) const TRIES_AT_END: u32 = 10;
pub(super) const PAUSE_AT_END: Duration = Duration::from_millis(5);

/// Attempts, 2 ms apart, by a scan, and by a process that waits until another process has made the file.
const TRIES_OF_SCAN: u32 = 10;
const TRIES_TO_BEGIN: u32 = 100;

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

/// The counts at the time a scan began.
pub(crate) struct Baseline {
    functions: Scanned,
    corrections: Option<u64>,
    moved: u64,
}

impl Baseline {
    fn entries(&self) -> i64 {
        self.functions.values().map(|usage| usage.entries).sum()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            all.insert(files.root.join(record.folder?), record.totals);
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

    /// Counts the entries with `scan` and makes the counter file, if there is none. Other processes that open the cache
    /// wait until that is done, so that only one of them scans.
    pub(crate) fn begin(&self, scan: Scan<'_>) {
        let Some(files) = &self.files else { return };
        if files.counters.is_complete() {
            return;
        }
        // If the other process takes longer than that, its counts are read later.
        let begun = match files.counters.session(TRIES_TO_BEGIN) {
            Some(mut session) => self.complete(&mut session, scan),
            None => Ok(()),
        };
        unwritable(begun);
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
        self.complete(&mut session, scan)?;
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

    /// Makes the counter file, if it is missing or incomplete. The scan is part of the session, so that no other
    /// process that finds the file missing scans too.
    fn complete(&self, session: &mut Session<'_>, scan: Scan<'_>) -> Result<()> {
        if session.is_complete()? {
            return Ok(());
        }
        let before = self.functions_of(&session.read()?.records);
        let (found, listed) = scan();
        self.add_difference(&before, &found);
        self.note_correction(session)?;
        listed
    }

    fn note_correction(&self, session: &mut Session<'_>) -> Result<()> {
        let all = self.all();
        session.add(all.iter().map(|counters| &**counters))?;
        session.note_correction()
    }

    /// Returns the entries of each function: the counts in these records plus the unflushed counts of this process.
    fn functions_of(&self, records: &[Record]) -> Scanned {
        let mut all = Scanned::new();
        for record in records {
            if let Some(folder) = &record.folder {
                *all.entry(folder.clone()).or_default() += record.totals.usage();
            }
        }
        for counters in self.all() {
            *all.entry(counters.name().to_owned()).or_default() += counters.unflushed().usage();
        }
        all
    }

    /// Records the current counts, for a scan that begins.
    pub(crate) fn baseline(&self) -> Baseline {
        let moved = self.usage.moved();
        let counted = self.files.as_ref().map(|files| {
            // Under the file's lock, no record is half written. If there is no file, the lock must not create a folder
            // or a file of its own.
            let session = files.counters.exists().then(|| files.counters.session(TRIES_OF_SCAN)).flatten();
            let counted = match &session {
                Some(session) => session.read(),
                None => files.counters.read(),
            };
            counted.map(|counted| (self.functions_of(&counted.records), counted.corrections))
        });
        let counted = counted.transpose().unwrap_or_else(|error| {
            unreadable(&error);
            None
        });
        let (functions, corrections) = counted.unwrap_or_else(|| (self.functions_of(&[]), None));
        Baseline { functions, corrections, moved }
    }

    /// Corrects the counters by the difference between what a scan found and its `baseline`. Returns whether it did. It
    /// does not if another scan corrected them in between. With `within_churn`, it also ignores a difference that is
    /// not larger than the number of entries stored and removed during the scan: the scan may or may not have counted
    /// these.
    pub(crate) fn reconcile(&self, baseline: &Baseline, found: &Scanned, within_churn: bool) -> Result<bool> {
        let Some(files) = &self.files else { return Ok(false) };
        // In a folder without a cache, a reader creates nothing.
        if found.is_empty() && baseline.functions.is_empty() && !files.counters.exists() {
            return Ok(true);
        }
        // A call that evicts must not wait as long as one that trims.
        let tries = if within_churn { TRIES_OF_SCAN } else { TRIES_TO_BEGIN };
        let Some(mut session) = files.counters.session(tries) else { return Ok(false) };
        let counted = session.read()?;
        if counted.corrections != baseline.corrections {
            return Ok(false);
        }
        if within_churn {
            let now: i64 = self.functions_of(&counted.records).values().map(|usage| usage.entries).sum();
            let own = self.usage.moved().wrapping_sub(baseline.moved);
            let churn = own.max(now.abs_diff(baseline.entries()));
            let entries: i64 = found.values().map(|usage| usage.entries).sum();
            if churn > 0 && baseline.entries().abs_diff(entries) <= churn {
                return Ok(false);
            }
        }
        self.add_difference(&baseline.functions, found);
        match self.note_correction(&mut session) {
            // The cache's folder was removed. The counts are right, and the next entry brings the file back.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            noted => noted?,
        }
        Ok(true)
    }

    /// Adds the difference between the counts and the entries that were found.
    fn add_difference(&self, counted: &Scanned, found: &Scanned) {
        let folders: BTreeSet<&String> = counted.keys().chain(found.keys()).collect();
        for folder in folders {
            let usage = |all: &Scanned| all.get(folder).copied().unwrap_or_default();
            let difference = usage(found) - usage(counted);
            if difference != UsageDelta::default() {
                self.change(&self.counters_named(folder.clone()), difference);
            }
        }
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Barrier;

    use super::*;

    const FOUND: UsageDelta = UsageDelta { entries: 10, bytes: 1000 };

    fn scanned(entries: i64) -> Scanned {
        Scanned::from([("f".to_owned(), UsageDelta { entries, bytes: 100 * entries })])
    }

    /// Makes the counters that another process with the same folder would have.
    fn process(root: &Path) -> Accounting {
        Accounting::new(&Layout::at(root).unwrap(), &KeyLocks::under(root))
    }

    fn recorded(root: &Path) -> UsageDelta {
        Accounting::totals_in(root).unwrap().usage()
    }

    fn never() -> (Scanned, Result<()>) {
        panic!("nothing is to be scanned")
    }

    #[test]
    fn processes_that_find_no_counter_file_scan_once() {
        for _ in 0..20 {
            let root = tempfile::tempdir().unwrap();
            let (scans, start) = (Mutex::new(0), Barrier::new(8));
            let scan = || {
                *scans.lock().unwrap() += 1;
                thread::sleep(Duration::from_millis(2));
                (scanned(10), Ok(()))
            };
            thread::scope(|scope| {
                for n in 0..8 {
                    let (root, scan, start) = (root.path(), &scan, &start);
                    scope.spawn(move || {
                        let process = process(root);
                        start.wait();
                        // One process finds the file missing when it opens the cache, another one a second later.
                        if n % 2 == 0 { process.begin(scan) } else { process.flush_with_retries(scan) }
                    });
                }
            });
            assert_eq!((recorded(root.path()), *scans.lock().unwrap()), (FOUND, 1));
        }
    }

    #[test]
    fn only_one_of_two_simultaneous_scans_corrects_the_counters() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (process(root.path()), process(root.path()));
        here.begin(&|| (scanned(20), Ok(())));
        // Ten entries are gone, and both scans find that.
        let (first, second) = (here.baseline(), there.baseline());
        assert!(there.reconcile(&second, &scanned(10), false).unwrap());
        assert!(!here.reconcile(&first, &scanned(10), false).unwrap());
        assert_eq!(recorded(root.path()), FOUND);
        assert!(here.refresh() && there.refresh());
        assert_eq!((here.usage().level(), there.usage().level()), (FOUND, FOUND));
        assert!(here.reconcile(&here.baseline(), &scanned(9), false).unwrap());
        assert_eq!(recorded(root.path()).entries, 9);
    }

    /// A scan that found no counter file and the one that made it must not both count the entries.
    #[test]
    fn a_scan_without_a_counter_file_yields_to_the_one_that_made_it() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (process(root.path()), process(root.path()));
        let baseline = here.baseline();
        there.begin(&|| (scanned(10), Ok(())));
        assert!(!here.reconcile(&baseline, &scanned(10), false).unwrap());
        assert_eq!(recorded(root.path()), FOUND);
    }

    #[test]
    fn what_is_stored_during_a_scan_is_counted_once() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (process(root.path()), process(root.path()));
        here.begin(&|| (scanned(10), Ok(())));
        let baseline = here.baseline();
        let counters = there.counters_named("f".to_owned());
        there.stored(&counters, None, 100);
        there.flush_one(&counters);
        // The scan may or may not have counted the entry.
        for found in [10, 11] {
            assert!(!here.reconcile(&baseline, &scanned(found), true).unwrap());
        }
        assert_eq!(recorded(root.path()).entries, 11);
        assert!(here.reconcile(&baseline, &scanned(5), true).unwrap());
        assert_eq!(recorded(root.path()).entries, 6);
    }

    #[test]
    fn usage_is_what_the_file_has_and_what_is_not_flushed() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (process(root.path()), process(root.path()));
        here.begin(&|| (scanned(10), Ok(())));
        let (mine, theirs) = (here.counters_named("g".to_owned()), there.counters_named("f".to_owned()));
        here.stored(&mine, None, 50);
        there.stored(&theirs, Some(100), 130);
        there.removed(&theirs, UsageDelta { entries: 2, bytes: 200 });
        there.flush_with_retries(&never);
        let all = UsageDelta { entries: 9, bytes: 880 };
        assert!(here.refresh());
        assert_eq!((here.usage().level(), here.totals().usage()), (all, all));
        here.flush_with_retries(&never);
        assert!(here.refresh());
        assert_eq!((here.usage().level(), recorded(root.path())), (all, all));
        assert_eq!((here.usage().moved(), there.usage().moved()), (1, 3));
        let by_folder = here.totals_by_folder().unwrap();
        assert_eq!(by_folder[&Layout::at(root.path()).unwrap().functions().join("g")].usage().entries, 1);
    }

    /// The process died after it wrote the functions' records, or the file is from a version that did not count
    /// corrections.
    #[test]
    fn a_counter_file_that_was_not_completed_is_corrected_by_a_scan() {
        let root = tempfile::tempdir().unwrap();
        let died = process(root.path());
        let counters = died.counters_named("f".to_owned());
        died.stored(&counters, None, 100);
        died.files.as_ref().unwrap().counters.session(1).unwrap().add([&*counters]).unwrap();
        let next = process(root.path());
        assert!(next.totals_by_folder().is_none() && !next.refresh());
        assert!(next.flush(&|| (scanned(10), Ok(()))).unwrap());
        assert_eq!(recorded(root.path()), FOUND);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a folder of the test")]
    fn a_folder_that_can_not_be_listed_does_not_stop_the_count_of_the_others() {
        let root = tempfile::tempdir().unwrap();
        let process = process(root.path());
        std::fs::create_dir_all(Layout::at(root.path()).unwrap().functions()).unwrap();
        let scans = Cell::new(0);
        let scan = || {
            scans.set(scans.get() + 1);
            (scanned(10), Err(Error::io(std::io::ErrorKind::PermissionDenied.into(), "can't list")))
        };
        assert!(process.flush(&scan).is_err());
        assert!(process.flush(&scan).unwrap(), "every flush scans again");
        assert_eq!((recorded(root.path()), scans.get()), (FOUND, 1));
    }

    /// F63: a recorder of metrics is foreign code.
    #[cfg(feature = "metrics")]
    #[test]
    fn a_recorder_of_metrics_runs_without_locks_and_may_panic() {
        use std::sync::atomic::{AtomicU32, Ordering};

        use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

        struct Foreign<'a> {
            accounting: &'a Accounting,
            unlocked: AtomicU32,
        }

        impl Recorder for Foreign<'_> {
            fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
            fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
            fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
            fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
                if self.accounting.functions.try_lock().is_ok() {
                    self.accounting.counters_named("f".to_owned()).take_unexported();
                    self.unlocked.fetch_add(1, Ordering::Relaxed);
                }
                panic!("a recorder may panic");
            }
            fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
                Gauge::noop()
            }
            fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
                Histogram::noop()
            }
        }

        let accounting = Accounting::in_memory();
        for name in ["f", "g"] {
            accounting.counters_named(name.to_owned()).miss(Duration::ZERO);
        }
        let recorder = Foreign { accounting: &accounting, unlocked: AtomicU32::new(0) };
        metrics::with_local_recorder(&recorder, || accounting.export_metrics());
        assert_eq!(
            recorder.unlocked.load(Ordering::Relaxed),
            2,
            "a lock was held, or the panic kept the next function"
        );
    }
}
