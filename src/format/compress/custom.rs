//! What somebody else's compressor has to provide.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Write};
use std::ops::RangeInclusive;
use std::rc::Rc;

use crate::error::{Error, ErrorKind};
use crate::format::compress::backend::{Backend, Finish};
use crate::format::target::Target;

/// A compression method of your own, for [`register_compressor`](crate::register_compressor).
///
/// Each value becomes one stream. A stream begins with the [`magic`](Compressor::magic) and says
/// itself where it ends, so that other values may follow it.
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
    /// What it is called: 1 to 32 of `a` to `z`, `0` to `9`, `_` and `-`.
    fn name(&self) -> &str;

    /// What each of its streams begins with: 1 to 16 bytes. No other method's magic may begin so,
    /// and it may not begin as another's does.
    fn magic(&self) -> &[u8];

    /// The extension of file names that asks for it, without a dot. Default: none.
    fn extension(&self) -> Option<&str> {
        None
    }

    /// The levels that there are. Default: only 0.
    fn levels(&self) -> RangeInclusive<i32> {
        0..=0
    }

    /// The level if none is given. Default: the lowest.
    fn default_level(&self) -> i32 {
        *self.levels().start()
    }

    /// A writer that compresses into `target`, beginning with the [`magic`](Compressor::magic).
    /// `target` is not buffered: give it pieces, not single bytes.
    ///
    /// # Errors
    /// What `target` reports, or why there can be no such writer.
    fn writer<'w>(&self, level: i32, target: Box<dyn Write + 'w>) -> io::Result<Box<dyn CompressionWriter + 'w>>;

    /// A reader of one stream, from its [`magic`](Compressor::magic) on. It must take not one byte
    /// more than the stream has from `source`, give 0 bytes at the stream's end, and
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the source ends first. Content may be
    /// damaged or hostile: memory should be taken as bytes arrive, not because a length says so.
    ///
    /// # Errors
    /// What `source` reports, or that this is no such stream.
    fn reader<'r>(&self, source: Box<dyn BufRead + 'r>) -> io::Result<Box<dyn Read + 'r>>;
}

/// A compressing writer that has to be told where its stream ends.
pub trait CompressionWriter: Write {
    /// Writes what is left, and the end of the stream. A writer that is dropped without this has
    /// failed; what it has written is not used.
    ///
    /// # Errors
    /// What the target reports.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A registered compressor, with what it said of itself when it was registered.
pub(super) struct Custom {
    pub(super) name: &'static str,
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
    /// A stream that does not begin so could not be read again.
    fn wrong_magic(&self) -> io::Error {
        let Custom { name, magic, .. } = self;
        let message = format!("the compressor {name} began a stream with something else than its magic, {magic:02x?}");
        Error::new(ErrorKind::InvalidInput, message).into()
    }
}

/// A target that checks that what is written begins with the magic.
struct Beginning<'w> {
    custom: &'static Custom,
    /// How much of the magic has been written.
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

/// A writer that checks at its end that all of the magic was written.
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
