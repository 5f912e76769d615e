//! Hourly log: what all processes did in each hour of the last year, in one file of limited size.
//!
//! ```text
//! slot =  0  8  XXH3-64 of the rest
//!         8  8  the hour: hours since 1970
//!        16 64  hits, hits from memory, computed calls, bypasses, errors, nanoseconds computed, nanoseconds saved,
//!               bytes written (u64 each)
//!        80 48  zeros
//! ```
//!
//! Integers are little-endian. The slot of an hour is its number modulo [`SLOTS`]; an hour overwrites an older one in
//! its slot. So the file has at most 1.1 MiB, and is sparse. Processes add to a slot about once a second, under the
//! file's lock. The file may be removed at any time.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::error::Result;
use crate::key::digest::Key;
use crate::observe::stats::{Count, CounterTotals};
use crate::store::record_file::{CHECKSUM, RecordFile, numbers, put_numbers};
use crate::sys::lock::key_locks::KeyLocks;
use crate::text::json::{seconds, seconds_since_1970};

const SLOT: usize = 128;

/// Offset of the numbers in a slot.
const NUMBERS_AT: usize = 16;

/// Number of slots: the hours of a leap year and a day.
const SLOTS: u64 = 367 * 24;

/// The byte that is locked for the file. No key of a call has this value by chance.
const LOCK: Key = Key::from_bytes([2; 32]);

/// Length of an hour, in seconds.
const HOUR: u64 = 3600;

/// What all processes did in one hour. Returned by [`Cache::activity`](crate::Cache::activity).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Activity {
    /// When the hour began. As JSON: seconds since 1970.
    #[serde(serialize_with = "seconds_since_1970")]
    pub hour: SystemTime,
    /// Calls whose result was loaded.
    pub hits: u64,
    /// The hits that touched no file, because the result was in memory.
    pub hot_hits: u64,
    /// Calls that were computed.
    pub misses: u64,
    /// Calls that bypassed the cache.
    pub bypasses: u64,
    /// Number of faults of the cache.
    pub errors: u64,
    /// How long functions ran. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub computed: Duration,
    /// How long functions would have run if their results had not been loaded. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub saved: Duration,
    /// Bytes of entries written.
    pub bytes_written: u64,
}

/// The numbers of a slot, in their order.
type Numbers = [u64; 8];

/// The hourly log of one cache.
pub(crate) struct HourlyLog(RecordFile<SLOT>);

impl HourlyLog {
    pub(crate) fn new(path: PathBuf, locks: KeyLocks) -> Self {
        HourlyLog(RecordFile::new(path, locks, LOCK))
    }

    /// Adds to the current hour. Returns whether it could: if another process has the lock, nothing is added.
    pub(crate) fn append_hour(&self, news: &CounterTotals) -> Result<bool> {
        let news = numbers_of(news);
        if news == Numbers::default() {
            return Ok(true);
        }
        let HourlyLog(records) = self;
        let Some(_writing) = records.try_lock() else { return Ok(false) };
        let file = records.open_to_change()?;
        let hour = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs() / HOUR;
        let at = hour % SLOTS * SLOT as u64;
        let before = records.read(&file, at).and_then(|slot| decode(&slot)).filter(|(then, _)| *then == hour);
        let mut all = before.map_or_else(Numbers::default, |(_, numbers)| numbers);
        all.iter_mut().zip(news).for_each(|(total, more)| *total = total.wrapping_add(more));
        records.write(&file, at, encode(hour, &all))?;
        records.keep_open(file);
        Ok(true)
    }

    /// Returns the hours in which anything happened, oldest first.
    pub(crate) fn read(&self) -> Result<Vec<Activity>> {
        let HourlyLog(records) = self;
        let Some(file) = records.open()? else { return Ok(Vec::new()) };
        let slots = records.read_all(&file, SLOTS)?.intact;
        let mut hours: Vec<_> = slots.iter().filter_map(|(_, slot)| decode(slot)).collect();
        hours.sort_unstable_by_key(|(hour, _)| *hour);
        Ok(hours.into_iter().map(activity).collect())
    }
}

/// Returns the counters that the log has for each hour.
fn numbers_of(totals: &CounterTotals) -> Numbers {
    let stats = totals.stats();
    [
        stats.hits,
        stats.hot_hits,
        stats.misses,
        stats.bypasses,
        stats.errors,
        totals.get(Count::Computed),
        totals.get(Count::Saved).wrapping_add(totals.get(Count::HotSaved)),
        stats.bytes_written,
    ]
}

fn activity((hour, numbers): (u64, Numbers)) -> Activity {
    let [hits, hot_hits, misses, bypasses, errors, computed, saved, bytes_written] = numbers;
    Activity {
        hour: UNIX_EPOCH + Duration::from_secs(hour * HOUR),
        hits,
        hot_hits,
        misses,
        bypasses,
        errors,
        computed: Duration::from_nanos(computed),
        saved: Duration::from_nanos(saved),
        bytes_written,
    }
}

fn encode(hour: u64, numbers: &Numbers) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    put_numbers(&mut slot[CHECKSUM..NUMBERS_AT], &[hour]);
    put_numbers(&mut slot[NUMBERS_AT..], numbers);
    slot
}

/// Returns the hour of a slot and its numbers; `None` for an impossible hour.
fn decode(slot: &[u8; SLOT]) -> Option<(u64, Numbers)> {
    let [hour] = numbers(&slot[CHECKSUM..NUMBERS_AT]);
    (1..=u64::from(u32::MAX)).contains(&hour).then(|| (hour, numbers(&slot[NUMBERS_AT..])))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::observe::function_counters::FunctionCounters;
    use crate::sys::file::{open_to_change, write_all_at};

    fn log(root: &Path) -> HourlyLog {
        HourlyLog::new(root.join("activity"), KeyLocks::under(root))
    }

    #[test]
    fn counts_of_an_hour_add_up_and_a_damaged_hour_begins_at_zero() {
        let root = tempfile::tempdir().unwrap();
        let log = log(root.path());
        assert!(log.read().unwrap().is_empty());
        let counters = FunctionCounters::new("f".to_owned());
        counters.hit(Duration::from_nanos(5), 100);
        counters.miss(Duration::from_nanos(7));
        let totals = counters.totals();
        let before = SystemTime::now();
        assert!(log.append_hour(&totals).unwrap() && log.append_hour(&totals).unwrap());
        assert!(log.append_hour(&CounterTotals::default()).unwrap());
        let read = log.read().unwrap();
        let sum = |get: fn(&Activity) -> u64| read.iter().map(get).sum::<u64>();
        // A new hour may have begun in between.
        assert!((1..=2).contains(&read.len()), "{read:?}");
        assert!(read[0].hour <= before && before.duration_since(read[0].hour).unwrap().as_secs() < HOUR);
        assert_eq!((sum(|a| a.hits), sum(|a| a.misses)), (2, 2));
        assert_eq!(read.iter().map(|a| a.saved).sum::<Duration>(), Duration::from_nanos(10));

        let path = root.path().join("activity");
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() as u64 <= SLOTS * SLOT as u64);
        bytes.iter_mut().for_each(|byte| *byte ^= u8::from(*byte != 0));
        write_all_at(&open_to_change(&path).unwrap(), &bytes, 0).unwrap();
        assert!(log.read().unwrap().is_empty());
        assert!(log.append_hour(&totals).unwrap());
        assert_eq!(log.read().unwrap().last().unwrap().hits, 1);
    }

    #[test]
    fn an_hour_overwrites_the_same_slot_of_last_year() {
        let root = tempfile::tempdir().unwrap();
        let log = log(root.path());
        let hour = UNIX_EPOCH.elapsed().unwrap().as_secs() / HOUR;
        let file = log.0.open_to_change().unwrap();
        log.0.write(&file, hour % SLOTS * SLOT as u64, encode(hour - SLOTS, &[9; 8])).unwrap();
        assert_eq!(log.read().unwrap().len(), 1);
        let counters = FunctionCounters::new("f".to_owned());
        counters.miss(Duration::ZERO);
        log.append_hour(&counters.totals()).unwrap();
        let last = log.read().unwrap().pop().unwrap();
        assert_eq!((last.misses, last.hits), (1, 0));
    }

    #[test]
    fn nothing_is_added_while_another_process_has_the_lock() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (log(root.path()), log(root.path()));
        let counters = FunctionCounters::new("f".to_owned());
        counters.miss(Duration::ZERO);
        let lock = there.0.try_lock();
        assert!(!here.append_hour(&counters.totals()).unwrap());
        drop(lock);
        assert!(here.append_hour(&counters.totals()).unwrap());
        assert_eq!(here.read().unwrap().last().unwrap().misses, 1);
    }
}
