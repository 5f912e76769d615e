//! Tests that each call is computed once when several threads make it.
//!
//! The cache's folder does not exist, so there are no locks between processes and no entries.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::key::digest::Key;
use crate::single_flight::flight::FlightOutcome;
use crate::single_flight::join::{Join, WaitStep};
use crate::single_flight::table::{InFlightTable, Role};
use crate::store::directory::Directory;
use crate::sys::lock::key_locks::KeyLocks;

const NOWHERE: &str = "/larder-has-no-such-folder/cache";

fn table() -> Arc<InFlightTable> {
    let root = Path::new(NOWHERE);
    Arc::new(InFlightTable::new(root, KeyLocks::under(root), Duration::from_secs(100_000)))
}

fn join(flights: &Arc<InFlightTable>, key: &Key) -> Role {
    let store = Directory::default();
    let mut join = Join::new(flights, &store, key, "f", Path::new(NOWHERE), false, None);
    loop {
        if let WaitStep::Role(role) = join.next() {
            return role;
        }
    }
}

/// Makes one call in each of `threads` threads. The first `failures` computations fail. Returns the number of
/// computations.
fn calls(threads: usize, failures: u32) -> u32 {
    let (flights, key) = (table(), Key::from_bytes([1; 32]));
    let (computed, is_stored, is_computing) = (AtomicU32::new(0), AtomicBool::new(false), AtomicBool::new(false));
    let start = Barrier::new(threads);
    let call = || {
        start.wait();
        match join(&flights, &key) {
            Role::Leader(lead) => {
                assert!(!is_computing.swap(true, Ordering::Relaxed), "two leaders at one time");
                let fails = !is_stored.load(Ordering::Relaxed) && computed.fetch_add(1, Ordering::Relaxed) < failures;
                thread::yield_now();
                is_stored.fetch_or(!fails, Ordering::Relaxed);
                is_computing.store(false, Ordering::Relaxed);
                if fails { drop(lead) } else { lead.complete(FlightOutcome::Stored) }
            }
            Role::Look => assert!(is_stored.load(Ordering::Relaxed), "nothing is stored"),
            Role::Alone => panic!("a call does not wait"),
        }
    };
    thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(call)));
    computed.into_inner()
}

#[test]
fn one_of_several_threads_computes() {
    assert_eq!(calls(3, 0), 1);
}

#[test]
fn after_a_failure_another_thread_computes() {
    assert_eq!(calls(3, 1), 2);
    assert_eq!(calls(2, 2), 2);
}

#[test]
fn a_result_that_is_not_kept_is_computed_by_each() {
    let (flights, key) = (table(), Key::from_bytes([1; 32]));
    let start = Barrier::new(2);
    let call = || {
        start.wait();
        match join(&flights, &key) {
            Role::Leader(lead) => lead.complete(FlightOutcome::NotKept),
            Role::Alone => {}
            Role::Look => panic!("there is no result to look for"),
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| _ = scope.spawn(call)));
}

/// Two threads each compute a call and need the other's: both end, as at least one of them computes the other call too.
#[test]
fn calls_that_need_each_other_end() {
    let flights = table();
    let start = Barrier::new(2);
    let alone = AtomicU32::new(0);
    let call = |mine: u8| {
        let (mine, other) = (Key::from_bytes([mine; 32]), Key::from_bytes([1 - mine; 32]));
        let Role::Leader(lead) = join(&flights, &mine) else { panic!("nobody else makes this call") };
        start.wait();
        match join(&flights, &other) {
            Role::Alone => _ = alone.fetch_add(1, Ordering::Relaxed),
            Role::Look => {}
            // The other thread has ended.
            Role::Leader(inner) => inner.complete(FlightOutcome::Stored),
        }
        lead.complete(FlightOutcome::Stored);
    };
    thread::scope(|scope| (0..2).for_each(|n| _ = scope.spawn(move || call(n))));
    assert!(alone.into_inner() >= 1, "neither noticed the cycle");
}
