//! `FunctionSegments`: all segments of one function, as this process knows them.
//!
//! Each search looks at the folder, to notice that a segment was added or removed.
//!
//! docs/design/storage.md has the rules by which an entry that was removed never comes back.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::observe::stats::UsageDelta;
use crate::store::file_names::FileNames;
use crate::store::layout::Layout;
use crate::store::segments::format::{SegmentHeader, SegmentId, UNIT};
use crate::store::segments::segment::{Listed, Place, Removed, Segment};
use crate::sys::atomic_file::{FileKind, TempFile};
use crate::sys::file_id::FileId;
use crate::sys::file_system::maps_are_coherent;
use crate::sys::folder_watch::{FolderWatch, Look};
use crate::sys::lock::whole_file;
use crate::sys::locked::locked;
use crate::sys::random;

/// A segment of at least this size, in bytes, gets its index, and the next records go into a new one.
const LARGEST_SEGMENT: u64 = 128 << 20;

/// A segment of at least this size gets its index if most of its records are removed.
const SMALLEST_SPARSE: u64 = 1 << 20;

/// Maximum number of looks at records that other threads or processes are replacing.
const LOOKS: u32 = 1000;

/// Maximum attempts to append a record.
const TRIES: u32 = 8;

/// All segments of one function.
pub(crate) struct FunctionSegments {
    /// The folder of the segments, which need not exist.
    folder: PathBuf,
    known: Mutex<Known>,
    /// The entries that are in files.
    files: Mutex<FileNames>,
    /// Number of small results that this process has stored in files.
    small: AtomicU32,
}

/// What is known of the folder.
#[derive(Default)]
struct Known {
    watch: FolderWatch,
    segments: Arc<Segments>,
    /// The segment that this process appends to. It holds the lock of the segment.
    own: Option<Arc<Segment>>,
    /// Whether this file system can have segments; `None` if that was not looked at.
    is_suitable: Option<bool>,
}

/// The segments in a folder.
#[derive(Debug, Default)]
pub(super) struct Segments {
    /// Those that calls may use.
    pub(super) live: Vec<Arc<Segment>>,
    /// Those that will replace others, once all removals are known. A removal also removes the copies in them.
    pub(super) pending: Vec<Arc<Segment>>,
    /// Those that others have replaced. They are about to be removed.
    pub(super) replaced: Vec<Arc<Segment>>,
    /// Why a segment can't be opened. Its entries are not found, and nothing can be removed from it.
    failed: Option<Error>,
}

impl Segments {
    fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// Returns all segments, in no particular order.
    fn all(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.live.iter().chain(&self.pending).chain(&self.replaced)
    }
}

/// A record that calls may use.
#[derive(Debug)]
pub(crate) struct OpenRecord {
    segment: Arc<Segment>,
    place: Place,
    used: SystemTime,
}

impl OpenRecord {
    pub(crate) fn path(&self) -> &Path {
        &self.segment.path
    }

    pub(crate) fn file(&self) -> &fs::File {
        &self.segment.file
    }

    /// Returns the offset of the entry in the file.
    pub(crate) fn start(&self) -> u64 {
        self.place.offset + UNIT
    }

    /// Returns the length of the entry, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.place.len as u64
    }

    pub(crate) fn used(&self) -> SystemTime {
        self.used
    }

    /// Records that the entry was used at this time.
    pub(crate) fn touch(&self, used: SystemTime) -> io::Result<()> {
        self.segment.touch(self.place.offset, used)
    }
}

impl FunctionSegments {
    pub(super) fn of(function: &Path) -> Self {
        FunctionSegments {
            folder: Layout::packed_folder(function),
            known: Mutex::default(),
            files: Mutex::default(),
            small: AtomicU32::new(0),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn failed(&self, doing: &str) -> impl Fn(io::Error) -> Error {
        move |error| Error::io(error, doing).at(&self.folder)
    }

    /// Returns the current segments.
    pub(super) fn current(&self) -> Result<Arc<Segments>> {
        let mut known = locked(&self.known);
        match known.watch.look(&self.folder).map_err(self.failed("can't look at the folder"))? {
            Look::Missing => {
                if !known.segments.is_empty() {
                    (known.segments, known.own) = (Arc::default(), None);
                }
                return Ok(known.segments.clone());
            }
            // A pending segment becomes live without a change of the folder.
            Look::Same if !known.segments.pending.iter().any(|segment| segment.is_live().unwrap_or(true)) => {
                return Ok(known.segments.clone());
            }
            Look::Same | Look::Settled | Look::Unsettled => {}
        }
        known.watch.lists();
        let segments = self.list(&known).map_err(self.failed("can't list the folder"))?;
        let own = known.own.take();
        known.own = own.filter(|own| segments.live.iter().any(|segment| segment.id == own.id));
        known.segments = Arc::new(segments);
        Ok(known.segments.clone())
    }

    /// Lists the folder, and opens the segments that are not open yet.
    fn list(&self, known: &Known) -> io::Result<Segments> {
        let before = &known.segments;
        let (mut all, mut failed) = (Vec::new(), None);
        let listing = match fs::read_dir(&self.folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Segments::default()),
            Err(error) => return Err(error),
        };
        for item in listing {
            let item = item?;
            let Some(id) = Layout::id_of_segment(&item.file_name()) else { continue };
            if !item.file_type()?.is_file() {
                continue;
            }
            // The file may have been replaced by one with the same name.
            let same = |segment: &&Arc<Segment>| {
                segment.id == id && FileId::of_file(&segment.file) == FileId::of(&segment.path)
            };
            // The own one first: another thread may have opened it as well, before it was known.
            match known.own.iter().chain(before.all()).find(same) {
                Some(segment) => all.push(segment.clone()),
                None => match Segment::open(item.path()) {
                    Ok(Some(segment)) if segment.id == id => all.push(Arc::new(segment)),
                    // It is damaged, of a newer version, or renamed.
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => failed = Some(Error::io(error, "can't open").at(item.path())),
                },
            }
        }
        let mut segments = Segments { failed, ..Segments::default() };
        for segment in all {
            if segment.is_live()? { &mut segments.live } else { &mut segments.pending }.push(segment);
        }
        let sources: Vec<SegmentId> = segments.live.iter().flat_map(|segment| segment.sources.clone()).collect();
        let (replaced, live) = segments.live.into_iter().partition(|segment| sources.contains(&segment.id));
        (segments.replaced, segments.live) = (replaced, live);
        Ok(segments)
    }

    /// Returns whether the entry may be in a file of its own.
    pub(crate) fn may_be_in_file(&self, function: &Path, key: &Key) -> bool {
        locked(&self.known).segments.is_empty() || locked(&self.files).may_have(function, key)
    }

    /// Opens the entry with this key: returns its record and its bytes; `None` if there is none.
    pub(crate) fn get(&self, key: &Key) -> Result<Option<(OpenRecord, Vec<u8>)>> {
        for _ in 0..LOOKS {
            let segments = self.current()?;
            let mut places: Vec<(&Arc<Segment>, Place)> = Vec::new();
            for segment in segments.live.iter().rev() {
                let failed = |error| Error::io(error, "can't read").at(&segment.path);
                for place in segment.find(key).map_err(failed)? {
                    let found = segment.read(place).map_err(failed)?.filter(|(record, _)| record.key == *key);
                    if let Some((record, bytes)) = found {
                        let used = record.used();
                        return Ok(Some((OpenRecord { segment: segment.clone(), place, used }, bytes)));
                    }
                    places.push((segment, place));
                }
            }
            // While a record is replaced, a look may find the new one too early, and the old one too late.
            let is_there = |(segment, place): &(&Arc<Segment>, Place)| {
                segment.record_at(place.offset).is_ok_and(|record| record.is_some_and(|record| !record.is_gone))
            };
            if !places.iter().any(is_there) {
                break;
            }
        }
        Ok(None)
    }

    /// Removes all records with this key. Returns the size of the entry; `None` if there was none.
    pub(crate) fn remove(&self, key: &Key) -> Result<Option<u64>> {
        self.remove_except(key, None)
    }

    /// Removes all records with this key, but not the one at `kept`.
    fn remove_except(&self, key: &Key, kept: Option<(&Arc<Segment>, Place)>) -> Result<Option<u64>> {
        let mut removed = Removed::default();
        loop {
            let segments = self.current()?;
            let mut round = Removed::default();
            for segment in segments.all() {
                let kept = kept.filter(|(own, _)| own.id == segment.id).map(|(_, place)| place);
                round.add(segment.remove(key, kept).map_err(|e| Error::io(e, "can't remove").at(&segment.path))?);
            }
            removed.add(round);
            // If a record was removed, a copy of it may have been added just before. A process that adds one later
            // finds the record removed, and does not use the copy.
            if !round.any {
                return segments.failed.clone().map_or(Ok(removed.size), Err);
            }
        }
    }

    /// Appends an entry, and removes older records with its key. Returns the size of the entry that it replaced.
    pub(crate) fn put(&self, key: &Key, entry: &[u8], temps: &Path, durable: bool) -> Result<Option<u64>> {
        let (segment, place) = self.append(key, entry, true, temps, durable)?;
        let before = self.remove_except(key, Some((&segment, place)))?;
        self.complete_if_full(&segment);
        Ok(before)
    }

    /// Replaces a record, unless it was removed since it was opened. Returns whether it was replaced.
    pub(crate) fn replace(
        &self,
        old: &OpenRecord,
        key: &Key,
        entry: &[u8],
        temps: &Path,
        durable: bool,
    ) -> Result<bool> {
        // The new record can be found, and so removed, before the old one is looked at; and it can't be used until then.
        let (segment, place) = self.append(key, entry, false, temps, durable)?;
        // A segment that was replaced no longer shows what is removed.
        let is_current = self.current()?.live.iter().any(|segment| segment.id == old.segment.id);
        let replace = || -> io::Result<bool> {
            let is_there =
                is_current && old.segment.record_at(old.place.offset)?.is_some_and(|record| record.is_usable());
            if !is_there {
                segment.remove_at(place)?;
                return Ok(false);
            }
            segment.touch(place.offset, old.used)?;
            segment.confirm(place)?;
            old.segment.remove_at(old.place)?;
            Ok(true)
        };
        let replaced = replace().map_err(|error| Error::io(error, "can't replace").at(&segment.path));
        self.complete_if_full(&segment);
        replaced
    }

    /// Appends a record. Returns its segment and place.
    fn append(
        &self,
        key: &Key,
        entry: &[u8],
        is_live: bool,
        temps: &Path,
        durable: bool,
    ) -> Result<(Arc<Segment>, Place)> {
        for _ in 0..TRIES {
            let Some(segment) = self.own()?.map_or_else(|| self.create(temps, durable), |own| Ok(Some(own)))? else {
                continue;
            };
            match segment.append(key, entry, is_live, durable) {
                Ok(place) => return Ok((segment, place)),
                Err(error) => {
                    self.abandon(&segment);
                    if error.kind() == io::ErrorKind::StorageFull {
                        return Err(Error::io(error, "can't write").at(&segment.path));
                    }
                }
            }
        }
        let what = "other processes took each new segment at once, or it could not be written";
        Err(Error::io(io::Error::other(what), "can't write").at(&self.folder))
    }

    fn own(&self) -> Result<Option<Arc<Segment>>> {
        self.current()?;
        Ok(locked(&self.known).own.clone())
    }

    fn abandon(&self, segment: &Arc<Segment>) {
        let mut known = locked(&self.known);
        if known.own.as_ref().is_some_and(|own| own.id == segment.id) {
            known.own = None;
        }
    }

    /// Creates a segment for this process; `None` if another process took it at once.
    fn create(&self, temps: &Path, durable: bool) -> Result<Option<Arc<Segment>>> {
        let id = new_id();
        let path = Layout::segment(&self.folder, &id);
        let header = SegmentHeader { id, sources: Vec::new(), is_live: true, index: 0, removed: 0 };
        let mut temp = TempFile::new(temps, FileKind::CacheFile);
        io::Write::write_all(&mut temp, &header.encode()).map_err(|e| Error::io(e, "can't write").at(&path))?;
        if let Some(root) = Layout::root_of(&self.folder).filter(|_| durable) {
            temp.set_root(root);
        }
        temp.publish(&path, durable)?;
        let failed = |e| Error::io(e, "can't open").at(&path);
        let segment = match Segment::open(path.clone()) {
            Ok(Some(segment)) => Arc::new(segment),
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // Without the lock, another process would take it for the segment of a process that has ended. If one already
        // did, the segment may have an index, or be gone.
        let is_locked = whole_file::try_exclusive(&segment.file).map_err(failed)?;
        let is_linked = FileId::of_file(&segment.file) == FileId::of(&path);
        if !is_locked || !is_linked || segment.is_complete().map_err(failed)? {
            return Ok(None);
        }
        segment.take_over();
        let mut known = locked(&self.known);
        // Another thread may have made one at the same time.
        if let Some(own) = &known.own {
            let own = own.clone();
            drop(known);
            let _ = fs::remove_file(&path);
            return Ok(Some(own));
        }
        let mut live = known.segments.live.clone();
        live.retain(|other| other.id != id);
        live.push(segment.clone());
        let (pending, replaced) = (known.segments.pending.clone(), known.segments.replaced.clone());
        let failed = known.segments.failed.clone();
        known.segments = Arc::new(Segments { live, pending, replaced, failed });
        known.own = Some(segment.clone());
        known.watch.forget();
        Ok(Some(segment))
    }

    /// Returns whether this function may have segments: the file system shows each process at once what another one
    /// wrote, and has locks.
    pub(crate) fn is_suitable(&self, function: &Path) -> bool {
        if let Some(is_suitable) = locked(&self.known).is_suitable {
            return is_suitable;
        }
        let Ok(folder) = fs::File::open(function) else { return false };
        let is_suitable = maps_are_coherent(&folder, true);
        locked(&self.known).is_suitable = Some(is_suitable);
        is_suitable
    }

    fn complete_if_full(&self, segment: &Arc<Segment>) {
        let len = segment.len();
        let is_sparse = || segment.header().ok().flatten().is_some_and(|header| header.removed > len / 2);
        if len >= LARGEST_SEGMENT || (len >= SMALLEST_SPARSE && len % SMALLEST_SPARSE < (1 << 12) && is_sparse()) {
            self.abandon(segment);
            complete(segment);
        }
    }

    /// Lists the entries that calls may use.
    pub(crate) fn entries(&self) -> Result<Vec<Listed>> {
        let mut listed: Vec<Listed> = Vec::new();
        let mut segments: Vec<(Arc<Segment>, u64)> = Vec::new();
        // An entry that is replaced while the records are listed is appended behind them, so they are listed until there
        // are no more.
        for _ in 0..LOOKS {
            let known = listed.len();
            let mut grew = false;
            for segment in &self.current()?.live {
                if !segments.iter().any(|(known, _)| known.id == segment.id) {
                    segments.push((segment.clone(), segment.first_record()));
                }
            }
            for (segment, next) in &mut segments {
                let before = *next;
                *next = segment
                    .list_from(*next, &mut listed)
                    .map_err(|error| Error::io(error, "can't list").at(&segment.path))?;
                grew |= *next > before;
            }
            if !grew {
                break;
            }
            if known > 0 && listed.len() > known {
                let later: HashSet<Key> = listed[known..].iter().map(|listed| listed.key).collect();
                let mut at = 0;
                listed.retain(|listed| {
                    at += 1;
                    at > known || !later.contains(&listed.key)
                });
            }
        }
        Ok(listed)
    }

    /// Returns whether this process appends to the segment.
    pub(super) fn is_own(&self, segment: &Arc<Segment>) -> bool {
        locked(&self.known).own.as_ref().is_some_and(|own| own.id == segment.id)
    }

    /// Returns whether this process has stored at least `most` small results in files.
    pub(crate) fn has_stored(&self, most: u32) -> bool {
        self.small.load(Ordering::Relaxed) >= most
    }

    /// Counts another small result that was stored in a file.
    pub(crate) fn note_small(&self) {
        self.small.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes all segments, and then the folder. Returns what calls could use.
    pub(crate) fn remove_all(&self) -> Result<UsageDelta> {
        let segments = self.current()?;
        let mut removed = UsageDelta::default();
        for segment in segments.all() {
            let failed = |e| Error::io(e, "can't remove").at(&segment.path);
            if segments.live.iter().any(|live| live.id == segment.id) {
                for listed in segment.list().map_err(failed)? {
                    removed += UsageDelta::one(listed.place.len as u64);
                }
            }
            match fs::remove_file(&segment.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        *locked(&self.known) = Known::default();
        // It stays if there are other files, or another process has stored something by now.
        let _ = fs::remove_dir(&self.folder);
        Ok(removed)
    }

    /// Gives the segment that this process appends to its index, and appends nothing more.
    pub(super) fn complete_own(&self) {
        let own = locked(&self.known).own.take();
        if let Some(own) = own {
            complete(&own);
        }
    }
}

/// Gives a segment of this process its index, and releases its lock.
fn complete(segment: &Segment) {
    if let Err(error) = segment.complete() {
        tracing::debug!(path = %segment.path.display(), %error, "a segment has no index");
    }
    let _ = fs2::FileExt::unlock(&segment.file);
}

/// Returns a random id.
pub(super) fn new_id() -> SegmentId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&random::number().to_le_bytes());
    id[8..].copy_from_slice(&random::number().to_le_bytes());
    id
}
