//! What is done for a cache beside its calls: about once a second, by one thread for all caches, while there is
//! anything to do.
//!
//! - What was counted goes into the ledger.
//! - Results in memory are dropped if somebody removed the folder that they are from. While nobody looks after
//!   that, they are not used: the first call after a pause looks itself.
//! - Entries that were used in memory are touched, so that they don't look idle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::bounds::{Bounds, Found};
use crate::hot::{Hot, Since, Warm};
use crate::key::Key;
use crate::lock::KeyLocks;
use crate::marks::{Current, Identity, Marks};
use crate::progress::Watcher;
use crate::stats::{Count, Level, Sums, Tally};
use crate::store::{Activity, Counted, Entry, Hours, Layout, Ledger, LedgerRecord as Record, Store, name_of_folder};
use crate::{Error, ErrorKind, Result, at_exit};

const TICK: Duration = Duration::from_secs(1);

/// Ticks without news after which nobody looks any more.
const IDLE_TICKS: u32 = 3;

/// Ticks from one time to the next that what was used in memory is touched.
const TOUCH_TICKS: u32 = 60;

/// How often the ledger is tried at the end of the process, and the time between.
const LAST_TRIES: u32 = 10;
const LAST_PAUSE: Duration = Duration::from_millis(5);

/// What one cache needs looking after.
pub(crate) struct Upkeep {
    /// Where it is; `None` if it is off.
    place: Option<Place>,
    tallies: Mutex<BTreeMap<String, Arc<Tally>>>,
    /// What of it is noted under its hour.
    noted: Mutex<Sums>,
    hot: Option<Hot>,
    marks: Current,
    /// The folders of functions with results in memory, by the functions' keys.
    watched: Mutex<BTreeMap<Key, Watched>>,
    /// When entries were touched.
    touched: Touched,
    /// Whether the thread is at it.
    awake: AtomicBool,
    ticks: Mutex<Ticks>,
}

/// What was thought to be there.
pub(crate) struct Before {
    folders: BTreeMap<String, Level>,
    bounds: Level,
}

/// A folder, and which one had its name.
type Watched = (Arc<Path>, Option<Identity>);

pub(crate) struct Place {
    pub(crate) layout: Layout,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bounds: Bounds,
    pub(crate) progress: Watcher,
    ledger: Ledger,
    hours: Hours,
    read_only: bool,
}

#[derive(Default)]
struct Ticks {
    idle: u32,
    since_touched: u32,
    /// What there was of the counters at the last one.
    seen: Sums,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upkeep {
    /// For a cache that is off.
    pub(crate) fn of_nothing() -> Arc<Self> {
        Arc::new(Upkeep::new(None, 0))
    }

    /// For the cache in this folder, which keeps so many bytes of results in memory.
    pub(crate) fn of(
        layout: Layout,
        store: Arc<dyn Store>,
        bounds: Bounds,
        progress: Watcher,
        read_only: bool,
        hot_bytes: u64,
    ) -> Arc<Self> {
        let ledger = Ledger::at(layout.counters(), KeyLocks::under(layout.root()));
        let hours = Hours::at(layout.activity(), KeyLocks::under(layout.root()));
        let upkeep = Upkeep::new(Some(Place { layout, store, bounds, progress, ledger, hours, read_only }), hot_bytes);
        upkeep.look_for_marks();
        // From now on everything is counted; what is there already is counted here.
        if let Some(place) = upkeep.place.as_ref().filter(|place| !(place.read_only || place.ledger.exists())) {
            let _ = upkeep.recount(place);
        }
        Arc::new(upkeep)
    }

    fn new(place: Option<Place>, hot_bytes: u64) -> Self {
        Upkeep {
            place,
            tallies: Mutex::default(),
            noted: Mutex::default(),
            hot: (hot_bytes > 0).then(|| Hot::new(hot_bytes)),
            marks: Current::default(),
            watched: Mutex::default(),
            touched: Touched::default(),
            awake: AtomicBool::new(false),
            ticks: Mutex::default(),
        }
    }

    /// Where the cache is; `None` if it is off.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The folder of the cache; empty if it is off.
    pub(crate) fn root(&self) -> &Path {
        self.place.as_ref().map_or(Path::new(""), |place| place.layout.root())
    }

    /// What all processes counted in the cache of this folder.
    pub(crate) fn sums_in(root: &Path) -> Result<Sums> {
        let layout = Layout::at(root)?;
        let mut sums = Sums::default();
        let records = Ledger::at(layout.counters(), KeyLocks::under(root)).read()?;
        records.iter().flatten().for_each(|record| sums.add(&record.sums));
        Ok(sums)
    }

    /// Opens the marks if they are not open, or are no longer those that others use.
    fn look_for_marks(&self) {
        let Some(place) = &self.place else { return };
        let marks = Marks::open(place.layout.marks(), place.read_only)
            .inspect_err(|error| {
                if !place.read_only {
                    tracing::debug!(%error, "results are not kept in memory, as it can't be seen who removes them");
                }
            })
            .ok();
        self.marks.set(marks.map(Arc::new));
    }

    /// Counts for the function with this folder; for a cache that is off, with this name.
    pub(crate) fn tally(&self, folder: Option<&Path>, name: &str) -> Arc<Tally> {
        let name = match (&self.place, folder) {
            (Some(place), Some(folder)) => name_of_folder(&place.layout.functions(), folder),
            _ => name.to_owned(),
        };
        self.tally_of(name)
    }

    fn tally_of(&self, name: String) -> Arc<Tally> {
        locked(&self.tallies).entry(name.clone()).or_insert_with(|| Arc::new(Tally::of(name))).clone()
    }

    /// What all processes counted of this function.
    pub(crate) fn sums_of(&self, folder: Option<&Path>, tally: &Tally) -> Result<Sums> {
        let mut sums = match (&self.place, folder) {
            (Some(place), Some(_)) => place.ledger.of(tally.name()).unwrap_or_else(unreadable),
            _ => Sums::default(),
        };
        sums.add(&tally.unflushed());
        Ok(sums)
    }

    /// What all processes counted of all functions.
    pub(crate) fn sums(&self) -> Result<Sums> {
        let mut sums = Sums::default();
        if let Some(place) = &self.place {
            let all = place.ledger.read().unwrap_or_else(unreadable);
            all.iter().flatten().for_each(|record| sums.add(&record.sums));
        }
        locked(&self.tallies).values().for_each(|tally| sums.add(&tally.unflushed()));
        Ok(sums)
    }

    /// What all processes counted, by folder. `None` if that is not known, so that a scan has to tell.
    pub(crate) fn sums_by_folder(&self) -> Result<Option<BTreeMap<PathBuf, Sums>>> {
        let Some(place) = &self.place else { return Ok(Some(BTreeMap::new())) };
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
    }

    /// What is thought to be there before a scan: folder by folder, and for the limits.
    pub(crate) fn before(&self, place: &Place) -> Before {
        let known = place.ledger.read().unwrap_or_else(unreadable);
        Before { folders: self.levels(known.unwrap_or_default()), bounds: place.bounds.level() }
    }

    /// Entries and bytes of each folder, of which the ledger knows these.
    fn levels(&self, known: Vec<Record>) -> BTreeMap<String, Level> {
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
        self.shift(&before.folders, counted);
        let sum = counted.values().fold((0, 0), |sum, counted| {
            let (entries, bytes) = counted.level();
            (sum.0 + entries, sum.1 + bytes)
        });
        place.bounds.shift(sum.0 - before.bounds.0, sum.1 - before.bounds.1);
        for _ in 0..LAST_TRIES {
            match self.flush() {
                Ok(false) => thread::sleep(LAST_PAUSE),
                Ok(true) => return,
                Err(error) => return tracing::debug!(%error, "can't note what was counted"),
            }
        }
    }

    /// Counts what differs.
    fn shift(&self, before: &BTreeMap<String, Level>, counted: &BTreeMap<String, Counted>) {
        let folders: BTreeSet<&String> = before.keys().chain(counted.keys()).collect();
        for folder in folders {
            let (entries, bytes) = counted.get(folder).map_or((0, 0), |counted| counted.level());
            let thought = before.get(folder).copied().unwrap_or_default();
            if (entries, bytes) != thought {
                self.tally_of(folder.clone()).contents(entries - thought.0, bytes - thought.1);
            }
        }
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

    /// Removes everything.
    pub(crate) fn clear(&self, place: &Place) -> Result<()> {
        self.remove_all(&place.layout.functions(), true)?;
        // What others stored meanwhile goes as well, and what is noted beside it.
        place.layout.clear()?;
        self.all_changed();
        // Files that were removed by hand before count no longer.
        self.recount(place).map(drop)
    }

    /// Puts what was counted into the ledger: whether that could be done.
    fn flush(&self) -> Result<bool> {
        #[cfg(feature = "metrics")]
        locked(&self.tallies).values().for_each(|tally| tally.meter());
        let Some(place) = self.place.as_ref().filter(|place| !place.read_only) else { return Ok(true) };
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
    fn note_hour(&self, place: &Place) -> bool {
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
        place.bounds.enforce(self, place, false);
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

    /// Notes at once what entries came or went, so that other processes know, and a kill loses nothing.
    fn settle(&self, place: &Place, tally: &Tally) {
        if let Err(error) = place.ledger.add_one(tally) {
            tracing::debug!(%error, "can't note what was counted");
        }
    }

    /// Removes the entries in a folder, and with `deep` in those within it. Gives how many there were.
    pub(crate) fn remove_all(&self, folder: &Path, deep: bool) -> Result<u64> {
        let Some(place) = &self.place else { return Ok(0) };
        let mut all = BTreeMap::<PathBuf, Vec<Key>>::new();
        place.store.list(folder, deep, &mut |folder, listed| match all.get_mut(folder) {
            Some(keys) => keys.push(listed.key),
            None => _ = all.insert(folder.to_owned(), vec![listed.key]),
        })?;
        // There may be millions: others are told once, and it is counted once.
        let (mut removed, mut looked_at) = (0, 0);
        let total = all.values().map(|keys| keys.len() as u64).sum();
        let result = all.iter().try_for_each(|(folder, keys)| {
            let (mut entries, mut bytes) = (0_i64, 0_i64);
            let result = keys.iter().try_for_each(|key| {
                if let Some(size) = place.store.remove(folder, key)? {
                    entries += 1;
                    bytes += i64::try_from(size).unwrap_or(i64::MAX);
                    place.bounds.removed(size);
                }
                looked_at += 1;
                place.progress.tell(looked_at, total);
                Ok(())
            });
            removed += entries.cast_unsigned();
            let tally = self.tally(Some(folder), "");
            tally.contents(-entries, -bytes);
            self.settle(place, &tally);
            result
        });
        self.all_changed();
        result.map(|()| removed)
    }

    /// Tells everybody that any entry may have been removed.
    fn all_changed(&self) {
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

    /// The results in memory, if somebody looks after them. To be asked for each call.
    #[inline]
    pub(crate) fn hot(self: &Arc<Self>) -> Option<&Hot> {
        let hot = self.hot.as_ref()?;
        (self.awake.load(Ordering::Acquire) || self.wake()).then_some(hot)
    }

    /// What the cache is like before the file of this key is opened; `None` if its result is not to be kept in memory.
    pub(crate) fn since(&self, key: &Key) -> Option<Since> {
        let hot = self.hot.as_ref().filter(|hot| hot.is_second(key))?;
        Some(hot.since(self.marks.get()?, key))
    }

    /// Whether it may be a minute ago that the entry of this key was touched: asking its file takes a while as well.
    pub(crate) fn is_touch_due(&self, key: &Key) -> bool {
        self.touched.is_due(key)
    }

    /// Keeps a result in memory that was read from a file in `folder`.
    pub(crate) fn keep(&self, function: &Key, folder: &Arc<Path>, call: &[u8], warm: Warm) {
        let Some(hot) = &self.hot else { return };
        locked(&self.watched).entry(*function).or_insert_with(|| (folder.clone(), Identity::of(folder)));
        hot.put(function, call, warm);
    }

    /// Sees to it that the thread is at it: whether it is.
    #[cold]
    pub(crate) fn wake(self: &Arc<Self>) -> bool {
        if self.place.is_none() {
            return false;
        }
        // Who knows what happened while nobody looked.
        self.check_folders();
        AT_EXIT.call_once(|| at_exit::run(flush_all));
        let mut kept = locked(&KEPT);
        if self.awake.load(Ordering::Acquire) {
            return true;
        }
        if !kept.running {
            kept.running = thread::Builder::new().name("larder-upkeep".to_owned()).spawn(run).is_ok();
        }
        if !kept.caches.iter().any(|cache| cache.as_ptr() == Arc::as_ptr(self)) {
            kept.caches.push(Arc::downgrade(self));
        }
        locked(&self.ticks).idle = 0;
        self.awake.store(kept.running, Ordering::Release);
        kept.running
    }

    /// Something was counted.
    #[inline]
    pub(crate) fn counted(self: &Arc<Self>) {
        if !self.awake.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Drops what is in memory if its folder, or the root, is gone or another one.
    fn check_folders(&self) {
        let Some(hot) = &self.hot else { return };
        let marks_are_there = self.marks.get().is_some_and(|marks| marks.is_there());
        let mut watched = locked(&self.watched);
        let folders_are_there = watched.values().all(|(folder, identity)| Identity::of(folder) == *identity);
        if !(marks_are_there && folders_are_there) {
            watched.clear();
            drop(watched);
            hot.forget_all();
            if !marks_are_there {
                self.look_for_marks();
            }
        }
    }

    /// Notes the use of entries whose files were not touched for it.
    fn touch_used(&self) {
        let (Some(place), Some(hot)) = (&self.place, &self.hot) else { return };
        if place.read_only {
            return;
        }
        let watched = locked(&self.watched).clone();
        for (function, key) in hot.used() {
            let Some((folder, _)) = watched.get(&function) else { continue };
            if let Ok(Some(file)) = place.store.get(folder, &key) {
                place.store.touch(&file);
            }
        }
    }

    /// Whether to go on.
    fn tick(&self) -> bool {
        self.check_folders();
        if let Err(error) = self.flush() {
            tracing::debug!(%error, "can't note what was counted");
        }
        if let Some(place) = self.place.as_ref().filter(|place| !place.read_only && place.bounds.are_limits()) {
            // What others have stored counts as well.
            let before = place.bounds.level();
            if let Ok((entries, bytes)) = self.sums().map(|sums| sums.contents()) {
                place.bounds.shift(entries - before.0, bytes - before.1);
            }
            place.bounds.enforce(self, place, true);
        }
        let mut ticks = locked(&self.ticks);
        ticks.since_touched += 1;
        if ticks.since_touched >= TOUCH_TICKS {
            ticks.since_touched = 0;
            self.touch_used();
        }
        let sums = self.own_sums();
        ticks.idle = if sums == ticks.seen { ticks.idle + 1 } else { 0 };
        ticks.seen = sums;
        ticks.idle < IDLE_TICKS
    }
}

/// Then what this process counted has to do.
fn unreadable<T: Default>(error: Error) -> T {
    tracing::debug!(%error, "can't read what was counted");
    T::default()
}

impl Place {
    /// The folder of an entry.
    ///
    /// # Errors
    /// If it is of another cache.
    pub(crate) fn folder_of<'e>(&self, entry: &'e Entry) -> Result<&'e Path> {
        let folder = entry.path.parent().filter(|folder| folder.starts_with(self.layout.functions()));
        folder.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the entry is of another cache").at(&entry.path))
    }

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

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.touch_used();
        let _ = self.flush();
    }
}

/// Which entries were touched in this minute, as far as that is remembered.
struct Touched(Box<[AtomicU64]>);

impl Default for Touched {
    fn default() -> Self {
        Touched((0..1 << 10).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Touched {
    fn is_due(&self, key: &Key) -> bool {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&key.as_bytes()[16..24]);
        let number = u64::from_le_bytes(bytes);
        let minute = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs() / 60;
        let place = &self.0[usize::from(u16::from_le_bytes([bytes[0], bytes[1]])) % self.0.len()];
        let mark = number ^ minute;
        place.swap(mark, Ordering::Relaxed) != mark
    }
}

/// The caches that are looked after.
static KEPT: Mutex<Kept> = Mutex::new(Kept { caches: Vec::new(), running: false });

/// Whether the end of the process is waited for.
static AT_EXIT: Once = Once::new();

struct Kept {
    caches: Vec<Weak<Upkeep>>,
    running: bool,
}

/// What the thread does.
fn run() {
    loop {
        thread::sleep(TICK);
        let caches: Vec<_> = locked(&KEPT).caches.iter().filter_map(Weak::upgrade).collect();
        for cache in caches {
            if cache.tick() {
                continue;
            }
            // First it is asleep, then what was counted until then is written: whoever counts now wakes it.
            cache.awake.store(false, Ordering::Release);
            locked(&KEPT).caches.retain(|kept| kept.as_ptr() != Arc::as_ptr(&cache));
            let _ = cache.flush();
        }
        let mut kept = locked(&KEPT);
        kept.caches.retain(|cache| cache.strong_count() > 0);
        if kept.caches.is_empty() {
            kept.running = false;
            return;
        }
    }
}

/// Puts what was counted into the ledgers, at the end of the process.
pub(crate) fn flush_all() {
    let mut caches: Vec<_> = locked(&KEPT).caches.iter().filter_map(Weak::upgrade).collect();
    for _ in 0..LAST_TRIES {
        caches.retain(|cache| matches!(cache.flush(), Ok(false)));
        if caches.is_empty() {
            break;
        }
        thread::sleep(LAST_PAUSE);
    }
}
