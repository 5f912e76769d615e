//! Computes the digest of a folder: the names, types and contents of everything in it.

use std::collections::BinaryHeap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::path::Path;

use blake3::Hasher;

use crate::error::{Error, ErrorKind, Result};
use crate::key::digest::Key;
use crate::key::file_digest::file;
use crate::key::file_digest::file::Links;
use crate::key::file_digest::remembered::{Seen, Stamp, recall, remember};
use crate::key::file_digest::state::{State, Trust};

/// Separates the digests of folders from those of files that hold the same bytes.
const CONTEXT: &str = "larder 2026 the digest of a folder, version 1";

/// Maximum names of one folder in memory. A folder with more is listed several times.
const MOST_NAMES: usize = 16 << 10;

/// Maximum nesting depth of folders.
const DEEPEST: usize = 128;

/// Minimum size, in bytes, of files whose digest is remembered. Smaller ones are read as fast as they are looked up.
const WORTH_REMEMBERING: u64 = 1 << 20;

/// Type of an item in a folder.
#[derive(Clone, Copy)]
enum Kind {
    File = 1,
    Folder = 2,
    Link = 3,
}

/// Returns the digest of the folder; `None` if it changed while it was read.
pub(super) fn read(path: &Path) -> Result<Option<Seen>> {
    let place = fs::canonicalize(path).map_err(unreadable)?;
    let (before, tells) = stamp(&place)?;
    if let Some(digest) = recall(&place, before) {
        return Ok(Some(Seen { digest, stamp: before, tells }));
    }
    let digest = tree(&place, DEEPEST, &mut |path, kind, _| match kind {
        Kind::Link => target(path),
        _ => match file::read(path, path.to_owned(), Links::Refused, WORTH_REMEMBERING)? {
            Some(seen) => Ok(seen.digest),
            None => Err(Error::new(ErrorKind::InvalidInput, "the file changes while it is read")),
        },
    });
    let (after, _) = stamp(&place)?;
    if after != before {
        return Ok(None);
    }
    let seen = Seen { digest: digest?, stamp: before, tells };
    remember(place, &seen);
    Ok(Some(seen))
}

/// Returns the state of everything in the folder, and whether every later change will alter that state.
pub(super) fn stamp(path: &Path) -> Result<(Stamp, bool)> {
    let place = fs::canonicalize(path).map_err(unreadable)?;
    let mut known: Option<(u64, Trust)> = None;
    let mut tells = true;
    let digest = tree(&place, DEEPEST, &mut |path, kind, metadata| {
        let trust = match known {
            Some((device, trust)) if device == device_of(metadata) => trust,
            // `statfs` on a link would report the file system of its target, so ask about its folder.
            _ if matches!(kind, Kind::Link) => Trust::at(path.parent().unwrap_or(path)),
            _ => Trust::at(path),
        };
        known = Some((device_of(metadata), trust));
        let state = State::of(metadata, trust);
        tells &= trust == Trust::Full && state.tells(trust);
        Ok(digest_of_state(&state))
    })?;
    Ok((Stamp::Folder(digest), tells))
}

/// Computes the digest of a folder, item by item in the order of their names. `leaf` returns the digest of an item that
/// is not a folder.
fn tree(folder: &Path, levels: usize, leaf: &mut dyn FnMut(&Path, Kind, &Metadata) -> Result<Key>) -> Result<Key> {
    let levels = levels.checked_sub(1).ok_or_else(|| {
        let what = format!("folders are nested more than {DEEPEST} levels deep, so this one has no digest");
        Error::new(ErrorKind::LimitExceeded, what).at(folder)
    })?;
    let mut hasher = Hasher::new_derive_key(CONTEXT);
    let mut last: Option<OsString> = None;
    loop {
        let names = names(folder, last.as_deref(), MOST_NAMES)?;
        for name in &names {
            let path = folder.join(name);
            let (kind, digest) = item(&path, levels, leaf).map_err(|error| error.at(&path))?;
            let name = name.as_encoded_bytes();
            hasher.update(&[kind as u8]).update(&(name.len() as u64).to_le_bytes()).update(name);
            hasher.update(digest.as_bytes());
        }
        if names.len() < MOST_NAMES {
            return Ok(Key::from_bytes(*hasher.finalize().as_bytes()));
        }
        last = names.into_iter().next_back();
    }
}

fn item(
    path: &Path,
    levels: usize,
    leaf: &mut dyn FnMut(&Path, Kind, &Metadata) -> Result<Key>,
) -> Result<(Kind, Key)> {
    let metadata = fs::symlink_metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Ok((Kind::Folder, tree(path, levels, leaf)?));
    }
    let kind = if metadata.is_symlink() { Kind::Link } else { Kind::File };
    Ok((kind, leaf(path, kind, &metadata)?))
}

/// Returns the first names in a folder that come after `after`, in the order of their bytes; at most `most`.
fn names(folder: &Path, after: Option<&OsStr>, most: usize) -> Result<Vec<OsString>> {
    let failed = |e| Error::io(e, "can't list the folder").at(folder);
    // The greatest name is on top, and is removed when there are too many.
    let mut first = BinaryHeap::new();
    for item in fs::read_dir(folder).map_err(failed)? {
        let name = item.map_err(failed)?.file_name();
        if after.is_none_or(|after| *name > *after) {
            first.push(name);
        }
        if first.len() > most {
            first.pop();
        }
    }
    Ok(first.into_sorted_vec())
}

/// Returns the digest of a link's target, as written.
fn target(path: &Path) -> Result<Key> {
    let target = fs::read_link(path).map_err(unreadable)?;
    Ok(Key::from_bytes(*blake3::hash(target.as_os_str().as_encoded_bytes()).as_bytes()))
}

fn digest_of_state(state: &State) -> Key {
    let mut hasher = Hasher::new();
    state.parts(&mut |part| {
        hasher.update(&part.to_le_bytes());
    });
    Key::from_bytes(*hasher.finalize().as_bytes())
}

fn unreadable(error: std::io::Error) -> Error {
    Error::io(error, "can't read")
}

#[cfg(unix)]
fn device_of(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(metadata)
}

#[cfg(not(unix))]
fn device_of(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_for_any_memory_limit() {
        let folder = tempfile::tempdir().unwrap();
        let mut all: Vec<OsString> = (0..100).map(|n: u32| format!("{}", n * 37 % 101).into()).collect();
        for name in &all {
            fs::File::create(folder.path().join(name)).unwrap();
        }
        all.sort();
        for most in [1, 3, 99, 100, 101] {
            let mut listed: Vec<OsString> = Vec::new();
            loop {
                let more = names(folder.path(), listed.last().map(|last| &**last), most).unwrap();
                let is_last = more.len() < most;
                listed.extend(more);
                if is_last {
                    break;
                }
            }
            assert_eq!(listed, all, "{most} at a time");
        }
    }

    /// Computes the format of `docs/design/keys.md` independently.
    #[test]
    fn the_digest_has_the_documented_format() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tree");
        let write = |name: &str, content: &[u8]| {
            let path = path.join(name);
            crate::sys::private_folder::create_private_folder(path.parent().unwrap()).unwrap();
            crate::sys::atomic_file::write(folder.path(), &path, crate::sys::atomic_file::FileKind::CacheFile, content)
                .unwrap();
        };
        write("b", b"two");
        write("a/z", b"");
        let digest = |items: &[(u8, &str, blake3::Hash)]| {
            let mut hasher = Hasher::new_derive_key("larder 2026 the digest of a folder, version 1");
            for (kind, name, digest) in items {
                hasher.update(&[*kind]).update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
                hasher.update(digest.as_bytes());
            }
            hasher.finalize()
        };
        let a = digest(&[(1, "z", blake3::hash(b""))]);
        let expected = digest(&[(2, "a", a), (1, "b", blake3::hash(b"two"))]);
        assert_eq!(read(&path).unwrap().unwrap().digest.as_bytes(), expected.as_bytes());
    }
}
