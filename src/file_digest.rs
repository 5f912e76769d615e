//! Files as arguments, by what they hold: `FileDigest`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::ser::{Error as _, SerializeStruct as _};
use serde::{Serialize, Serializer};

use crate::file::{FileRange, open_now};
use crate::key::{Key, Scratch, Source, StandIn, Take, Tree};
use crate::{Error, ErrorKind, Result};

/// A file that was changed so short a time ago may be changed again without another time: clocks of
/// file systems are coarse. What it holds is not remembered.
const RACY: Duration = Duration::from_secs(2);

/// Files that are remembered.
const MOST_REMEMBERED: usize = 10_000;

/// How often a file is read anew that changes meanwhile.
const TRIES: u32 = 3;

/// Bytes that are read at a time.
const READ: usize = 256 << 10;

/// What a file holds, as an argument of a memoized function: two files of equal content are equal,
/// wherever they lie.
///
/// The content is read when this is made, with several threads if it is long, and in this process once for each
/// state of the file, as its inode, size and times tell it. If the file changes while the function
/// runs, the result is not stored.
///
/// What can't be read is an error in the place where the digest is wanted: a call with such an argument
/// goes past the cache, and the function meets the error itself.
///
/// ```
/// # use larder::{Cache, FileDigest, memoize};
/// # use std::path::Path;
/// # use std::sync::LazyLock;
/// # static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
/// # static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path().join("cache")).unwrap());
/// #[memoize(cache = &CACHE, key(path = FileDigest::of(path)))]
/// fn count_lines(path: &Path) -> std::io::Result<usize> {
///     Ok(std::fs::read_to_string(path)?.lines().count())
/// }
///
/// let path = FOLDER.path().join("data.csv");
/// std::fs::write(&path, "a\nb\n")?;
/// assert_eq!(count_lines(&path)?, 2);
/// std::fs::write(&path, "a\nb\nc\n")?;
/// assert_eq!(count_lines(&path)?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileDigest {
    path: PathBuf,
    read: Result<(State, Key)>,
}

impl FileDigest {
    /// Reads the file at this path, unless this process remembers what it holds.
    pub fn of(path: impl AsRef<Path>) -> FileDigest {
        let path = path.as_ref();
        FileDigest { path: path.to_owned(), read: digest(path).map_err(|error| error.at(path)) }
    }

    /// The path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// BLAKE3 of the content.
    ///
    /// # Errors
    /// What the file system reported; [`InvalidInput`](ErrorKind::InvalidInput) if the path leads to a folder, or the
    /// file does not stop changing.
    pub fn digest(&self) -> Result<Key> {
        self.read.as_ref().map(|(_, key)| *key).map_err(Error::clone)
    }
}

/// Whether both hold the same; two that can't be read don't.
impl PartialEq for FileDigest {
    fn eq(&self, other: &Self) -> bool {
        matches!((&self.read, &other.read), (Ok((_, a)), Ok((_, b))) if a == b)
    }
}

/// In a key, what the file holds. Elsewhere, its path and the digest of what it holds.
impl Serialize for FileDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (state, digest) = self.read.as_ref().map_err(S::Error::custom)?;
        if StandIn::is_wanted::<S>() {
            note(|| Used { path: self.path.clone(), state: *state });
            return StandIn::File.serialize(digest, serializer);
        }
        let mut fields = serializer.serialize_struct("FileDigest", 2)?;
        fields.serialize_field("path", &self.path)?;
        fields.serialize_field("digest", digest)?;
        fields.end()
    }
}

/// A file that a key depends on, as it was then.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    path: PathBuf,
    state: State,
}

impl Used {
    /// The file, if it is another one now, or has changed.
    pub(crate) fn changed(&self) -> Option<&Path> {
        let same = fs::metadata(&self.path).is_ok_and(|now| State::of(&now) == self.state);
        (!same).then_some(&self.path)
    }
}

/// Whether the files are noted that a key depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noting {
    Off,
    On,
    /// There are some.
    Some,
}

thread_local! {
    // Apart from the list, as a value without a destructor costs next to nothing to look at, and every call does.
    static NOTING: Cell<Noting> = const { Cell::new(Noting::Off) };

    /// The files of which the digests go into the key that this thread makes.
    static USED: RefCell<Vec<Used>> = const { RefCell::new(Vec::new()) };
}

fn note(used: impl FnOnce() -> Used) {
    if NOTING.get() != Noting::Off {
        NOTING.set(Noting::Some);
        USED.with_borrow_mut(|list| list.push(used()));
    }
}

/// The files that what `make` makes depends on.
pub(crate) fn used_by<T>(make: impl FnOnce() -> T) -> (T, Vec<Used>) {
    let before = NOTING.replace(Noting::On);
    // A key may be made while another one is.
    let outer = if before == Noting::Some { USED.take() } else { Vec::new() };
    let made = make();
    let used = if NOTING.replace(before) == Noting::Some { USED.replace(outer) } else { restore(outer) };
    (made, used)
}

/// Nothing was noted, so nothing but what was there before is to be put back.
fn restore(outer: Vec<Used>) -> Vec<Used> {
    if !outer.is_empty() {
        USED.set(outer);
    }
    Vec::new()
}

/// What tells whether a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    size: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and the time of the last change of anything, which nobody can set.
    #[cfg(unix)]
    identity: (u64, u64, i64, i64),
    #[cfg(not(unix))]
    created: Option<SystemTime>,
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        State {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            identity: (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
            #[cfg(not(unix))]
            created: metadata.created().ok(),
        }
    }

    /// Whether the file may change from now on without anybody seeing it.
    fn is_racy(&self) -> bool {
        let changed = self.modified.max(self.changed());
        changed.is_none_or(|at| at.elapsed().unwrap_or_default() < RACY)
    }

    #[cfg(unix)]
    fn changed(&self) -> Option<SystemTime> {
        let (_, _, seconds, _) = self.identity;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
    }

    #[cfg(not(unix))]
    fn changed(&self) -> Option<SystemTime> {
        self.created
    }
}

type Remembered = HashMap<(PathBuf, State), Key>;

static REMEMBERED: LazyLock<Mutex<Remembered>> = LazyLock::new(Mutex::default);

fn remembered() -> std::sync::MutexGuard<'static, Remembered> {
    REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn digest(path: &Path) -> Result<(State, Key)> {
    let failed = |e| Error::io(e, "can't read");
    for _ in 0..TRIES {
        let file = open_now(path).map_err(|e| Error::io(e, "can't open"))?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "this is a folder" } else { "this is no regular file" };
            return Err(Error::new(ErrorKind::InvalidInput, format!("{what}; only files have a digest")));
        }
        let state = State::of(&metadata);
        let place = (fs::canonicalize(path).map_err(failed)?, state);
        if let Some(key) = remembered().get(&place) {
            return Ok((state, *key));
        }
        let key = read(&file, state.size)?;
        if State::of(&file.metadata().map_err(failed)?) != state {
            continue;
        }
        if !state.is_racy() {
            let mut remembered = remembered();
            if remembered.len() >= MOST_REMEMBERED {
                remembered.clear();
            }
            remembered.insert(place, key);
        }
        return Ok((state, key));
    }
    Err(Error::new(ErrorKind::InvalidInput, "the file changes while it is read; wait until it is complete"))
}

fn read(file: &File, size: u64) -> Result<Key> {
    #[cfg(test)]
    READS.with(|reads| reads.set(reads.get() + 1));
    let mut tree = Tree::new();
    match tree.update_from(&Content { range: FileRange::new(file, 0, size), size }) {
        // It was cut meanwhile: what was read is no file's.
        Err(error) if error.kind() == ErrorKind::Truncated => {}
        result => result?,
    }
    Ok(tree.digest())
}

/// The content of a file, from any place on.
struct Content<'f> {
    range: FileRange<'f>,
    size: u64,
}

impl Source for Content<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn part(&self, range: Range<u64>, scratch: &mut Scratch, target: &mut impl Take) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let count = usize::try_from(range.end - at).unwrap_or(READ).min(READ);
            scratch.first.resize(count, 0);
            self.range.read_exact_at(at, &mut scratch.first)?;
            target.take(&scratch.first);
            at += count as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
thread_local! {
    /// How many files this thread has read.
    static READS: Cell<u32> = const { Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;

    use super::*;

    fn reads() -> u32 {
        READS.with(Cell::get)
    }

    /// Where the time of the last change can't be set, a file is young for two seconds.
    #[test]
    fn an_old_file_is_read_once_and_a_young_one_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let mut content = vec![7; 5 << 20];
        crate::dump(&content, &path).unwrap();
        let of = || FileDigest::of(&path).digest().unwrap();
        let first = of();
        assert_eq!(of(), first);
        assert_eq!(reads(), 2, "a young file was remembered");
        std::thread::sleep(RACY + Duration::from_millis(1100));
        assert_eq!((of(), of(), of()), (first, first, first));
        assert_eq!(reads(), 3, "an old file was not remembered");
        // Written again with the same size and time of modification.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        content[1 << 20] = 8;
        crate::dump(&content, &path).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_times(FileTimes::new().set_modified(modified)).unwrap();
        assert_ne!(of(), first);
    }

    #[test]
    fn a_key_within_a_key_keeps_its_files_to_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (outer, inner) = (folder.path().join("outer"), folder.path().join("inner"));
        crate::dump(&1, &outer).unwrap();
        crate::dump(&2, &inner).unwrap();
        let key = |path: &Path| crate::key_of(&FileDigest::of(path)).unwrap();
        let paths = |used: &[Used]| used.iter().map(|used| used.path.clone()).collect::<Vec<_>>();
        let (within, without) = used_by(|| {
            key(&outer);
            let ((), nothing) = used_by(|| ());
            assert!(nothing.is_empty());
            let within = used_by(|| key(&inner)).1;
            key(&outer);
            within
        });
        assert_eq!(paths(&within), [inner]);
        assert_eq!(paths(&without), [outer.clone(), outer.clone()]);
        // Nobody asked here, so nothing is kept for whoever asks next.
        key(&outer);
        assert!(used_by(|| ()).1.is_empty());
    }

    #[test]
    fn it_is_blake3_of_the_content() {
        let folder = tempfile::tempdir().unwrap();
        for size in [0, 1, 1 << 20, (9 << 20) + 3] {
            let path = folder.path().join(size.to_string());
            let content: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[1] ^ n.to_le_bytes()[0]).collect();
            crate::atomic::write(folder.path(), &path, crate::atomic::Access::Private, &content).unwrap();
            let digest = FileDigest::of(&path).digest().unwrap();
            assert_eq!(digest.as_bytes(), blake3::hash(&content).as_bytes(), "{size}");
        }
    }
}
