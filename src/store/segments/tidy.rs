//! Tidies the segments of a function: gives segments of ended processes an index, replaces small and sparse segments by
//! one, and removes what was replaced.
//!
//! A merge has these steps, and may end after each of them without harm:
//!
//! 1. Lock the sources, which are complete. Copy their usable records into a new segment, which is pending.
//! 2. Publish it. From now on, a removal of a record also removes its copy.
//! 3. Look at the sources again, and remove the copies of records that were removed in the meantime.
//! 4. Make the new segment live, by one write. From now on, it replaces the sources, which it lists.
//! 5. Remove the sources.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::store::layout::Layout;
use crate::store::segments::format;
use crate::store::segments::format::{HEADER, MOST_SOURCES, RecordHeader, SegmentHeader};
use crate::store::segments::function_segments::{FunctionSegments, new_id};
use crate::store::segments::segment::{Listed, Segment};
use crate::sys::atomic_file::{FileKind, TempFile};
use crate::sys::file_id::FileId;
use crate::sys::lock::whole_file;

/// A segment below this size, in bytes, is merged with others.
const SMALL: u64 = 32 << 20;

/// Number of small segments that are merged into one.
const MANY: usize = 8;

/// Size limit of the records that one merge copies, in bytes.
const MOST_COPIED: u64 = 128 << 20;

/// The lock of a segment, released when it is dropped.
struct Locked(Arc<Segment>);

impl Locked {
    /// Takes the lock of a segment that no process appends to or merges, and that is still in its folder.
    fn take(segment: &Arc<Segment>) -> Option<Self> {
        if !matches!(whole_file::try_exclusive(&segment.file), Ok(true)) {
            return None;
        }
        let locked = Locked(segment.clone());
        (FileId::of_file(&segment.file) == FileId::of(&segment.path)).then_some(locked)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = fs2::FileExt::unlock(&self.0.file);
    }
}

/// A segment that may be replaced.
struct Source {
    segment: Arc<Segment>,
    /// About the size of the records that calls may use, in bytes.
    used: u64,
    is_sparse: bool,
}

impl FunctionSegments {
    /// Does one piece of work, if there is any. Returns whether it did.
    pub(crate) fn tidy(&self) -> Result<bool> {
        let segments = self.current()?;
        let mut any = false;
        for segment in &segments.replaced {
            any |= fs::remove_file(&segment.path).is_ok();
        }
        for segment in &segments.pending {
            // The process that made it has ended.
            if let Some(_locked) = Locked::take(segment)
                && !segment.is_live().unwrap_or(true)
            {
                any |= fs::remove_file(&segment.path).is_ok();
            }
        }
        let mut sources = Vec::new();
        for segment in &segments.live {
            let at = |error| Error::io(error, "can't tidy").at(&segment.path);
            if !segment.is_complete().map_err(at)? {
                if self.is_own(segment) {
                    continue;
                }
                let Some(_locked) = Locked::take(segment) else { continue };
                segment.complete().map_err(at)?;
                any = true;
            }
            let Some(header) = segment.header().map_err(at)? else { continue };
            let used = segment.end_of_records().map_err(at)?.saturating_sub(header.removed);
            let is_sparse = header.removed > used;
            if used < SMALL || is_sparse {
                sources.push(Source { segment: segment.clone(), used, is_sparse });
            }
        }
        let is_due = sources.iter().any(|source| source.is_sparse) || sources.len() >= MANY;
        if !is_due {
            return Ok(any);
        }
        // Sparse ones first, then small ones.
        sources.sort_by_key(|source| (!source.is_sparse, source.used));
        let mut copied = 0;
        let mut locked = Vec::new();
        for source in sources {
            copied += source.used;
            if locked.len() == MOST_SOURCES || copied > MOST_COPIED {
                break;
            }
            locked.extend(Locked::take(&source.segment));
        }
        // A single one is worth it only if it is sparse, which then is the first one.
        if locked.is_empty() {
            return Ok(any);
        }
        self.merge(locked)?;
        Ok(true)
    }

    fn merge(&self, sources: Vec<Locked>) -> Result<()> {
        let sources: Vec<(Locked, Vec<Listed>)> = sources
            .into_iter()
            .map(|source| {
                let listed = source.0.list().map_err(|e| Error::io(e, "can't list").at(&source.0.path))?;
                Ok((source, listed))
            })
            .collect::<Result<_>>()?;
        if sources.iter().any(|(_, listed)| !listed.is_empty()) {
            let merged = self.publish(&sources)?;
            let Some(merged) = merged else { return Ok(()) };
            // 3. What was removed before the new segment was published.
            for (source, copied) in &sources {
                let at = |error| Error::io(error, "can't tidy").at(&source.0.path);
                let still: HashSet<Key> = source.0.list().map_err(at)?.iter().map(|listed| listed.key).collect();
                for gone in copied.iter().filter(|listed| !still.contains(&listed.key)) {
                    merged.0.remove(&gone.key, None).map_err(at)?;
                }
            }
            // 4.
            merged.0.make_live().map_err(|e| Error::io(e, "can't write").at(&merged.0.path))?;
        }
        // 5.
        for (source, _) in &sources {
            let removed = fs::remove_file(&source.0.path);
            tracing::debug!(path = %source.0.path.display(), removed = removed.is_ok(), "replaced a segment");
        }
        Ok(())
    }

    /// Publishes the pending segment with copies of these records; `None` if another process removed it at once.
    fn publish(&self, sources: &[(Locked, Vec<Listed>)]) -> Result<Option<Locked>> {
        let id = new_id();
        let path = Layout::segment(self.folder(), &id);
        let failed = |error: io::Error| Error::io(error, "can't write").at(&path);
        let header = SegmentHeader {
            id,
            sources: sources.iter().map(|(source, _)| source.0.id).collect(),
            is_live: false,
            index: 0,
            removed: 0,
        };
        let mut start = header.encode();
        let mut temp = TempFile::new(self.temps()?, FileKind::CacheFile);
        temp.write_all(&start).map_err(failed)?;
        let mut records: Vec<(Key, u64)> = Vec::new();
        let mut seen = HashSet::new();
        for (source, listed) in sources {
            // The last record of a key is the current one.
            for Listed { key, place, .. } in listed.iter().rev() {
                let Some((record, entry)) = source.0.read(*place).map_err(failed)? else { continue };
                if !seen.insert(*key) {
                    continue;
                }
                let offset = temp.len();
                let record = RecordHeader { is_live: true, is_gone: false, ..record };
                let mut bytes = Vec::with_capacity(HEADER + entry.len().next_multiple_of(HEADER));
                bytes.extend_from_slice(&record.encode(&id, offset));
                bytes.extend_from_slice(&entry);
                bytes.resize(bytes.len().next_multiple_of(HEADER), 0);
                temp.write_all(&bytes).map_err(failed)?;
                records.push((*key, offset));
            }
        }
        let index = temp.len();
        temp.write_all(&format::encode_index(&records)).map_err(failed)?;
        start[48..56].copy_from_slice(&index.to_le_bytes());
        temp.overwrite_start(&start)?;
        // Its content is on the disk before the sources are removed.
        temp.publish(&path, true)?;
        let segment = match Segment::open(path.clone()) {
            Ok(segment) => segment.map(Arc::new),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(segment.and_then(|segment| Locked::take(&segment)))
    }

    /// Returns the folder for temporary files.
    fn temps(&self) -> Result<std::path::PathBuf> {
        let root = Layout::root_of(self.folder()).unwrap_or(Path::new(""));
        let layout = Layout::at(root)?;
        layout.create_temps()?;
        Ok(layout.temp_folder_for(self.folder()))
    }
}
