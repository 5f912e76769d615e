//! The parts of a stored result: references ([`Shelved`](crate::Shelved)) within it to other results.
//!
//! They are stored as the paths of their files. The header of an entry lists them, so that a result whose parts are gone is
//! told before it is read; and where an entry is read, they are looked for in the cache that it is in, as that may have been moved
//! or imported since.
//!
//! `Shelved`'s `Serialize` and `Deserialize` can't be handed anything, so what is written and read is kept for each thread
//! meanwhile.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::thread::LocalKey;

use crate::store::layout::Layout;
use crate::store::mac::MacKey;
use crate::store::read::EntryReader;
use crate::sys::file::open_entry;

/// Parts that are looked at before a result is used. Of more, it is seen when they are read.
const MOST_LOOKED_AT: usize = 1024;

/// Parts that a header lists. Of others it is seen when the value is read.
const MOST_LISTED: usize = 256;

thread_local! {
    static WRITTEN: RefCell<Option<Vec<PathBuf>>> = const { RefCell::new(None) };
    static READING: RefCell<Option<Reading>> = const { RefCell::new(None) };
}

/// What a value that is read has for parts.
struct Reading {
    home: Location,
    found: Read,
}

/// The cache that a value is read from.
#[derive(Clone)]
pub(crate) struct Location {
    /// The folder that its functions are under.
    pub(crate) functions: PathBuf,
    pub(crate) read_only: bool,
    pub(crate) secret: Option<MacKey>,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Read {
    /// Whether there are parts.
    pub(crate) any: bool,
    /// The first that is gone.
    pub(crate) gone: Option<PathBuf>,
}

/// Does what writes a value: gives the files of its parts as well.
pub(crate) fn writing<T>(write: impl FnOnce() -> T) -> (T, Vec<PathBuf>) {
    let (value, parts) = with(&WRITTEN, Vec::new(), write);
    let mut seen = HashSet::new();
    (value, parts.unwrap_or_default().into_iter().filter(|part| seen.insert(part.clone())).collect())
}

/// Does what reads a value of a cache: gives what parts it has as well.
pub(crate) fn reading<T>(home: Location, read: impl FnOnce() -> T) -> (T, Read) {
    let (value, reading) = with(&READING, Reading { home, found: Read::default() }, read);
    (value, reading.map(|reading| reading.found).unwrap_or_default())
}

/// Does something while the thread has this; gives what became of it.
fn with<S: 'static, T>(
    place: &'static LocalKey<RefCell<Option<S>>>,
    state: S,
    work: impl FnOnce() -> T,
) -> (T, Option<S>) {
    /// Puts back what was there, also after a panic.
    struct Back<S: 'static>(&'static LocalKey<RefCell<Option<S>>>, Option<S>);

    impl<S> Drop for Back<S> {
        fn drop(&mut self) {
            let before = self.1.take();
            let _ = self.0.try_with(|place| place.replace(before));
        }
    }

    // Where the thread ends, nothing is kept any more.
    let back = Back(place, place.try_with(|place| place.replace(Some(state))).ok().flatten());
    let value = work();
    let state = place.try_with(RefCell::take).ok().flatten();
    drop(back);
    (value, state)
}

/// A reference to the result in this file is written.
pub(crate) fn written(path: &Path) {
    let _ = WRITTEN.try_with(|written| {
        if let Some(parts) = &mut *written.borrow_mut() {
            parts.push(path.to_owned());
        }
    });
}

/// A reference to the result in this file is read: its file in the cache that is read from, if it is there.
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

/// What a header lists: the parts in the cache itself by their path from there on.
pub(crate) fn listed(functions: &Path, parts: &[PathBuf]) -> Vec<String> {
    let name = |part: &PathBuf| match part.strip_prefix(functions) {
        Ok(rest) => rest.iter().map(|name| name.to_str()).collect::<Option<Vec<_>>>().map(|names| names.join("/")),
        Err(_) => part.to_str().map(str::to_owned),
    };
    parts.iter().take(MOST_LISTED).filter_map(name).collect()
}

/// The first of the parts that a header lists, and of the parts of these, which is gone or can't be an entry any more.
/// Whether the value in it is damaged is seen when it is read.
pub(crate) fn first_gone(functions: &Path, listed: &[String]) -> Option<PathBuf> {
    let mut todo: Vec<PathBuf> = listed.iter().map(|part| functions.join(part)).collect();
    let mut seen = HashSet::new();
    while let Some(part) = todo.pop() {
        if seen.len() == MOST_LOOKED_AT || !seen.insert(part.clone()) {
            continue;
        }
        match find(functions, &part).and_then(|path| parts_of(&path)) {
            // Those of another cache are named from there on.
            Some(parts) => todo.extend(parts.iter().map(|part| functions.join(part))),
            None => return Some(part),
        }
    }
    None
}

/// What the entry in this file lists, if it is whole.
fn parts_of(path: &Path) -> Option<Vec<String>> {
    let key = path.file_name().and_then(Layout::key_of_entry)?;
    let peeked = EntryReader::read(open_entry(path).ok()?, &key).ok()?;
    peeked.is_complete().ok()?.then(|| peeked.header.details.parts.clone())
}

/// Where the file of a part is: in this cache, wherever that was when the path was written, or else at that path.
fn find(functions: &Path, path: &Path) -> Option<PathBuf> {
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok_and(|file| file.is_file());
    if path.starts_with(functions) {
        return is_there(path).then(|| path.to_owned());
    }
    let mut rest = path.components();
    while let Some(component) = rest.next() {
        // More than one folder may be called so. The name of the file is the key, so no other is taken for it.
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
    fn parts_are_found_where_the_cache_is_now() {
        let root = tempfile::tempdir().unwrap();
        let functions = root.path().join("v1");
        let entry = format!("{}.larder", "0123456789abcdef".repeat(4));
        let folder = functions.join("a").join("v1").join("f");
        crate::sys::atomic_file::create_private_folder(&folder).unwrap();
        let here = folder.join(&entry);
        assert_eq!(find(&functions, &here), None);
        std::io::Write::write_all(&mut fs::File::create(&here).unwrap(), b"x").unwrap();
        let elsewhere = Path::new("/once/v1/there/v1/a/v1/f").join(&entry);
        assert_eq!(find(&functions, &here), Some(here.clone()));
        assert_eq!(find(&functions, &elsewhere), Some(here.clone()));
        assert_eq!(find(&functions, &Path::new("/once/v1/../v1/a/v1/f").join("diary.txt")), None);
        assert_eq!(listed(&functions, &[here.clone(), elsewhere]).len(), 2);
        assert_eq!(listed(&functions, &[here]), [format!("a/v1/f/{entry}")]);
        // What is there is no entry.
        assert!(first_gone(&functions, &[format!("a/v1/f/{entry}")]).is_some());
        assert!(first_gone(&functions, &[format!("a/v1/g/{entry}")]).is_some());
    }
}
