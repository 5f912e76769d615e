//! Observes holders in other processes through their reports.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::key::digest::Key;
use crate::single_flight::holder::Holder;
use crate::single_flight::report_file::{Report, ReportedCall, read_all};
use crate::single_flight::table::InFlightTable;
use crate::single_flight::wait_graph;
use crate::single_flight::wait_policy::{BUSY, IDLE, LOOK, is_stealing};
use crate::sys::locked::locked;

/// Minimum age of a report that counts as late. Reports are written each second.
const LATE: Duration = Duration::from_secs(3);

/// Observations of the processes that compute a key.
pub(super) struct OtherProcesses {
    limit: Duration,
    is_stealing: bool,
    looked: Instant,
    has_looked: bool,
    began: Instant,
    /// Since when the process has reported nothing (`silent`) and used no processor (`idle`), and since when the call
    /// itself has made no progress (`still`) and used no processor (`light`).
    silent: Instant,
    idle: Instant,
    still: Instant,
    light: Instant,
    seen: HashMap<(PathBuf, Key), Beats>,
    holder: Holder,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Beats {
    process: u64,
    busy: u64,
    call: u64,
    work: u64,
}

pub(super) enum HolderState {
    /// It is not time to look yet.
    NotLookedYet,
    /// It looked, and the wait continues.
    MakesProgress,
    /// The holder makes no progress.
    GiveUp,
    /// The holder waits for a call that this thread is computing.
    Cycle,
}

impl OtherProcesses {
    pub(super) fn new(limit: Duration, is_task: bool) -> OtherProcesses {
        let now = Instant::now();
        OtherProcesses {
            limit: limit.max(LATE),
            is_stealing: !is_task && is_stealing(),
            looked: now,
            has_looked: false,
            began: now,
            silent: now,
            idle: now,
            still: now,
            light: now,
            seen: HashMap::new(),
            holder: Holder::Unknown,
        }
    }

    /// Restarts all timers, for the next holder.
    pub(super) fn begin_again(&mut self) {
        let now = Instant::now();
        (self.began, self.silent, self.idle, self.still, self.light) = (now, now, now, now, now);
        self.holder = Holder::Unknown;
    }

    pub(super) fn holder(&self) -> Holder {
        self.holder.clone()
    }

    /// Looks at the reports, if it is time to.
    pub(super) fn look(&mut self, flights: &InFlightTable, key: &Key) -> HolderState {
        // If some process is known to be silent, look at once, because it may hold many calls.
        let is_first = !mem::replace(&mut self.has_looked, true);
        if self.looked.elapsed() < LOOK && (!is_first || locked(&flights.silent).is_empty()) {
            return HolderState::NotLookedYet;
        }
        let now = Instant::now();
        self.looked = now;
        let reports = read_all(&flights.path);
        let silent = note_silent(&flights.silent, &reports, now);
        let own = locked(&flights.report).name().map(Path::to_owned);
        let Some(ends) = ends(&reports, key) else { return HolderState::Cycle };
        // Another call may have noticed earlier that it is silent.
        let heard = ends.iter().filter_map(|(path, ..)| silent.get(*path)).max().copied();
        for (path, report, call) in ends {
            let beats = Beats { process: report.beat, busy: report.busy, call: call.beat, work: call.work };
            let before = self.seen.insert((path.clone(), call.key), beats);
            let changed = |of: fn(&Beats) -> u64| before.is_none_or(|before| of(&before) != of(&beats));
            for (since, changed) in [
                (&mut self.silent, changed(|beats| beats.process)),
                (&mut self.idle, changed(|beats| beats.busy)),
                (&mut self.still, changed(|beats| beats.call)),
                (&mut self.light, changed(|beats| beats.work)),
            ] {
                if changed {
                    *since = now;
                }
            }
        }
        self.silent = heard.unwrap_or(self.silent);
        self.holder = holder(&reports, key);
        // A holder that may be waiting for this process gets the shortest time. So does every holder, if this thread
        // belongs to a work-stealing pool.
        let times = if self.is_stealing || own.is_some_and(|own| waits_for(&reports, key, &own)) {
            1
        } else if self.idle.elapsed() < LATE {
            BUSY
        } else {
            IDLE
        };
        let limits = |times: u32| self.limit.saturating_mul(times);
        let is_over = self.silent.elapsed() > self.limit
            || self.still.elapsed() > limits(times)
            || self.light.elapsed() > limits(BUSY)
            || self.began.elapsed() > limits(IDLE * BUSY);
        if is_over { HolderState::GiveUp } else { HolderState::MakesProgress }
    }
}

/// Records when each process last reported something new. Returns since when it is silent.
fn note_silent(
    known: &Mutex<HashMap<PathBuf, (u64, Instant)>>,
    reports: &[(PathBuf, Report)],
    now: Instant,
) -> HashMap<PathBuf, Instant> {
    let mut known = locked(known);
    let all: HashMap<_, _> = reports
        .iter()
        .map(|(path, report)| {
            let since = known.get(path).filter(|(beat, _)| *beat == report.beat).map_or(now, |(_, since)| *since);
            (path.clone(), (report.beat, since))
        })
        .collect();
    known.clone_from(&all);
    all.into_iter().map(|(path, (_, since))| (path, since)).collect()
}

/// Follows the waits of those who compute this key. Returns the calls at the ends, which wait for no other. `None` if
/// one of the calls on the way is computed by this thread.
fn ends<'r>(reports: &'r [(PathBuf, Report)], key: &Key) -> Option<Vec<(&'r PathBuf, &'r Report, &'r ReportedCall)>> {
    let mut mine: HashSet<Key> = wait_graph::keys_within().into_iter().collect();
    mine.remove(key);
    let mut todo = vec![*key];
    let mut seen = HashSet::new();
    let mut ends = Vec::new();
    while let Some(key) = todo.pop() {
        if mine.contains(&key) {
            return None;
        }
        if !seen.insert(key) {
            continue;
        }
        for (path, report) in reports {
            for call in report.computing.iter().filter(|call| call.key == key) {
                if call.waits_for.is_empty() {
                    ends.push((path, report, call));
                }
                todo.extend(&call.waits_for);
            }
        }
    }
    Some(ends)
}

/// Returns whether a process that computes this key waits, directly or through others, for the process of the report
/// `own`.
fn waits_for(reports: &[(PathBuf, Report)], key: &Key, own: &Path) -> bool {
    let mut todo = vec![*key];
    let mut seen = HashSet::new();
    while let Some(key) = todo.pop() {
        for (path, report) in reports {
            if !report.computing.iter().any(|call| call.key == key) || !seen.insert((key, path)) {
                continue;
            }
            for waiting in &report.waiting {
                let is_own = |(path, report): &(PathBuf, Report)| {
                    path == own && report.computing.iter().any(|call| call.key == waiting.key)
                };
                if reports.iter().any(is_own) {
                    return true;
                }
                todo.push(waiting.key);
            }
        }
    }
    false
}

fn holder(reports: &[(PathBuf, Report)], key: &Key) -> Holder {
    let calls = reports.iter().flat_map(|(_, report)| report.computing.iter().map(move |call| (report, call)));
    // If one process took over from another, the younger call is the one that computes.
    let computes = calls.filter(|(_, call)| call.key == *key).max_by_key(|(_, call)| call.since());
    computes.map_or(Holder::Unknown, |(report, call)| Holder::Elsewhere {
        pid: report.pid,
        host: report.host.clone(),
        since: call.since(),
    })
}
