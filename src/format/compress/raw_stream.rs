//! Compresses and decompresses streams of any content, such as archives.

use std::io::{self, BufRead, BufReader, Read, Write};

use crate::error::{Error, Result};
use crate::format::compress::compression::Compression;
use crate::format::compress::decompressed::{Checked, unified};
use crate::format::compress::multi_member::members::Members;
use crate::format::compress::select;
use crate::format::target::{Plain, Target};

const BUFFER: usize = 64 << 10;

impl Compression {
    /// Compresses what `write` writes, and writes it into `target` as one stream: any content, such as an archive of
    /// `Cache::export`. Returns what `write` returns. [`read_stream`](Compression::read_stream) reads the stream again.
    ///
    /// # Errors
    /// Errors of `write`, of `target` and of the compressor. The stream is incomplete then.
    ///
    /// ```
    /// use larder::{Compression, dump_into, load_from};
    ///
    /// let mut stream = Vec::new();
    /// Compression::from_path("numbers.tar.gz").write_stream(&mut stream, |mut content| {
    ///     dump_into(&1, &mut content, Compression::NONE)?;
    ///     dump_into(&2, content, Compression::NONE)
    /// })?;
    /// let sum = Compression::read_stream(&*stream, |content| {
    ///     Ok(load_from::<i32>(&mut *content)? + load_from::<i32>(content)?)
    /// })?;
    /// assert_eq!(sum, 3);
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn write_stream<R>(self, mut target: impl Write, write: impl FnOnce(&mut dyn Write) -> Result<R>) -> Result<R> {
        self.compress(&mut Plain(&mut target), |target| write(&mut Unflushed(target)))
    }

    /// Decompresses all of `source` for `read`. The first bytes say how `source` is compressed; if no compressor wrote
    /// it, `read` gets it as it is. Returns what `read` returns.
    ///
    /// # Errors
    /// Errors of `read`, of `source` and of the compressor, also about content that `read` left unread;
    /// [`CompressorDisabled`](crate::ErrorKind::CompressorDisabled) for a compressor that is not in this build.
    pub fn read_stream<R>(mut source: impl BufRead, read: impl FnOnce(&mut dyn BufRead) -> Result<R>) -> Result<R> {
        let (method, mut source) = select::method_of_stream(&mut source)?;
        let Some(backend) = select::backend(method)? else { return read(&mut source) };
        let name = method.facts().name;
        let content: Box<dyn Read + '_> = match backend.member_format() {
            Some(format) => Box::new(All(Members::new(format, Box::new(&mut source)))),
            None => {
                let failed = |error| Error::io(unified(name, error), &format!("can't read as {name}"));
                backend.reader(&mut source).map_err(failed)?
            }
        };
        let mut content = BufReader::with_capacity(BUFFER, Checked::new(name, content, false));
        let result = read(&mut content)?;
        // Content that `read` left unread may be damaged as well.
        io::copy(&mut content, &mut io::sink()).map_err(|e| Error::io(e, "can't read to the end"))?;
        Ok(result)
    }
}

/// Writer that ignores flushes: a flush would end a block of the compressor, and some compressors can't do that.
struct Unflushed<'w>(&'w mut dyn Target);

impl Write for Unflushed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reader of the content of all members.
struct All<'r>(Members<'r>);

impl Read for All<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.0.read(target)?;
            if count > 0 || target.is_empty() || !self.0.anything_follows()? {
                return Ok(count);
            }
        }
    }
}
