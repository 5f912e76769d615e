//! Looking at another process that computes what this one wants.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::circle;
use super::join::Holder;
use super::locked;
use super::patience::{BUSY, IDLE, LOOK, is_stealing};
use super::report::{Own, Report, Told, read_all};
use crate::key::Key;

/// A report is written each second. One that was not renewed for less than this may be late.
const LATE: Duration = Duration::from_secs(3);

/// What was seen of those who compute a key.
pub(super) struct Others {
    limit: Duration,
    is_stealing: bool,
    looked: Instant,
    /// Since when the process says nothing, uses no processor, and the call itself stands still.
    silent: Instant,
    idle: Instant,
    still: Instant,
    seen: HashMap<(PathBuf, Key), Beats>,
    holder: Holder,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Beats {
    process: u64,
    busy: u64,
    call: u64,
}

pub(super) enum Verdict {
    /// It is not time to look yet, or there is nothing new.
    GoOn,
    /// It looked.
    Looked,
    /// It does not get on.
    GiveUp,
    /// It waits for what this thread is within.
    Circle,
}

impl Others {
    pub(super) fn new(limit: Duration, is_task: bool) -> Others {
        let now = Instant::now();
        Others {
            limit: limit.max(LATE),
            is_stealing: !is_task && is_stealing(),
            looked: now,
            silent: now,
            idle: now,
            still: now,
            seen: HashMap::new(),
            holder: Holder::Unknown,
        }
    }

    /// The next one is waited for.
    pub(super) fn begin_again(&mut self) {
        let now = Instant::now();
        (self.silent, self.idle, self.still) = (now, now, now);
        self.holder = Holder::Unknown;
    }

    pub(super) fn holder(&self) -> Holder {
        self.holder.clone()
    }

    /// Looks, if it is time to.
    pub(super) fn look(&mut self, own: &Mutex<Own>, root: &Path, key: &Key) -> Verdict {
        if self.looked.elapsed() < LOOK {
            return Verdict::GoOn;
        }
        let now = Instant::now();
        self.looked = now;
        let reports = read_all(root);
        let own = locked(own).name().map(Path::to_owned);
        let Some(ends) = ends(&reports, key) else { return Verdict::Circle };
        for (path, report, call) in ends {
            let beats = Beats { process: report.beat, busy: report.busy, call: call.beat };
            let before = self.seen.insert((path.clone(), call.key), beats);
            let changed = |of: fn(&Beats) -> u64| before.is_none_or(|before| of(&before) != of(&beats));
            for (since, changed) in [
                (&mut self.silent, changed(|beats| beats.process)),
                (&mut self.idle, changed(|beats| beats.busy)),
                (&mut self.still, changed(|beats| beats.call)),
            ] {
                if changed {
                    *since = now;
                }
            }
        }
        self.holder = holder(&reports, key);
        // One who may wait for this process in turn is not waited for as if he did not.
        let times = if self.is_stealing || own.is_some_and(|own| waits_for(&reports, key, &own)) {
            1
        } else if self.idle.elapsed() < LATE {
            BUSY
        } else {
            IDLE
        };
        let is_over = self.silent.elapsed() > self.limit || self.still.elapsed() > self.limit.saturating_mul(times);
        if is_over { Verdict::GiveUp } else { Verdict::Looked }
    }
}

/// The calls that are waited for in the end by those who wait for this key, which wait for no other; `None` if one of them
/// is what this thread is within.
fn ends<'r>(reports: &'r [(PathBuf, Report)], key: &Key) -> Option<Vec<(&'r PathBuf, &'r Report, &'r Told)>> {
    let mut mine: HashSet<Key> = circle::keys_within().into_iter().collect();
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

/// Whether a process that computes this key waits, maybe through others, for the process of this report.
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
    // If one took over from another that stood still, the younger one is computing.
    let computes = calls.filter(|(_, call)| call.key == *key).max_by_key(|(_, call)| call.since());
    computes.map_or(Holder::Unknown, |(report, call)| Holder::Elsewhere {
        pid: report.pid,
        host: report.host.clone(),
        since: call.since(),
    })
}
