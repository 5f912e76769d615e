//! Walks through the files of entries, folder by folder.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::store::interface::Listing;
use crate::store::layout::Layout;
use crate::store::listed_entry::ListedEntry;
use crate::store::names::DEEPEST;
use crate::store::segments::registry::segments_of;
use crate::store::segments::segment::Listed;
use crate::store::stored_entry::EntryStat;

/// Walk through a folder and the folders within it, some entries at a time.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Whether it enters the folders of other functions.
    deep: bool,
    folders: Vec<Waiting>,
    listing: Option<(Waiting, fs::ReadDir)>,
    /// Records of a function that were not returned yet.
    records: Option<(Arc<Path>, std::vec::IntoIter<ListedEntry>)>,
    /// Why the listing of a folder ended early, after entries of it were returned.
    failed: Option<Error>,
    /// Files that are named like entries, but are not larder's. They are skipped.
    foreign: HashSet<PathBuf>,
}

/// A folder that is not listed yet.
#[derive(Debug)]
struct Waiting {
    path: PathBuf,
    /// The function that its entries belong to.
    function: Arc<Path>,
    kind: Kind,
    depth: usize,
}

#[derive(Debug)]
enum Kind {
    Function,
    /// Its folders hold the entries for which the function's folder had no room.
    Spread,
    PartOfSpread,
    /// It holds the segments of a function.
    Packed,
}

impl Waiting {
    /// Returns how to list a folder that was found in this one; `None` to skip it.
    fn below(&self, path: PathBuf, deep: bool) -> Option<Waiting> {
        let depth = self.depth + 1;
        match self.kind {
            Kind::Function if !deep || depth > DEEPEST => None,
            Kind::Function => Some(match path.file_name().and_then(Layout::spread_of) {
                Some(function) => {
                    Waiting { function: path.with_file_name(function).into(), path, kind: Kind::Spread, depth }
                }
                None => match path.file_name().and_then(Layout::packed_of) {
                    Some(function) => {
                        Waiting { function: path.with_file_name(function).into(), path, kind: Kind::Packed, depth }
                    }
                    None => Waiting { function: path.as_path().into(), path, kind: Kind::Function, depth },
                },
            }),
            Kind::Spread => Some(Waiting { path, function: self.function.clone(), kind: Kind::PartOfSpread, depth }),
            Kind::PartOfSpread | Kind::Packed => None,
        }
    }
}

impl Walk {
    /// Walks through the entries in a folder, and in the folders within it if `deep`. Does not follow symbolic links, and
    /// skips what is removed during the walk.
    pub(super) fn through(folder: &Path, deep: bool, foreign: HashSet<PathBuf>) -> Self {
        let function: Arc<Path> = folder.into();
        let first = Waiting { path: folder.to_owned(), function: function.clone(), kind: Kind::Function, depth: 0 };
        let beside = |path, kind| Waiting { path, function: function.clone(), kind, depth: 0 };
        let beside =
            [beside(Layout::spread_folder(folder), Kind::Spread), beside(Layout::packed_folder(folder), Kind::Packed)];
        let folders = beside.into_iter().filter(|_| !deep).chain([first]).collect();
        Walk { deep, folders, listing: None, failed: None, foreign, records: None }
    }
}

impl Listing for Walk {
    fn next(&mut self, most: usize) -> Result<Option<(Arc<Path>, Vec<ListedEntry>)>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if let Some((function, records)) = &mut self.records {
            let some: Vec<_> = records.take(most).collect();
            if !some.is_empty() {
                return Ok(Some((function.clone(), some)));
            }
            self.records = None;
        }
        let (folder, mut listing) = match self.listing.take() {
            Some(listing) => listing,
            None => {
                let Some(folder) = self.folders.pop() else { return Ok(None) };
                // Links in the folders below are not followed either.
                if folder.depth == 0 && folder.path.is_symlink() {
                    let what = "this is a link, which is not followed: nothing beyond it is listed or removed";
                    return Err(Error::new(ErrorKind::InvalidInput, what).at(folder.path));
                }
                if let Kind::Packed = folder.kind {
                    let listed = segments_of(&folder.function).entries()?;
                    let record = |listed: Listed| {
                        let stat = EntryStat { size: listed.place.len as u64, used: listed.used, identity: None };
                        ListedEntry::in_segment(listed.key, stat)
                    };
                    let records: Vec<_> = listed.into_iter().map(record).collect();
                    self.records = Some((folder.function.clone(), records.into_iter()));
                    return Ok(Some((folder.function, Vec::new())));
                }
                match fs::read_dir(&folder.path) {
                    Ok(listing) => (folder, listing),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        return Ok(Some((folder.function, Vec::new())));
                    }
                    Err(error) => return Err(Error::io(error, "can't list the folder").at(folder.path)),
                }
            }
        };
        let mut files = Vec::new();
        let mut is_at_end = true;
        for item in listing.by_ref().take(most) {
            is_at_end = false;
            let file = match item {
                Ok(file) => file,
                Err(error) => {
                    self.failed = Some(Error::io(error, "can't list the folder").at(&folder.path));
                    is_at_end = true;
                    break;
                }
            };
            let Ok(kind) = file.file_type() else { continue };
            if kind.is_dir() {
                self.folders.extend(folder.below(file.path(), self.deep));
            } else if kind.is_file()
                && let Some(key) = Layout::key_of_entry(&file.file_name())
                && (self.foreign.is_empty() || !self.foreign.contains(&file.path()))
            {
                files.push(ListedEntry::new(key, file));
            }
        }
        // Reading or removing many files is faster in about their order on the disk.
        files.sort_unstable_by_key(ListedEntry::position);
        if matches!(folder.kind, Kind::Spread) {
            files.clear();
        }
        let function = folder.function.clone();
        if !is_at_end {
            self.listing = Some((folder, listing));
        }
        Ok(Some((function, files)))
    }
}
