//! `FileDigest`: an argument that stands for the content of a file or a folder.

use std::path::{Path, PathBuf};

use serde::ser::{Error as _, SerializeStruct as _};
use serde::{Serialize, Serializer};

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::key::canonical::keyed_by_digest::ByDigest;
use crate::key::digest::Key;
use crate::key::file_digest::inputs::{Used, note};
use crate::key::file_digest::read::read;
use crate::key::file_digest::remembered::Seen;

/// The content of a file or a folder, as an argument of a memoized function. Two files of equal content are equal,
/// whatever their paths.
///
/// The content is read when the digest is created, with several threads if it is long. This process remembers the
/// digest for each state of the file: inode, size and times. If these are not reliable (the file has just been changed,
/// its times are in the future, or the file system is FUSE, SMB or the like), the content is read each time. If the
/// file changes while the function runs, the result is not stored.
///
/// For a **folder**, the digest covers the name of each file, folder and link in it, at any depth; the content of each
/// file; and the target of each link, as written. Links inside are not followed. Times, permissions, owners, the name
/// of the folder itself and the order in which the system lists it don't count. All files are read. If anything in the
/// folder changes while the function runs, the result is not stored: so keep the cache elsewhere.
///
/// If the content can't be read, creating the digest does not fail. A call with such an argument bypasses the cache,
/// and the function meets the error itself. Devices, pipes and sockets have no digest, not even inside a folder.
/// Neither has a file whose length differs from the one that the file system reports, as in `/proc` and `/sys`.
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
    read: Result<Seen>,
}

impl FileDigest {
    /// Reads the file or folder at this path, unless this process remembers its digest.
    pub fn of(path: impl AsRef<Path>) -> FileDigest {
        let path = path.as_ref();
        FileDigest { path: path.to_owned(), read: read(path).map_err(|error| error.at(path)) }
    }

    /// Returns the path as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the BLAKE3 of the content. For a folder, it covers everything inside; `docs/design/keys.md` has the
    /// format.
    ///
    /// # Errors
    /// The error of the file system; [`InvalidInput`](ErrorKind::InvalidInput) if the file can have no digest, or
    /// changed each time it was read; [`LimitExceeded`](ErrorKind::LimitExceeded) if folders are nested too deep. The
    /// error's path is that of the file that caused it.
    pub fn digest(&self) -> Result<Key> {
        self.read.as_ref().map(|seen| seen.digest).map_err(Error::clone)
    }
}

/// Two digests are equal if the contents are. A file that can't be read equals nothing.
impl PartialEq for FileDigest {
    fn eq(&self, other: &Self) -> bool {
        matches!((&self.read, &other.read), (Ok(a), Ok(b)) if a.digest == b.digest)
    }
}

/// In a key, serializes the digest of the content. Elsewhere, serializes the path and the digest.
impl Serialize for FileDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seen = self.read.as_ref().map_err(S::Error::custom)?;
        if ByDigest::is_wanted::<S>() {
            note(|| Used { path: self.path.clone(), seen: *seen });
            return ByDigest::File.serialize(&seen.digest, serializer);
        }
        let mut fields = serializer.serialize_struct("FileDigest", 2)?;
        fields.serialize_field("path", &self.path)?;
        fields.serialize_field("digest", &seen.digest)?;
        fields.end()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of the tests")]
mod tests {
    use std::cell::Cell;
    use std::fs::{self, File, FileTimes};
    use std::time::Duration;

    use super::*;
    use crate::key::file_digest::inputs::used_by;
    use crate::key::file_digest::remembered::READS;

    fn reads() -> u32 {
        READS.with(Cell::get)
    }

    /// If the change time can't be set, a file counts as recently changed for two seconds.
    #[test]
    fn an_old_file_is_read_once_and_a_recently_changed_one_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let mut content = vec![7; 5 << 20];
        fs::write(&path, &content).unwrap();
        let of = || FileDigest::of(&path).digest().unwrap();
        let first = of();
        assert_eq!(of(), first);
        assert_eq!(reads(), 2, "a recently changed file was remembered");
        std::thread::sleep(Duration::from_millis(3100));
        assert_eq!((of(), of(), of()), (first, first, first));
        assert_eq!(reads(), 3, "an old file was not remembered");
        // Written again with the same size and modification time.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        content[1 << 20] = 8;
        fs::write(&path, &content).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_times(FileTimes::new().set_modified(modified)).unwrap();
        assert_ne!(of(), first);
    }

    #[test]
    fn only_changed_files_of_an_old_folder_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tree");
        crate::sys::private_folder::create_private_folder(&path).unwrap();
        fs::write(path.join("large"), vec![1_u8; 2 << 20]).unwrap();
        fs::write(path.join("small"), "1").unwrap();
        let of = || FileDigest::of(&path).digest().unwrap();
        let first = of();
        assert_eq!(of(), first);
        assert_eq!(reads(), 4, "a recently changed folder was remembered");
        std::thread::sleep(Duration::from_millis(3100));
        assert_eq!((of(), of(), of()), (first, first, first));
        // On other systems only open files are trusted, so only the large file is remembered.
        assert_eq!(reads(), if cfg!(target_os = "linux") { 6 } else { 8 });
        let before = reads();
        fs::write(path.join("small"), "2").unwrap();
        assert_ne!(of(), first);
        assert_eq!(reads(), before + 1, "the large file was read again");
    }

    #[test]
    fn files_of_a_nested_key_are_not_recorded_for_the_outer_key() {
        let folder = tempfile::tempdir().unwrap();
        let (outer, inner) = (folder.path().join("outer"), folder.path().join("inner"));
        fs::write(&outer, "1").unwrap();
        fs::write(&inner, "2").unwrap();
        let key = |path: &Path| crate::key::key_of::key_of(&FileDigest::of(path)).unwrap();
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
        // Outside `used_by`, nothing is recorded.
        key(&outer);
        assert!(used_by(|| ()).1.is_empty());
    }

    #[test]
    fn the_content_is_compared_if_the_state_is_not_reliable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tree");
        crate::sys::private_folder::create_private_folder(&path).unwrap();
        fs::write(path.join("data"), "1").unwrap();
        for path in [path.join("data"), path] {
            let used = |tells, other: bool| {
                let mut seen = read(&path).unwrap();
                assert!(!seen.tells, "it was changed recently");
                seen.tells = tells;
                // As if it had held something else in the same state.
                seen.digest = if other { Key::from_bytes([7; 32]) } else { seen.digest };
                Used { path: path.clone(), seen }
            };
            assert_eq!(used(false, false).changed(), None);
            assert_eq!(used(false, true).changed(), Some(&*path));
            assert_eq!(used(true, true).changed(), None);
        }
    }

    #[test]
    fn the_digest_is_blake3_of_the_content() {
        let folder = tempfile::tempdir().unwrap();
        for size in [0, 1, 1 << 20, (9 << 20) + 3] {
            let path = folder.path().join(size.to_string());
            let content: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[1] ^ n.to_le_bytes()[0]).collect();
            crate::sys::atomic_file::write(
                folder.path(),
                &path,
                crate::sys::atomic_file::FileKind::CacheFile,
                &content,
            )
            .unwrap();
            let digest = FileDigest::of(&path).digest().unwrap();
            assert_eq!(digest.as_bytes(), blake3::hash(&content).as_bytes(), "{size}");
        }
    }
}
