//! Compressed content that is no document: archives.

use std::io::{self, BufRead, Read, Write};

use crate::error::{Error, Result};
use crate::format::compress::compression::Compression;
use crate::format::compress::multi_member::members::Members;
use crate::format::compress::select;
use crate::format::target::{Plain, Target};

impl Compression {
    /// Lets `write` write into `target` through the compressor. For the program `larder`.
    #[doc(hidden)]
    pub fn write_through<R>(
        self,
        target: &mut dyn Write,
        write: impl FnOnce(&mut dyn Write) -> Result<R>,
    ) -> Result<R> {
        self.compress(&mut Plain(target), |target| write(&mut Unflushed(target)))
    }

    /// Lets `read` read all that `source` holds, compressed or not, which the first bytes tell. For the program `larder`.
    #[doc(hidden)]
    pub fn read_through<R>(source: &mut dyn BufRead, read: impl FnOnce(&mut dyn Read) -> Result<R>) -> Result<R> {
        let (method, mut source) = select::method_of_stream(source)?;
        let Some(backend) = select::backend(method)? else { return read(&mut source) };
        let mut content: Box<dyn Read + '_> = match backend.member_format() {
            Some(format) => Box::new(All(Members::new(format, Box::new(&mut source)))),
            None => {
                let failed = |e| Error::io(e, &format!("can't read as {}", method.facts().name));
                backend.reader(&mut source).map_err(failed)?
            }
        };
        let result = read(&mut content)?;
        // The part that `read` did not read may be damaged as well.
        io::copy(&mut content, &mut io::sink()).map_err(|e| Error::io(e, "can't read to the end"))?;
        Ok(result)
    }
}

/// Ignores flushes: a flush would end a block of the compressor, which some can not do.
struct Unflushed<'w>(&'w mut dyn Target);

impl Write for Unflushed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The content of all members.
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
