//! `FunctionSegments`: all segments of one function, as this process knows them.
//!
//! Each search looks at the folder, to notice that a segment was added or removed.
//!
//! docs/design/storage.md has the rules by which an entry that was removed never comes back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::observe::stats::UsageDelta;
use crate::store::file_names::FileNames;
use crate::store::layout::Layout;
use crate::store::segments::format::{SegmentHeader, SegmentId, UNIT};
use crate::store::segments::segment::{Listed, Place, Segment};
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

/// All segments of one function.
pub(crate) struct FunctionSegments {
    /// The folder of the segments, which need not exist.
    folder: PathBuf,
    known: Mutex<Known>,
    /// The entries that are in files.
    files: Mutex<FileNames>,
    /// Number of small results that this process has stored, until segments are used.
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
    /// Those that will replace others, once all removals are known. Whoever removes a record also removes it there.
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
        FunctionSegments { folder: Layout::packed_folder(function), known: Mutex::default(), files: Mutex::default(), small: AtomicU32::new(0) }
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
        known.own = own.filter(|own| segments.live.iter().any(|segment| Arc::ptr_eq(segment, own)));
        known.segments = Arc::new(segments);
        Ok(known.segments.clone())
    }

    /// Lists the folder, and opens the segments that are not open yet.
    fn list(&self, known: &Known) -> io::Result<Segments> {
        let before = &known.segments;
        let (mut all, mut failed) = (Vec::new(), None);
        for item in fs::read_dir(&self.folder)? {
            let item = item?;
            let Some(id) = Layout::id_of_segment(&item.file_name()) else { continue };
            if !item.file_type()?.is_file() {
                continue;
            }
            // The file may have been replaced by one with the same name.
            let same = |segment: &&Arc<Segment>| {
                segment.id == id && FileId::of_file(&segment.file) == FileId::of(&segment.path)
            };
            match before.all().find(same) {
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
        let segments = self.current()?;
        for segment in segments.live.iter().rev() {
            let read = || -> io::Result<_> {
                let Some(place) = segment.find(key)? else { return Ok(None) };
                Ok(segment.read(place)?.filter(|(record, _)| record.key == *key).map(|found| (place, found)))
            };
            if let Some((place, (record, bytes))) =
                read().map_err(|error| Error::io(error, "can't read").at(&segment.path))?
            {
                let used = SystemTime::UNIX_EPOCH + Duration::from_secs(record.used.min(u64::from(u32::MAX) * 4));
                return Ok(Some((OpenRecord { segment: segment.clone(), place, used }, bytes)));
            }
        }
        Ok(None)
    }

    /// Removes all records with this key. Returns the size of the entry; `None` if there was none.
    pub(crate) fn remove(&self, key: &Key) -> Result<Option<u64>> {
        self.remove_except(key, None)
    }

    /// Removes all records with this key, but not those in the segment `kept`.
    fn remove_except(&self, key: &Key, kept: Option<&Arc<Segment>>) -> Result<Option<u64>> {
        let mut removed = None;
        let mut seen: Vec<Arc<Segment>> = Vec::new();
        loop {
            let segments = self.current()?;
            let mut any = false;
            for segment in segments.all().filter(|segment| !seen.iter().any(|seen| Arc::ptr_eq(seen, segment))) {
                if kept.is_some_and(|own| Arc::ptr_eq(own, segment)) {
                    continue;
                }
                let size = segment.remove(key).map_err(|e| Error::io(e, "can't remove").at(&segment.path))?;
                any |= size.is_some();
                removed = removed.or(size);
            }
            if !any {
                return segments.failed.clone().map_or(Ok(removed), Err);
            }
            // A segment may have been added since, with a copy of a record that was not removed then.
            seen.extend(segments.all().cloned());
        }
    }

    /// Appends an entry, and removes older records with its key. Returns the size of the entry that it replaced.
    pub(crate) fn put(&self, key: &Key, entry: &[u8], temps: &Path, durable: bool) -> Result<Option<u64>> {
        let (segment, before, _) = self.append(key, entry, true, temps, durable)?;
        let older = before.map(|before| segment.remove_at(before)).transpose();
        let older = older.map_err(|error| Error::io(error, "can't remove").at(&segment.path))?.flatten();
        let elsewhere = self.remove_except(key, Some(&segment))?;
        self.complete_if_full(&segment);
        Ok(elsewhere.or(older))
    }

    /// Replaces a record, unless it was removed since it was opened. Returns whether it was replaced.
    pub(crate) fn replace(&self, old: &OpenRecord, key: &Key, entry: &[u8], temps: &Path, durable: bool) -> Result<bool> {
        // The new record can be found, and so removed, before the old one is looked at; and it can't be used until then.
        let (segment, _, place) = self.append(key, entry, false, temps, durable)?;
        // A segment that was replaced no longer shows what is removed.
        let is_current = self.current()?.live.iter().any(|segment| Arc::ptr_eq(segment, &old.segment));
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

    /// Appends a record. Returns its segment, the record in this segment that has the same key, and the new one.
    fn append(
        &self,
        key: &Key,
        entry: &[u8],
        is_live: bool,
        temps: &Path,
        durable: bool,
    ) -> Result<(Arc<Segment>, Option<Place>, Place)> {
        let mut is_new = false;
        loop {
            let segment = match self.own()? {
                Some(own) => own,
                None => {
                    is_new = true;
                    self.create(temps, durable)?
                }
            };
            let appended = segment.find(key).and_then(|before| {
                let place = segment.append(key, entry, is_live, durable)?;
                Ok((before, place))
            });
            match appended {
                Ok((before, place)) => return Ok((segment, before, place)),
                Err(error) => {
                    self.abandon(&segment);
                    if is_new || error.kind() == io::ErrorKind::StorageFull {
                        return Err(Error::io(error, "can't write").at(&segment.path));
                    }
                }
            }
        }
    }

    fn own(&self) -> Result<Option<Arc<Segment>>> {
        self.current()?;
        Ok(locked(&self.known).own.clone())
    }

    fn abandon(&self, segment: &Arc<Segment>) {
        let mut known = locked(&self.known);
        if known.own.as_ref().is_some_and(|own| Arc::ptr_eq(own, segment)) {
            known.own = None;
        }
    }

    /// Creates a segment for this process.
    fn create(&self, temps: &Path, durable: bool) -> Result<Arc<Segment>> {
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
        let segment = Segment::open(path.clone()).map_err(failed)?;
        let segment = Arc::new(segment.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?);
        // Without the lock, another process would take it for the segment of a process that has ended.
        if !matches!(whole_file::try_exclusive(&segment.file), Ok(true)) {
            return Err(failed(io::Error::other("can't lock the file")));
        }
        segment.take_over();
        let mut known = locked(&self.known);
        // Another thread may have made one at the same time.
        if let Some(own) = &known.own {
            let own = own.clone();
            drop(known);
            let _ = fs::remove_file(&path);
            return Ok(own);
        }
        let mut live = known.segments.live.clone();
        live.push(segment.clone());
        let (pending, replaced) = (known.segments.pending.clone(), known.segments.replaced.clone());
        let failed = known.segments.failed.clone();
        known.segments = Arc::new(Segments { live, pending, replaced, failed });
        known.own = Some(segment.clone());
        known.watch.forget();
        Ok(segment)
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
        let mut listed = Vec::new();
        for segment in &self.current()?.live {
            listed.extend(segment.list().map_err(|error| Error::io(error, "can't list").at(&segment.path))?);
        }
        Ok(listed)
    }

    /// Returns whether this process appends to the segment.
    pub(super) fn is_own(&self, segment: &Arc<Segment>) -> bool {
        locked(&self.known).own.as_ref().is_some_and(|own| Arc::ptr_eq(own, segment))
    }

    /// Counts another small result. Returns whether there were more than `most`.
    pub(crate) fn counts_small(&self, most: u32) -> bool {
        self.small.load(Ordering::Relaxed) >= most || self.small.fetch_add(1, Ordering::Relaxed) >= most
    }

    /// Removes all segments, and then the folder. Returns what calls could use.
    pub(crate) fn remove_all(&self) -> Result<UsageDelta> {
        let segments = self.current()?;
        let mut removed = UsageDelta::default();
        for segment in segments.all() {
            let failed = |e| Error::io(e, "can't remove").at(&segment.path);
            if segments.live.iter().any(|live| Arc::ptr_eq(live, segment)) {
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
