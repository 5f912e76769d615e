//! Corrects the counters of a cache by a scan of its entries.
//!
//! Some changes are not counted: a process may be killed between rename and counting, and another program may remove a
//! file. A scan finds them. It is compared with a [`Baseline`], the counts when the scan began, and the difference is
//! added to the counters. Entries that are stored or removed during the scan are counted by the process that does it.
//! If another scan corrected the counters in between, the baseline is outdated and nothing is added, as otherwise both
//! scans would add the same difference. The counter file has the number of corrections.

use std::collections::BTreeSet;

use crate::engine::accounting::{Accounting, Scan, Scanned, unreadable, unwritable};
use crate::error::{ErrorKind, Result};
use crate::observe::stats::UsageDelta;
use crate::store::counters::{Record, Session};

/// Attempts to lock the counter file, 2 ms apart: by an operation that must not wait long, and by one that may.
const SHORT_TRIES: u32 = 10;
const LONG_TRIES: u32 = 100;

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

impl Accounting {
    /// Counts the entries with `scan` and makes the counter file, if there is none. Other processes that open the cache
    /// wait until that is done, so that only one of them scans.
    pub(crate) fn ensure_counter_file(&self, scan: Scan<'_>) {
        let Some(files) = &self.files else { return };
        if files.counters.is_complete() {
            return;
        }
        // If the other process takes longer than that, its counts are read later.
        let begun = match files.counters.session(LONG_TRIES) {
            Some(mut session) => self.create_counter_file(&mut session, scan),
            None => Ok(()),
        };
        unwritable(begun);
    }

    /// Makes the counter file, if it is missing or incomplete. The scan is part of the session, so that no other
    /// process that finds the file missing scans too.
    pub(super) fn create_counter_file(&self, session: &mut Session<'_>, scan: Scan<'_>) -> Result<()> {
        if session.is_complete()? {
            return Ok(());
        }
        let before = self.usage_by_function(&session.read()?.records);
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
    fn usage_by_function(&self, records: &[Record]) -> Scanned {
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
            let session = files.counters.exists().then(|| files.counters.session(SHORT_TRIES)).flatten();
            let counted = match &session {
                Some(session) => session.read(),
                None => files.counters.read(),
            };
            counted.map(|counted| (self.usage_by_function(&counted.records), counted.corrections))
        });
        let counted = counted.transpose().unwrap_or_else(|error| {
            unreadable(&error);
            None
        });
        let (functions, corrections) = counted.unwrap_or_else(|| (self.usage_by_function(&[]), None));
        Baseline { functions, corrections, moved }
    }

    /// Corrects the counters by the difference between what a scan found and its `baseline`. Returns
    /// whether the counters are right now: false if another scan corrected them in between, if the counter file stayed
    /// locked, if the cache is off, or if the difference is not larger than the number of entries stored and removed
    /// during the scan: the scan may or may not have counted these. `is_in_call`: a call waits for it, so it does not
    /// wait long for the file.
    pub(crate) fn reconcile(&self, baseline: &Baseline, found: &Scanned, is_in_call: bool) -> Result<bool> {
        let Some(files) = &self.files else { return Ok(false) };
        // In a folder without a cache, a reader creates nothing.
        if found.is_empty() && baseline.functions.is_empty() && !files.counters.exists() {
            return Ok(true);
        }
        let tries = if is_in_call { SHORT_TRIES } else { LONG_TRIES };
        let Some(mut session) = files.counters.session(tries) else { return Ok(false) };
        let counted = session.read()?;
        if counted.corrections != baseline.corrections {
            return Ok(false);
        }
        let now: i64 = self.usage_by_function(&counted.records).values().map(|usage| usage.entries).sum();
        let own = self.usage.moved().wrapping_sub(baseline.moved);
        let churn = own.max(now.abs_diff(baseline.entries()));
        let entries: i64 = found.values().map(|usage| usage.entries).sum();
        if churn > 0 && baseline.entries().abs_diff(entries) <= churn {
            return Ok(false);
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
}
