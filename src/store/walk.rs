//! Walks through the files of entries, folder by folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::store::layout::Layout;
use crate::store::names::DEEPEST;

/// The file of an entry, as a listing found it.
#[derive(Debug)]
pub(crate) struct ListedEntry {
    pub(crate) key: Key,
    file: fs::DirEntry,
}

impl ListedEntry {
    pub(crate) fn metadata(&self) -> io::Result<fs::Metadata> {
        self.file.metadata()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.file.path()
    }
}

/// Calls `found` for each function's folder with its entries; more than once if they are spread over several folders.
/// Does not follow symbolic links. Skips files and folders that are removed during the walk.
///
/// # Errors
/// The first folder that can't be listed, after all others were listed.
pub(super) fn visit(folder: &Path, deep: bool, found: &mut dyn FnMut(&Path, &[ListedEntry])) -> Result<()> {
    let mut walk = Walk::through(folder, deep);
    let mut result = Ok(());
    loop {
        match walk.go_on(usize::MAX) {
            Ok(Some((function, files))) => found(&function, &files),
            Ok(None) => return result,
            Err(error) => result = result.and(Err(error)),
        }
    }
}

/// Walk through a folder and the folders within it, some entries at a time.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Whether it enters the folders of other functions.
    deep: bool,
    folders: Vec<Waiting>,
    listing: Option<(Waiting, fs::ReadDir)>,
    has_begun: bool,
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
                None => Waiting { function: path.as_path().into(), path, kind: Kind::Function, depth },
            }),
            Kind::Spread => Some(Waiting { path, function: self.function.clone(), kind: Kind::PartOfSpread, depth }),
            Kind::PartOfSpread => None,
        }
    }
}

impl Walk {
    pub(crate) fn under(folder: &Path) -> Self {
        Walk::through(folder, true)
    }

    /// Walks through the entries in a folder, and in the folders within it if `deep`.
    pub(super) fn through(folder: &Path, deep: bool) -> Self {
        let function: Arc<Path> = folder.into();
        let first = Waiting { path: folder.to_owned(), function: function.clone(), kind: Kind::Function, depth: 0 };
        let path = Layout::spread_folder(folder);
        let spread = (!deep).then_some(Waiting { path, function, kind: Kind::Spread, depth: 0 });
        Walk { deep, folders: spread.into_iter().chain([first]).collect(), listing: None, has_begun: false }
    }

    /// Returns whether the first folder could be listed.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Reads at most `most` names of one folder. Returns the function's folder and the entries among these names, which
    /// may be none; `None` at the end of the walk. Like [`visit`], does not follow symbolic links and skips what is
    /// removed during the walk.
    ///
    /// # Errors
    /// If a folder can't be listed. The next call continues with the next folder.
    pub(super) fn go_on(&mut self, most: usize) -> Result<Option<(Arc<Path>, Vec<ListedEntry>)>> {
        let (folder, mut listing) = match self.listing.take() {
            Some(listing) => listing,
            None => {
                let Some(folder) = self.folders.pop() else { return Ok(None) };
                match fs::read_dir(&folder.path) {
                    Ok(listing) => (folder, listing),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        return Ok(Some((folder.function, Vec::new())));
                    }
                    Err(error) => return Err(Error::io(error, "can't list the folder").at(folder.path)),
                }
            }
        };
        self.has_begun = true;
        let mut files = Vec::new();
        let mut is_at_end = true;
        for item in listing.by_ref().take(most) {
            is_at_end = false;
            let file = item.map_err(|e| Error::io(e, "can't list the folder").at(&folder.path))?;
            let Ok(kind) = file.file_type() else { continue };
            if kind.is_dir() {
                self.folders.extend(folder.below(file.path(), self.deep));
            } else if kind.is_file()
                && let Some(key) = Layout::key_of_entry(&file.file_name())
            {
                files.push(ListedEntry { key, file });
            }
        }
        in_disk_order(&mut files);
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

/// Sorts files by inode, which is about their order on the disk: reading or removing many of them is faster that way.
#[cfg(unix)]
fn in_disk_order(files: &mut [ListedEntry]) {
    use std::os::unix::fs::DirEntryExt as _;
    files.sort_unstable_by_key(|listed| listed.file.ino());
}

#[cfg(not(unix))]
fn in_disk_order(_: &mut [ListedEntry]) {}
