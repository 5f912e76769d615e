//! User-defined compressors.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Write};
use std::ops::RangeInclusive;
use std::rc::Rc;

use crate::error::{Error, ErrorKind};
use crate::format::compress::backend::{Backend, Finish};
use crate::format::target::Target;

/// A compression method of your own, for [`register_compressor`](crate::register_compressor).
///
/// Each value becomes one stream. A stream must begin with the [`magic`](Compressor::magic) and mark its own end, so
/// that other values may follow it.
///
/// ```
/// use std::io::{self, BufRead, Read, Write};
///
/// use larder::{Compression, CompressionWriter, Compressor};
///
/// /// Runs of equal bytes: each as its length and the byte. A length of 0 is the end.
/// struct RunLength;
///
/// impl Compressor for RunLength {
///     fn name(&self) -> &str {
///         "run-length"
///     }
///
///     fn magic(&self) -> &[u8] {
///         b"RUNS"
///     }
///
///     fn extension(&self) -> Option<&str> {
///         Some("runs")
///     }
///
///     fn writer<'w>(
///         &self,
///         _level: i32,
///         mut target: Box<dyn Write + 'w>,
///     ) -> io::Result<Box<dyn CompressionWriter + 'w>> {
///         target.write_all(self.magic())?;
///         Ok(Box::new(Packer(target)))
///     }
///
///     fn reader<'r>(&self, mut source: Box<dyn BufRead + 'r>) -> io::Result<Box<dyn Read + 'r>> {
///         source.read_exact(&mut [0; 4])?;
///         Ok(Box::new(Unpacker { source, run: [0, 0], ended: false }))
///     }
/// }
///
/// struct Packer<'w>(Box<dyn Write + 'w>);
///
/// impl Write for Packer<'_> {
///     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
///         let mut packed = Vec::new();
///         for run in bytes.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(255)) {
///             packed.extend([run.len() as u8, run[0]]);
///         }
///         self.0.write_all(&packed)?;
///         Ok(bytes.len())
///     }
///
///     fn flush(&mut self) -> io::Result<()> {
///         self.0.flush()
///     }
/// }
///
/// impl CompressionWriter for Packer<'_> {
///     fn finish(mut self: Box<Self>) -> io::Result<()> {
///         self.0.write_all(&[0])
///     }
/// }
///
/// struct Unpacker<'r> {
///     source: Box<dyn BufRead + 'r>,
///     run: [u8; 2],
///     ended: bool,
/// }
///
/// impl Read for Unpacker<'_> {
///     fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
///         if self.run[0] == 0 && !self.ended {
///             self.source.read_exact(&mut self.run[..1])?;
///             self.ended = self.run[0] == 0;
///             if !self.ended {
///                 self.source.read_exact(&mut self.run[1..])?;
///             }
///         }
///         let count = target.len().min(self.run[0].into());
///         target[..count].fill(self.run[1]);
///         self.run[0] -= count as u8;
///         Ok(count)
///     }
/// }
///
/// larder::register_compressor(RunLength)?;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("zeros.runs");
/// // By extension, and known again by its magic.
/// larder::dump(&vec![0_u8; 1000], &path)?;
/// assert!(path.metadata()?.len() < 200);
/// assert_eq!(larder::load::<Vec<u8>>(&path)?, [0; 1000]);
///
/// // By name.
/// assert_eq!("run-length".parse::<Compression>()?, Compression::custom("run-length", 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Compressor: Send + Sync + 'static {
    /// Returns the name: 1 to 32 characters of `a` to `z`, `0` to `9`, `_` and `-`.
    fn name(&self) -> &str;

    /// Returns the 1 to 16 bytes that each stream begins with. No magic of another method may begin with them, or be
    /// their beginning.
    fn magic(&self) -> &[u8];

    /// Returns the file extension for this compressor, without a dot. Default: none.
    fn extension(&self) -> Option<&str> {
        None
    }

    /// Returns the range of levels. Default: only 0.
    fn levels(&self) -> RangeInclusive<i32> {
        0..=0
    }

    /// Returns the level to use if none is given. Default: the lowest.
    fn default_level(&self) -> i32 {
        *self.levels().start()
    }

    /// Returns a writer that compresses into `target`, beginning with the [`magic`](Compressor::magic). `target` is not
    /// buffered, so write larger pieces to it, not single bytes.
    ///
    /// # Errors
    /// Errors of `target`, or the reason why the writer can't be created.
    fn writer<'w>(&self, level: i32, target: Box<dyn Write + 'w>) -> io::Result<Box<dyn CompressionWriter + 'w>>;

    /// Returns a reader of one stream, from its [`magic`](Compressor::magic) on. It must read no byte of `source` after
    /// the stream. At the stream's end it must return 0 bytes; if the source ends first,
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof). The stream may be damaged or hostile: allocate memory as bytes
    /// arrive, not by a length that the stream claims.
    ///
    /// # Errors
    /// Errors of `source`, or an error if it does not have such a stream.
    fn reader<'r>(&self, source: Box<dyn BufRead + 'r>) -> io::Result<Box<dyn Read + 'r>>;
}

/// Compressing writer whose stream the caller must end.
pub trait CompressionWriter: Write {
    /// Writes the rest of the stream and its end. If a writer is dropped without this call, its output is not used.
    ///
    /// # Errors
    /// Errors of the target.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A registered compressor, with its properties at the time of registration.
pub(super) struct Custom {
    pub(super) name: String,
    pub(super) magic: Vec<u8>,
    pub(super) extension: Option<String>,
    pub(super) levels: RangeInclusive<i32>,
    pub(super) default_level: i32,
    pub(super) compressor: Box<dyn Compressor>,
}

impl Backend for Custom {
    fn writer<'w>(&'static self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        let begun = Rc::new(Cell::new(0));
        let target = Box::new(Beginning { custom: self, begun: Rc::clone(&begun), target });
        let writer = self.compressor.writer(level, target)?;
        Ok(Box::new(Whole { custom: self, begun, writer }))
    }

    fn reader<'r>(&'static self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        self.compressor.reader(Box::new(source))
    }
}

impl Custom {
    /// Returns the error for a stream that does not begin with the magic, and so could not be read again.
    fn wrong_magic(&self) -> io::Error {
        let Custom { name, magic, .. } = self;
        let message = format!("the compressor {name} began a stream with something else than its magic, {magic:02x?}");
        Error::new(ErrorKind::InvalidInput, message).into()
    }
}

/// Target that checks that a stream begins with the magic.
struct Beginning<'w> {
    custom: &'static Custom,
    /// Number of bytes of the magic that were written.
    begun: Rc<Cell<usize>>,
    target: &'w mut dyn Write,
}

impl Write for Beginning<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let expected = &self.custom.magic[self.begun.get()..];
        let count = expected.len().min(bytes.len());
        if expected[..count] != bytes[..count] {
            return Err(self.custom.wrong_magic());
        }
        if count == 0 {
            return self.target.write(bytes);
        }
        self.target.write_all(&bytes[..count])?;
        self.begun.set(self.begun.get() + count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

/// Writer that checks at the end that the whole magic was written.
struct Whole<'w> {
    custom: &'static Custom,
    begun: Rc<Cell<usize>>,
    writer: Box<dyn CompressionWriter + 'w>,
}

impl Write for Whole<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Target for Whole<'_> {}

impl Finish for Whole<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.writer.finish()?;
        if self.begun.get() == self.custom.magic.len() { Ok(()) } else { Err(self.custom.wrong_magic()) }
    }
}
