//! Entries that come and go: nothing else adds or removes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::{Place, Upkeep};
use crate::error::{Error, ErrorKind, Result};
use crate::key::digest::Key;
use crate::observe::stats::{Count, Tally};
use crate::sys::open_files;
use crate::text::humanize::count;

/// What is left of what was to be removed.
#[derive(Default)]
struct Left {
    first: Option<Error>,
    more: u64,
}

impl Left {
    /// What is not larder's is to be left.
    fn add(&mut self, error: Error) {
        match self.first {
            _ if error.kind() == ErrorKind::NotLarder => {}
            None => self.first = Some(error),
            Some(_) => self.more += 1,
        }
    }

    fn end(self) -> Result<()> {
        match (self.first, self.more) {
            (None, _) => Ok(()),
            (Some(error), 0) => Err(error),
            (Some(error), more) => {
                Err(error.context(&format!("{} could not be removed", count(more + 1, "entry", "entries"))))
            }
        }
    }
}

impl Upkeep {
    /// An entry was stored, instead of one of `before` bytes.
    pub(crate) fn stored(self: &Arc<Self>, tally: &Tally, key: &Key, before: Option<u64>, size: u64) {
        let Some(place) = &self.place else { return };
        if before.is_some() {
            self.changed(key);
        }
        if let Some(hot) = &self.hot {
            hot.is_new(key);
        }
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        tally.contents(i64::from(before.is_none()), signed(size) - signed(before.unwrap_or(0)));
        tally.add(Count::BytesWritten, size);
        place.bounds.stored(before, size);
        self.settle(place, tally);
        self.counted();
        self.enforce(place);
    }

    /// Removes an entry, for all processes: whether there was one. Nothing else removes entries.
    pub(crate) fn remove(&self, folder: &Path, key: &Key) -> Result<bool> {
        let Some(place) = &self.place else { return Ok(false) };
        let removed = place.store.remove(folder, key)?;
        // Also where there was none: somebody may have removed the file by hand, and not what is in memory.
        self.changed(key);
        let Some(size) = removed else { return Ok(false) };
        let tally = self.tally(Some(folder), "");
        tally.contents(-1, -i64::try_from(size).unwrap_or(i64::MAX));
        place.bounds.removed(size);
        self.settle(place, &tally);
        Ok(true)
    }

    /// Removes an entry to make room: whether there was one. What is only called like an entry stays, and is not counted
    /// by the next scan.
    pub(super) fn remove_own(&self, folder: &Path, key: &Key) -> Result<bool> {
        match self.remove(folder, key) {
            Err(error) if error.kind() == ErrorKind::NotLarder => Ok(false),
            removed => removed,
        }
    }

    /// Removes the entries in a folder, and with `deep` in those within it. Gives how many there were.
    pub(crate) fn remove_all(&self, folder: &Path, deep: bool) -> Result<u64> {
        let Some(place) = &self.place else { return Ok(0) };
        let mut all = BTreeMap::<PathBuf, Vec<Key>>::new();
        // What can't be listed or removed keeps nothing else.
        let listed = place.store.list(folder, deep, &mut |folder, listed| match all.get_mut(folder) {
            Some(keys) => keys.push(listed.key),
            None => _ = all.insert(folder.to_owned(), vec![listed.key]),
        });
        // There may be millions: others are told once, and it is counted once.
        let (mut removed, mut looked_at) = (0, 0);
        let total = all.values().map(|keys| keys.len() as u64).sum();
        let mut left = Left::default();
        for (folder, keys) in &all {
            let (mut entries, mut bytes) = (0_i64, 0_i64);
            for key in keys {
                match place.store.remove(folder, key) {
                    Ok(Some(size)) => {
                        entries += 1;
                        bytes += i64::try_from(size).unwrap_or(i64::MAX);
                        place.bounds.removed(size);
                    }
                    Ok(None) => {}
                    Err(error) => left.add(error),
                }
                looked_at += 1;
                place.progress.tell(looked_at, total);
            }
            removed += entries.cast_unsigned();
            let tally = self.tally(Some(folder), "");
            tally.contents(-entries, -bytes);
            self.settle(place, &tally);
        }
        self.all_changed();
        left.end().and(listed).map(|()| removed)
    }

    /// Removes everything.
    pub(crate) fn clear(&self, place: &Place) -> Result<()> {
        open_files::close_under(&place.layout.functions());
        let removed = self.remove_all(&place.layout.functions(), true);
        // What others stored meanwhile goes as well, and what is noted beside it.
        let cleared = place.layout.clear();
        self.all_changed();
        // Files that were removed by hand before count no longer.
        let counted = self.recount(place);
        removed.map(drop).and(cleared).and(counted.map(drop))
    }

    /// Tells everybody that any entry may have been removed.
    pub(super) fn all_changed(&self) {
        if let Some(marks) = self.marks.get() {
            marks.change_all();
        }
    }

    /// Tells everybody that the entry of this key was removed or replaced. To be called when it has been.
    pub(crate) fn changed(&self, key: &Key) {
        if let Some(marks) = self.marks.get() {
            marks.change(key);
        }
    }
}
