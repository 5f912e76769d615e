//! Writes any content, such as an archive, into a file.

use std::io::{self, Write};
use std::path::Path;

use crate::error::{Error, Result};
use crate::files::replace_file;
use crate::format::compress::compression::Compression;

impl Compression {
    /// Writes a file like [`dump`](crate::dump), but with the content that `write` writes: an existing file is replaced
    /// by one rename, and if `write` fails, it is unchanged. Returns what `write` returns, whose error may be a
    /// `larder::Error` or an `io::Error`.
    ///
    /// # Errors
    /// Errors of [`write_stream`](Compression::write_stream) and of the file system.
    ///
    /// ```
    /// use larder::Compression;
    /// # let folder = tempfile::tempdir()?;
    /// # let cache = larder::Cache::open(folder.path().join("cache"))?;
    /// # let path = folder.path().join("results.tar.gz");
    ///
    /// Compression::from_path(&path).write_file(&path, |archive| cache.export(cache.entries()?, archive))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_file<R, E: Into<io::Error>>(
        self,
        path: impl AsRef<Path>,
        write: impl FnOnce(&mut dyn Write) -> Result<R, E>,
    ) -> Result<R> {
        let path = path.as_ref();
        let write = |content: &mut dyn Write| write(content).map_err(|e| Error::io(e.into(), "can't write"));
        let written = self.validate().and_then(|_| replace_file(path, |target| self.write_stream(target, write)));
        written.map_err(|error| error.at(path))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of the tests")]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_failing_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.tar");
        fs::write(&path, "old").unwrap();
        let failed = Compression::NONE.write_file(&path, |target| {
            target.write_all(&vec![1; 3 << 20]).unwrap();
            Err::<(), _>(Error::new(ErrorKind::NoSpace, "the disk is full"))
        });
        assert_eq!(failed.unwrap_err().path(), Some(&*path));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_and_the_mode_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("results.tar"), folder.path().join("link.tar"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("results.tar", &link).unwrap();
        Compression::NONE.write_file(&link, |target| target.write_all(b"new")).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
