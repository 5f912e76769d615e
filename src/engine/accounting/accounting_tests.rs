//! Tests counters that several processes write and correct.

use std::cell::Cell;
use std::path::Path;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use crate::engine::accounting::{Accounting, Scanned};
use crate::error::{Error, Result};
use crate::observe::stats::UsageDelta;
use crate::store::layout::Layout;
use crate::sys::lock::key_locks::KeyLocks;

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
                    if n % 2 == 0 { process.ensure_counter_file(scan) } else { process.flush_with_retries(scan) }
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
    here.ensure_counter_file(&|| (scanned(20), Ok(())));
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
    there.ensure_counter_file(&|| (scanned(10), Ok(())));
    assert!(!here.reconcile(&baseline, &scanned(10), false).unwrap());
    assert_eq!(recorded(root.path()), FOUND);
}

#[test]
fn what_is_stored_during_a_scan_is_counted_once() {
    let root = tempfile::tempdir().unwrap();
    let (here, there) = (process(root.path()), process(root.path()));
    here.ensure_counter_file(&|| (scanned(10), Ok(())));
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
    // The same if the caller of the scan waits for it, as with `trim`.
    let baseline = here.baseline();
    there.stored(&counters, None, 100);
    there.flush_one(&counters);
    assert!(!here.reconcile(&baseline, &scanned(7), false).unwrap());
    assert_eq!(recorded(root.path()).entries, 7);
}

#[test]
fn usage_is_what_the_file_has_and_what_is_not_flushed() {
    let root = tempfile::tempdir().unwrap();
    let (here, there) = (process(root.path()), process(root.path()));
    here.ensure_counter_file(&|| (scanned(10), Ok(())));
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

/// A recorder of metrics is foreign code.
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
    assert_eq!(recorder.unlocked.load(Ordering::Relaxed), 2, "a lock was held, or the panic kept the next function");
}
