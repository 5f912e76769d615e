//! References ([`Shelved`](crate::Shelved)) within a stored result to other results.
//!
//! A reference is stored as the path of the other result's file. The header of an entry lists its references, so that a
//! missing one is found before the value is read. When an entry is read, its references are looked up in the cache that
//! the entry is in, because the cache may have been moved or imported.
//!
//! `Shelved`'s `Serialize` and `Deserialize` take no context, so thread-local variables hold it during reading and
//! writing.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::thread::LocalKey;

use crate::store::interface::Store;
use crate::store::layout::Layout;
use crate::store::mac::MacKey;
use crate::store::read::EntryReader;
use crate::store::segments::registry::segments_of;
use crate::store::stored_entry::StoredEntry;

/// Limit on the references that are checked before a result is used. Missing ones beyond it are found when they are
/// read.
const MOST_LOOKED_AT: usize = 1024;

/// Limit on the references that a header lists. Missing ones beyond it are found when the value is read.
const MOST_LISTED: usize = 256;

thread_local! {
    static WRITTEN: RefCell<Option<Vec<PathBuf>>> = const { RefCell::new(None) };
    static READING: RefCell<Option<Reading>> = const { RefCell::new(None) };
}

/// State while a value is read on this thread.
struct Reading {
    home: Location,
    found: Read,
}

/// The cache that a value is read from.
#[derive(Clone)]
pub(crate) struct Location {
    /// The folder of all functions.
    pub(crate) functions: PathBuf,
    pub(crate) read_only: bool,
    pub(crate) secret: Option<MacKey>,
}

/// References that were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Read {
    /// Whether there were any.
    pub(crate) any: bool,
    /// The first one that is missing.
    pub(crate) gone: Option<PathBuf>,
}

/// Runs `write`, which writes a value. Also returns the files that the value refers to, each once.
pub(crate) fn writing<T>(write: impl FnOnce() -> T) -> (T, Vec<PathBuf>) {
    let (value, parts) = with(&WRITTEN, Vec::new(), write);
    let mut seen = HashSet::new();
    (value, parts.unwrap_or_default().into_iter().filter(|part| seen.insert(part.clone())).collect())
}

/// Runs `read`, which reads a value from this cache. Also returns which references the value has.
pub(crate) fn reading<T>(home: Location, read: impl FnOnce() -> T) -> (T, Read) {
    let (value, reading) = with(&READING, Reading { home, found: Read::default() }, read);
    (value, reading.map(|reading| reading.found).unwrap_or_default())
}

/// Runs `work` while the thread-local variable holds `state`. Also returns the final state.
fn with<S: 'static, T>(
    place: &'static LocalKey<RefCell<Option<S>>>,
    state: S,
    work: impl FnOnce() -> T,
) -> (T, Option<S>) {
    /// Restores the previous state, also after a panic.
    struct Back<S: 'static>(&'static LocalKey<RefCell<Option<S>>>, Option<S>);

    impl<S> Drop for Back<S> {
        fn drop(&mut self) {
            let before = self.1.take();
            let _ = self.0.try_with(|place| place.replace(before));
        }
    }

    // While the thread ends, its variables are gone, and nothing is recorded.
    let back = Back(place, place.try_with(|place| place.replace(Some(state))).ok().flatten());
    let value = work();
    let state = place.try_with(RefCell::take).ok().flatten();
    drop(back);
    (value, state)
}

/// Records that a reference to the result in this file is written.
pub(crate) fn written(path: &Path) {
    let _ = WRITTEN.try_with(|written| {
        if let Some(parts) = &mut *written.borrow_mut() {
            parts.push(path.to_owned());
        }
    });
}

/// Records that a reference to the result in this file is read. Returns its file in the cache that is read from; `None`
/// if it is not there.
pub(crate) fn read(path: &Path) -> Option<(PathBuf, Location)> {
    let found = READING.try_with(|reading| {
        let mut reading = reading.borrow_mut();
        let Reading { home, found } = reading.as_mut()?;
        found.any = true;
        match find(&home.functions, path) {
            Some(path) => path.starts_with(&home.functions).then(|| (path, home.clone())),
            None => {
                found.gone.get_or_insert_with(|| path.to_owned());
                None
            }
        }
    });
    found.ok().flatten()
}

/// Returns what the header lists: for results in this cache their path relative to the functions' folder, for others
/// the whole path.
pub(crate) fn listed(functions: &Path, parts: &[PathBuf]) -> Vec<String> {
    let name = |part: &PathBuf| match part.strip_prefix(functions) {
        Ok(rest) => rest.iter().map(|name| name.to_str()).collect::<Option<Vec<_>>>().map(|names| names.join("/")),
        Err(_) => part.to_str().map(str::to_owned),
    };
    parts.iter().take(MOST_LISTED).filter_map(name).collect()
}

/// Returns the first missing reference among those that a header lists, and among the references of these in turn. A
/// file that can't be an entry counts as missing. Damage to its value is found when it is read.
///
/// With `touched`, also records that the results before it were used, so that they are not evicted before the result that
/// refers to them.
pub(crate) fn first_gone(functions: &Path, listed: &[String], touched: Option<&dyn Store>) -> Option<PathBuf> {
    let mut todo: Vec<PathBuf> = listed.iter().map(|part| functions.join(part)).collect();
    let mut seen = HashSet::new();
    while let Some(part) = todo.pop() {
        if seen.len() == MOST_LOOKED_AT || !seen.insert(part.clone()) {
            continue;
        }
        let Some(entry) = find(functions, &part).and_then(|path| open_part(&path)) else { return Some(part) };
        if let Some(store) = touched {
            store.touch(entry.stored());
        }
        // References into another cache are absolute paths, which `join` leaves unchanged.
        todo.extend(entry.header.details.parts.iter().map(|part| functions.join(part)));
    }
    None
}

/// Opens the entry in this file; `None` if it is not a complete entry.
fn open_part(path: &Path) -> Option<EntryReader> {
    let key = path.file_name().and_then(Layout::key_of_entry)?;
    let entry = EntryReader::read(StoredEntry::open(path.to_owned(), &key).ok()??, &key).ok()?;
    entry.is_complete().ok()?.then_some(entry)
}

/// Returns the current path of a referenced file: in this cache if it is there, even if the cache was elsewhere when
/// the path was written; otherwise the stored path.
fn find(functions: &Path, path: &Path) -> Option<PathBuf> {
    let is_there = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|file| file.is_file())
            || path.file_name().and_then(Layout::key_of_entry).is_some_and(|key| {
                let function = path.parent().map(Layout::function_of);
                function.is_some_and(|function| segments_of(&function).get(&key).is_ok_and(|found| found.is_some()))
            })
    };
    if path.starts_with(functions) {
        return is_there(path).then(|| path.to_owned());
    }
    let mut rest = path.components();
    while let Some(component) = rest.next() {
        // Several folders in the path may have this name. The file name is the key, so a wrong folder can't match
        // another result.
        if functions.file_name() == Some(component.as_os_str())
            && rest.clone().all(|component| matches!(component, Component::Normal(_)))
            && path.file_name().and_then(Layout::key_of_entry).is_some()
        {
            let here = functions.join(rest.as_path());
            if is_there(&here) {
                return Some(here);
            }
        }
    }
    is_there(path).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_where_the_cache_is_now() {
        let root = tempfile::tempdir().unwrap();
        let functions = root.path().join("v1");
        let entry = format!("{}.larder", "0123456789abcdef".repeat(4));
        let folder = functions.join("a").join("v1").join("f");
        crate::sys::private_folder::create_private_folder(&folder).unwrap();
        let here = folder.join(&entry);
        assert_eq!(find(&functions, &here), None);
        std::io::Write::write_all(&mut fs::File::create(&here).unwrap(), b"x").unwrap();
        let elsewhere = Path::new("/once/v1/there/v1/a/v1/f").join(&entry);
        assert_eq!(find(&functions, &here), Some(here.clone()));
        assert_eq!(find(&functions, &elsewhere), Some(here.clone()));
        assert_eq!(find(&functions, &Path::new("/once/v1/../v1/a/v1/f").join("diary.txt")), None);
        assert_eq!(listed(&functions, &[here.clone(), elsewhere]).len(), 2);
        assert_eq!(listed(&functions, &[here]), [format!("a/v1/f/{entry}")]);
        // The file exists, but is not an entry.
        assert!(first_gone(&functions, &[format!("a/v1/f/{entry}")], None).is_some());
        assert!(first_gone(&functions, &[format!("a/v1/g/{entry}")], None).is_some());
    }
}
