//! The content of a file as an argument.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::ser::{Error as _, SerializeStruct as _};
use serde::{Serialize, Serializer};

use crate::file::{FileRange, open_now};
use crate::key::{Key, Scratch, Source, StandIn, Take, Tree};
use crate::{Error, ErrorKind, Result};

/// As an argument, the content of a file: a call hits if the file holds what it held then, wherever it lies.
///
/// The digest is BLAKE3's, as `b3sum` prints it. A file is read once: as long as its size and its times
/// stay the same, this process remembers the digest (of up to 4,096 files, and not of files that were changed
/// within two seconds before they were read, as they may change again without a sign).
///
/// If the file can't be read, the argument has no key: so the call bypasses the cache, and the function itself
/// meets the error.
///
/// Serialised for anything but a key, it is a struct of `path` and `digest`, both texts.
///
/// ```
/// use larder::{FileDigest, key_of};
///
/// let folder = tempfile::tempdir()?;
/// let (a, b) = (folder.path().join("a"), folder.path().join("b"));
/// std::fs::write(&a, "flour, salt")?;
/// std::fs::copy(&a, &b)?;
/// assert_eq!(key_of(&FileDigest::of(&a))?, key_of(&FileDigest::of(&b))?);
/// std::fs::write(&b, "flour, yeast")?;
/// assert_ne!(key_of(&FileDigest::of(&a))?, key_of(&FileDigest::of(&b))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileDigest {
    path: PathBuf,
    digest: Result<Key>,
}

impl FileDigest {
    /// Reads the file, unless it is known already. Whether that went well, [`digest`](FileDigest::digest) tells.
    pub fn of(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let digest = digest(path, SystemTime::now(), read).map_err(|error| error.at(path));
        FileDigest { path: path.to_owned(), digest }
    }

    /// The path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The BLAKE3 digest of the content.
    ///
    /// # Errors
    /// If the file could not be read, is none (a folder, a pipe), or kept changing while it was read.
    pub fn digest(&self) -> Result<Key> {
        self.digest.clone()
    }
}

/// Equal if both files could be read, and had the same content, whatever their paths are.
impl PartialEq for FileDigest {
    fn eq(&self, other: &Self) -> bool {
        matches!((&self.digest, &other.digest), (Ok(own), Ok(other)) if own == other)
    }
}

impl Serialize for FileDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digest = self.digest.as_ref().map_err(S::Error::custom)?;
        if StandIn::is_wanted::<S>() {
            return StandIn::File.serialize(digest, serializer);
        }
        let mut fields = serializer.serialize_struct("FileDigest", 2)?;
        fields.serialize_field("path", &self.path.to_string_lossy())?;
        fields.serialize_field("digest", digest)?;
        fields.end()
    }
}

/// Times that a file is read anew because it has changed meanwhile.
const ATTEMPTS: usize = 4;

/// The coarsest clock of a file system in use ticks so often: what changed less long ago can change again
/// and look the same.
const SETTLED: Duration = Duration::from_secs(2);

/// Digests that are remembered.
const MOST_REMEMBERED: usize = 4096;

static REMEMBERED: Mutex<BTreeMap<PathBuf, (State, Key)>> = Mutex::new(BTreeMap::new());

/// What a file looks like from outside. As long as it stays the same, so does the content.
#[derive(Clone, Debug, PartialEq)]
struct State {
    size: u64,
    modified: SystemTime,
    /// Which file it is, and when anything about it last changed, which nobody can set back.
    #[cfg(unix)]
    unix: (u64, u64, i64, i64),
}

impl State {
    fn of(metadata: &Metadata) -> Result<Self> {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Ok(State {
            size: metadata.len(),
            modified: metadata.modified().map_err(|error| Error::io(error, "can't tell when it was changed"))?,
            #[cfg(unix)]
            unix: (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether a change after `now` would show. A time in the future says nothing.
    fn is_settled(&self, now: SystemTime) -> bool {
        let is_old = |time: SystemTime| now.duration_since(time).is_ok_and(|age| age >= SETTLED);
        #[cfg(unix)]
        {
            let seconds = Duration::from_secs(self.unix.2.try_into().unwrap_or(u64::MAX >> 1));
            let changed = SystemTime::UNIX_EPOCH.checked_add(seconds + Duration::from_secs(1));
            is_old(self.modified) && changed.is_some_and(is_old)
        }
        #[cfg(not(unix))]
        is_old(self.modified)
    }
}

/// The digest of a file that is looked at `now`, or after.
fn digest(path: &Path, now: SystemTime, mut read: impl FnMut(&File, u64) -> Result<Key>) -> Result<Key> {
    let can_not = |error| Error::io(error, "can't read");
    // Relative paths mean another file elsewhere, and links may lead to another one later.
    let path = fs::canonicalize(path).map_err(can_not)?;
    let metadata = fs::metadata(&path).map_err(can_not)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "is a folder: name its files one by one" } else { "is no regular file" };
        return Err(Error::new(ErrorKind::InvalidInput, format!("no digest of a content: it {what}")));
    }
    let mut state = State::of(&metadata)?;
    if let Some((known, digest)) = remembered().get(&path)
        && *known == state
    {
        return Ok(*digest);
    }
    let file = open_now(&path).map_err(can_not)?;
    for _ in 0..ATTEMPTS {
        let digest = read(&file, state.size);
        let after = State::of(&file.metadata().map_err(can_not)?)?;
        if state == after {
            let digest = digest?;
            if state.is_settled(now) {
                remember(path, state, digest);
            }
            return Ok(digest);
        }
        state = after;
    }
    Err(Error::new(ErrorKind::Io, "it keeps changing while it is read; wait until whoever writes it has finished"))
}

fn remembered() -> std::sync::MutexGuard<'static, BTreeMap<PathBuf, (State, Key)>> {
    REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember(path: PathBuf, state: State, digest: Key) {
    let mut remembered = remembered();
    if remembered.len() >= MOST_REMEMBERED && !remembered.contains_key(&path) {
        remembered.pop_first();
    }
    remembered.insert(path, (state, digest));
}

/// Reads a file of `size` bytes. Not through a map: if the file is cut meanwhile, that would end the process.
fn read(file: &File, size: u64) -> Result<Key> {
    let mut tree = Tree::new();
    tree.update_from(&Content(FileRange::new(file, 0, size)))?;
    Ok(tree.digest())
}

struct Content<'f>(FileRange<'f>);

/// Bytes that are read at a time.
const STEP: usize = 256 << 10;

impl Source for Content<'_> {
    fn size(&self) -> u64 {
        self.0.len()
    }

    fn part(&self, range: Range<u64>, scratch: &mut Scratch, target: &mut impl Take) -> Result<()> {
        for at in range.clone().step_by(STEP) {
            let len = (range.end - at).min(STEP as u64);
            scratch.first.resize(usize::try_from(len).unwrap_or(STEP), 0);
            self.0.read_exact_at(at, &mut scratch.first)?;
            target.take(&scratch.first);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_is_read_once_if_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        File::create(&path).unwrap().write_all(b"flour").unwrap();
        let reads = Cell::new(0);
        let count = |file: &File, size| {
            reads.set(reads.get() + 1);
            read(file, size)
        };
        let now = SystemTime::now();
        let later = now + Duration::from_secs(10);
        let first = digest(&path, now, count).unwrap();
        assert_eq!(first, Key::from_bytes(*blake3::hash(b"flour").as_bytes()));
        // It was young: who knows what came after.
        assert_eq!((digest(&path, now, count).unwrap(), reads.get()), (first, 2));
        assert_eq!((digest(&path, later, count).unwrap(), reads.get()), (first, 3));
        assert_eq!((digest(&path, later, count).unwrap(), reads.get()), (first, 3));
        // The same size; and on Unix, times that were set back are seen as well.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let mut file = File::options().write(true).open(&path).unwrap();
        file.write_all(b"yeast").unwrap();
        if cfg!(unix) {
            std::thread::sleep(Duration::from_millis(20));
            file.set_modified(modified).unwrap();
        }
        let second = digest(&path, later, count).unwrap();
        assert_eq!((second, reads.get()), (Key::from_bytes(*blake3::hash(b"yeast").as_bytes()), 4));
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        File::create(&path).unwrap();
        let append = || File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
        let now = SystemTime::now();
        let mut writes = 1;
        let found = digest(&path, now, |file, size| {
            let digest = read(file, size);
            (0..writes).for_each(|_| append());
            writes = 0;
            digest
        });
        assert_eq!(found.unwrap(), Key::from_bytes(*blake3::hash(b"more").as_bytes()));
        let error = digest(&path, now, |file, size| {
            append();
            read(file, size)
        });
        assert!(error.unwrap_err().to_string().contains("keeps changing"));
        // Cut while it is read.
        let mut cut = true;
        let found = digest(&path, now, |file, size| {
            if std::mem::take(&mut cut) {
                File::options().write(true).open(&path).unwrap().set_len(2).unwrap();
            }
            read(file, size)
        });
        assert_eq!(found.unwrap(), Key::from_bytes(*blake3::hash(b"mo").as_bytes()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        File::create(&path).unwrap();
        let state = State::of(&fs::metadata(&path).unwrap()).unwrap();
        for n in 0..MOST_REMEMBERED + 10 {
            remember(path.join(n.to_string()), state.clone(), Key::from_bytes([0; 32]));
        }
        assert_eq!(remembered().len(), MOST_REMEMBERED);
    }
}
