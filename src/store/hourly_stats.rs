//! What all processes did in each hour of the last year, in one file of a bounded size.
//!
//! ```text
//! slot =  0  8  XXH3-64 of the rest
//!         8  8  the hour: hours since 1970
//!        16 64  hits, hits from memory, computed calls, bypasses, errors, nanoseconds computed, nanoseconds saved,
//!               bytes written (u64 each)
//!        80 48  zeros
//! ```
//!
//! Integers are little-endian. An hour has the slot of its number modulo [`SLOTS`], where it takes the place of the one
//! before; so the file is at most 1.1 MiB, and sparse. Processes add to a slot about once a second, under a lock. The file may
//! be removed at any time; a slot that is damaged is as good as none.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use twox_hash::XxHash3_64;

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::observe::stats::{Count, Sums};
use crate::sys::file::{FileRange, open_entry, open_to_change, write_all_at};
use crate::sys::lock::key_locks::KeyLocks;
use crate::sys::lock::try_lock::TryLock;
use crate::text::json::{seconds, seconds_since_1970};

const SLOT: usize = 128;

/// Hours of a leap year, and of a day.
const SLOTS: u64 = 367 * 24;

/// The byte that is locked for the file: no call's key is this by chance.
const LOCK: Key = Key::from_bytes([2; 32]);

const HOUR: u64 = 3600;

/// What happened in one hour, in all processes: what [`Cache::activity`](crate::Cache::activity) gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Activity {
    /// When the hour began. As JSON: seconds since 1970.
    #[serde(serialize_with = "seconds_since_1970")]
    pub hour: SystemTime,
    /// Calls whose result was loaded.
    pub hits: u64,
    /// Those of them that touched no file.
    pub hot_hits: u64,
    /// Calls that were computed.
    pub misses: u64,
    /// Calls that went past the cache.
    pub bypasses: u64,
    /// Faults of the cache.
    pub errors: u64,
    /// Time that functions ran. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub computed: Duration,
    /// Time that functions would have run, had their results not been loaded. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub saved: Duration,
    /// Bytes of entries that were written.
    pub bytes_written: u64,
}

/// The numbers of a slot, in their order.
type Numbers = [u64; 8];

/// The hours of one cache.
pub(crate) struct Hours {
    path: PathBuf,
    locks: KeyLocks,
}

impl Hours {
    pub(crate) fn at(path: PathBuf, locks: KeyLocks) -> Self {
        Hours { path, locks }
    }

    /// Adds what happened just now: whether nobody else was at it. Nothing is added then.
    pub(crate) fn add(&self, news: &Sums) -> Result<bool> {
        let news = numbers(news);
        if news == Numbers::default() {
            return Ok(true);
        }
        // Where there are no locks, one does without.
        let lock = match self.locks.ask(&LOCK) {
            Ok(TryLock::Busy) => return Ok(false),
            Ok(TryLock::Acquired(lock)) => Some(lock),
            Err(_) => None,
        };
        let failed = |e| Error::io(e, "can't note what happened in this hour").at(&self.path);
        let file = open_to_change(&self.path).map_err(failed)?;
        let hour = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs() / HOUR;
        let at = hour % SLOTS * SLOT as u64;
        let mut all = read_slot(&file, at).filter(|(then, _)| *then == hour).map_or([0; 8], |(_, numbers)| numbers);
        all.iter_mut().zip(news).for_each(|(sum, more)| *sum = sum.wrapping_add(more));
        write_all_at(&file, &encode(hour, &all), at).map_err(failed)?;
        drop(lock);
        Ok(true)
    }

    /// The hours in which anything happened, oldest first.
    pub(crate) fn read(&self) -> Result<Vec<Activity>> {
        let failed = |e| Error::io(e, "can't read what happened in each hour").at(&self.path);
        let file = match open_entry(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let len = file.metadata().map_err(failed)?.len() / SLOT as u64 * SLOT as u64;
        let mut bytes = vec![0; usize::try_from(len.min(SLOTS * SLOT as u64)).unwrap_or(0)];
        FileRange::new(&file, 0, len).read_exact_at(0, &mut bytes).map_err(|error| error.at(&self.path))?;
        let mut hours: Vec<_> = bytes.chunks_exact(SLOT).filter_map(decode).collect();
        hours.sort_unstable_by_key(|(hour, _)| *hour);
        Ok(hours.into_iter().map(activity).collect())
    }
}

/// Of a function's or a cache's sums, what is kept by the hour.
fn numbers(sums: &Sums) -> Numbers {
    let stats = sums.stats();
    [
        stats.hits,
        stats.hot_hits,
        stats.misses,
        stats.bypasses,
        stats.errors,
        sums.get(Count::Computed),
        sums.get(Count::Saved).wrapping_add(sums.get(Count::HotSaved)),
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

fn read_slot(file: &File, at: u64) -> Option<(u64, Numbers)> {
    let mut bytes = [0; SLOT];
    FileRange::new(file, at, at + SLOT as u64).read_exact_at(0, &mut bytes).ok()?;
    decode(&bytes)
}

fn encode(hour: u64, numbers: &Numbers) -> [u8; SLOT] {
    let mut bytes = [0; SLOT];
    bytes[8..16].copy_from_slice(&hour.to_le_bytes());
    for (place, number) in bytes[16..].chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let checksum = XxHash3_64::oneshot(&bytes[8..]);
    bytes[..8].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, Numbers)> {
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    // A slot of zeros was never written.
    let hour = number(8).filter(|hour| (1..=u64::from(u32::MAX)).contains(hour))?;
    if number(0)? != XxHash3_64::oneshot(&bytes[8..]) {
        return None;
    }
    let mut numbers = [0; 8];
    for (index, place) in numbers.iter_mut().enumerate() {
        *place = number(16 + 8 * index)?;
    }
    Some((hour, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::stats::Tally;

    fn hours(root: &std::path::Path) -> Hours {
        Hours::at(root.join("activity"), KeyLocks::under(root))
    }

    #[test]
    fn an_hour_adds_up_and_a_damaged_one_begins_anew() {
        let root = tempfile::tempdir().unwrap();
        let hours = hours(root.path());
        assert!(hours.read().unwrap().is_empty());
        let tally = Tally::of("f".to_owned());
        tally.hit(Duration::from_nanos(5), 100);
        tally.miss(Duration::from_nanos(7));
        let before = SystemTime::now();
        assert!(hours.add(&tally.sums()).unwrap() && hours.add(&tally.sums()).unwrap());
        assert!(hours.add(&Sums::default()).unwrap());
        let read = hours.read().unwrap();
        let sum = |get: fn(&Activity) -> u64| read.iter().map(get).sum::<u64>();
        // The clock may have struck meanwhile.
        assert!((1..=2).contains(&read.len()), "{read:?}");
        assert!(read[0].hour <= before && before.duration_since(read[0].hour).unwrap().as_secs() < HOUR);
        assert_eq!((sum(|a| a.hits), sum(|a| a.misses)), (2, 2));
        assert_eq!(read.iter().map(|a| a.saved).sum::<Duration>(), Duration::from_nanos(10));

        let path = root.path().join("activity");
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() as u64 <= SLOTS * SLOT as u64);
        bytes.iter_mut().for_each(|byte| *byte ^= u8::from(*byte != 0));
        write_all_at(&open_to_change(&path).unwrap(), &bytes, 0).unwrap();
        assert!(hours.read().unwrap().is_empty());
        assert!(hours.add(&tally.sums()).unwrap());
        assert_eq!(hours.read().unwrap().last().unwrap().hits, 1);
    }

    #[test]
    fn an_hour_of_last_year_makes_room() {
        let root = tempfile::tempdir().unwrap();
        let hours = hours(root.path());
        let hour = UNIX_EPOCH.elapsed().unwrap().as_secs() / HOUR;
        let old = encode(hour - SLOTS, &[9; 8]);
        let file = open_to_change(&root.path().join("activity")).unwrap();
        write_all_at(&file, &old, hour % SLOTS * SLOT as u64).unwrap();
        assert_eq!(hours.read().unwrap().len(), 1);
        let tally = Tally::of("f".to_owned());
        tally.miss(Duration::ZERO);
        hours.add(&tally.sums()).unwrap();
        let last = hours.read().unwrap().pop().unwrap();
        assert_eq!((last.misses, last.hits), (1, 0));
    }
}
