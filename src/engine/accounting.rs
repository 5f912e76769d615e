//! What all processes counted, and putting it right.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crate::engine::eviction::trim::Found;
use crate::engine::{LAST_PAUSE, LAST_TRIES, Place, Upkeep, locked};
use crate::error::{Error, Result};
#[cfg(feature = "metrics")]
use crate::observe::metrics_export;
use crate::observe::stats::{Level, Sums, Tally};
use crate::store::counters::{Counted, Record, name_of_folder};
use crate::store::hourly_stats::Activity;

/// How often an entry's coming or going is tried to be noted at once.
const SETTLE_TRIES: u32 = 4;

/// What was thought to be there.
pub(crate) struct Before {
    folders: BTreeMap<String, Level>,
    bounds: Level,
}

impl Before {
    /// All entries.
    pub(super) fn entries(&self) -> i64 {
        self.folders.values().map(|(entries, _)| entries).sum()
    }
}

impl Upkeep {
    /// Counts for the function with this folder; for a cache that is off, with this name.
    pub(crate) fn tally(&self, folder: Option<&Path>, name: &str) -> Arc<Tally> {
        let name = match (&self.place, folder) {
            (Some(place), Some(folder)) => name_of_folder(&place.layout.functions(), folder),
            _ => name.to_owned(),
        };
        self.tally_of(name)
    }

    /// Counts under this name.
    pub(crate) fn tally_of(&self, name: String) -> Arc<Tally> {
        locked(&self.tallies).entry(name.clone()).or_insert_with(|| Arc::new(Tally::of(name))).clone()
    }

    /// What all processes counted of this function.
    pub(crate) fn sums_of(&self, folder: Option<&Path>, tally: &Tally) -> Result<Sums> {
        let (Some(place), Some(_)) = (&self.place, folder) else { return Ok(tally.unflushed()) };
        place.ledger.while_nobody_adds(|| {
            let mut sums = place.ledger.of(tally.name()).unwrap_or_else(unreadable);
            sums.add(&tally.unflushed());
            Ok(sums)
        })
    }

    /// What all processes counted of all functions.
    pub(crate) fn sums(&self) -> Result<Sums> {
        let mut sums = Sums::default();
        let mut add_unflushed = || locked(&self.tallies).values().for_each(|tally| sums.add(&tally.unflushed()));
        let Some(place) = &self.place else {
            add_unflushed();
            return Ok(sums);
        };
        // If the file can't be read, what this process counted is known all the same.
        let all = place.ledger.while_nobody_adds(|| {
            let all = place.ledger.read();
            add_unflushed();
            all
        });
        let all = match all {
            Ok(all) => all,
            Err(error) => {
                unreadable::<()>(error);
                return Ok(self.own_sums());
            }
        };
        all.iter().flatten().for_each(|record| sums.add(&record.sums));
        Ok(sums)
    }

    /// What all processes counted, by folder. `None` if that is not known, so that a scan has to tell.
    pub(crate) fn sums_by_folder(&self) -> Result<Option<BTreeMap<PathBuf, Sums>>> {
        let Some(place) = &self.place else { return Ok(Some(BTreeMap::new())) };
        place.ledger.while_nobody_adds(|| {
            let Some(records) = place.ledger.read().unwrap_or_else(unreadable) else { return Ok(None) };
            let mut all = BTreeMap::new();
            for record in records {
                let Some(folder) = record.folder else { return Ok(None) };
                all.insert(place.layout.functions().join(folder), record.sums);
            }
            for (folder, tally) in &*locked(&self.tallies) {
                all.entry(place.layout.functions().join(folder)).or_default().add(&tally.unflushed());
            }
            Ok(Some(all))
        })
    }

    /// What this process counted.
    pub(crate) fn own_sums(&self) -> Sums {
        let mut sums = Sums::default();
        locked(&self.tallies).values().for_each(|tally| sums.add(&tally.sums()));
        sums
    }

    /// The hours in which anything happened.
    pub(crate) fn activity(&self) -> Result<Vec<Activity>> {
        self.place.as_ref().map_or_else(|| Ok(Vec::new()), |place| place.hours.read())
    }

    /// What is thought to be there before a scan: folder by folder, and for the limits.
    pub(crate) fn before(&self, place: &Place) -> Before {
        place.ledger.while_nobody_adds(|| {
            let known = place.ledger.read().unwrap_or_else(unreadable);
            Before { folders: self.levels(known.unwrap_or_default()), bounds: place.bounds.level() }
        })
    }

    /// Entries and bytes of each folder, of which the ledger knows these.
    pub(super) fn levels(&self, known: Vec<Record>) -> BTreeMap<String, Level> {
        let known = known.into_iter().filter_map(|record| Some((record.folder?, record.sums)));
        let mut all: BTreeMap<_, _> = known.collect();
        for (folder, tally) in &*locked(&self.tallies) {
            all.entry(folder.clone()).or_default().add(&tally.unflushed());
        }
        all.into_iter().map(|(folder, sums)| (folder, sums.contents())).collect()
    }

    /// Puts right what was counted, by what a scan of everything found. What comes and goes meanwhile is counted by
    /// whoever does it, so it is the difference to what was thought `before` that is put right.
    pub(crate) fn found(&self, place: &Place, before: &Before, found: &[Found]) {
        let root = place.layout.functions();
        let mut counted = BTreeMap::<String, Counted>::new();
        for found in found {
            let counted = counted.entry(name_of_folder(&root, &found.folder)).or_default();
            counted.entries += 1;
            counted.bytes += found.candidate.size;
        }
        self.put_right(place, before, &counted);
    }

    fn put_right(&self, place: &Place, before: &Before, counted: &BTreeMap<String, Counted>) {
        self.correct(place, before, counted);
        self.flush_surely();
    }

    /// The same, without waiting until it is in the ledger.
    pub(super) fn correct(&self, place: &Place, before: &Before, counted: &BTreeMap<String, Counted>) {
        self.shift(&before.folders, counted);
        let sum = counted.values().fold((0, 0), |sum, counted| {
            let (entries, bytes) = counted.level();
            (sum.0 + entries, sum.1 + bytes)
        });
        place.bounds.shift(sum.0 - before.bounds.0, sum.1 - before.bounds.1);
    }

    /// Puts what was counted into the ledger, and waits for its turn for that.
    pub(crate) fn flush_surely(&self) {
        for _ in 0..LAST_TRIES {
            match self.flush() {
                Ok(false) => thread::sleep(LAST_PAUSE),
                Ok(true) => return,
                Err(error) => return tracing::debug!(%error, "can't note what was counted"),
            }
        }
    }

    /// Counts what differs.
    pub(super) fn shift(&self, before: &BTreeMap<String, Level>, counted: &BTreeMap<String, Counted>) {
        let folders: BTreeSet<&String> = before.keys().chain(counted.keys()).collect();
        for folder in folders {
            let (entries, bytes) = counted.get(folder).map_or((0, 0), |counted| counted.level());
            let thought = before.get(folder).copied().unwrap_or_default();
            if (entries, bytes) != thought {
                self.tally_of(folder.clone()).contents(entries - thought.0, bytes - thought.1);
            }
        }
    }

    /// Counts what is there, and makes the ledger. Whoever opens the cache waits for that, so nobody stores meanwhile what
    /// would be counted twice.
    pub(super) fn begin_to_count(&self, place: &Place) -> Result<()> {
        place.ledger.begin(|| {
            let before = self.before(place);
            self.correct(place, &before, &place.count(&place.layout.functions())?);
            Ok(())
        })?;
        self.flush_surely();
        // Many caches are opened that are never used.
        self.rest();
        Ok(())
    }

    /// Counts what is there, where nobody has.
    pub(crate) fn recount(&self, place: &Place) -> Result<BTreeMap<PathBuf, Sums>> {
        let before = self.before(place);
        let counted = place.count(&place.layout.functions())?;
        if !place.read_only {
            self.put_right(place, &before, &counted);
        }
        let root = place.layout.functions();
        Ok(counted.into_iter().map(|(folder, counted)| (root.join(folder), counted.sums())).collect())
    }

    /// Puts what was counted into the ledger: whether that could be done.
    pub(super) fn flush(&self) -> Result<bool> {
        #[cfg(feature = "metrics")]
        locked(&self.tallies).values().for_each(|tally| tally.meter(metrics_export::tell));
        let is_written = |place: &&Place| !place.read_only && !place.latent.is_latent();
        let Some(place) = self.place.as_ref().filter(is_written) else { return Ok(true) };
        // Somebody removed it: it begins with what is there, so that it names every function.
        if !place.ledger.exists() {
            let before = self.levels(Vec::new());
            self.shift(&before, &place.count(&place.layout.functions())?);
        }
        let tallies: Vec<_> = locked(&self.tallies).values().cloned().collect();
        let is_noted = self.note_hour(place);
        Ok(place.ledger.add(&tallies)? && is_noted)
    }

    /// Notes under this hour what happened since the last time: whether that could be done, or never can.
    pub(super) fn note_hour(&self, place: &Place) -> bool {
        let mut noted = locked(&self.noted);
        let sums = self.own_sums();
        let added = place.hours.add(&sums.minus(&noted)).unwrap_or_else(|error| {
            tracing::debug!(%error, "it is not noted when this happened");
            true
        });
        if added {
            *noted = sums;
        }
        added
    }

    /// Notes at once what entries came or went, so that other processes know, and a kill loses nothing.
    pub(super) fn settle(&self, place: &Place, tally: &Tally) {
        // Others are done in microseconds. What they keep from being noted now, the thread notes within a second.
        for _ in 0..SETTLE_TRIES {
            match place.ledger.add_one(tally) {
                Ok(false) => thread::yield_now(),
                Ok(true) => return,
                Err(error) => return tracing::debug!(%error, "can't note what was counted"),
            }
        }
    }
}

/// Then what this process counted has to do.
fn unreadable<T: Default>(error: Error) -> T {
    tracing::debug!(%error, "can't read what was counted");
    T::default()
}

impl Place {
    /// Counts the entries in a folder and in those within it.
    fn count(&self, folder: &Path) -> Result<BTreeMap<String, Counted>> {
        let root = self.layout.functions();
        let mut all = BTreeMap::<String, Counted>::new();
        self.store.list(folder, true, &mut |folder, listed| {
            let counted = all.entry(name_of_folder(&root, folder)).or_default();
            counted.entries += 1;
            counted.bytes += listed.metadata().map_or(0, |metadata| metadata.len());
        })?;
        Ok(all)
    }
}
