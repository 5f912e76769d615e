//! Compressors: which there are, what they are called, and how a stream tells which made it.

pub(crate) mod backend;
#[cfg(any(feature = "lz4", feature = "zstd"))]
pub(crate) mod blocks;
#[cfg(feature = "bz2")]
pub(crate) mod bz2;
pub(crate) mod custom;
#[cfg(any(feature = "zlib", feature = "xz"))]
pub(crate) mod decoder_reader;
#[cfg(feature = "zlib")]
pub(crate) mod gzip;
#[cfg(feature = "lz4")]
pub(crate) mod lz4;
pub(crate) mod method;
pub(crate) mod multi_member;
pub(crate) mod parse;
#[cfg(feature = "archive")]
pub(crate) mod raw_stream;
pub(crate) mod registry;
#[cfg(feature = "xz")]
pub(crate) mod xz;
#[cfg(feature = "zlib")]
pub(crate) mod zlib;
#[cfg(feature = "zstd")]
pub(crate) mod zstd;

use std::io::BufRead;
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::compress::backend::{Backend, Decompressed};
use crate::format::compress::method::Method;
use crate::format::compress::multi_member::whole::Whole;
use crate::format::target::Target;
use crate::sys::workers::threads;

/// Which compressor to write with, and how hard it should try.
///
/// | method | levels | extension | feature | choose it for |
/// |---|---|---|---|---|
/// | [`NONE`](Compression::NONE) | | any other | | speed, and numbers used in place |
/// | [`lz4`](Compression::lz4) | | `.lz4` | `lz4` | text and tables that are read often |
/// | [`zstd`](Compression::zstd) | 1–22 | `.zst` | `zstd` | the best ratio for its time |
/// | [`zlib`](Compression::zlib) | 0–9 | `.z` | `zlib` | exchange with Python's `zlib` |
/// | [`gzip`](Compression::gzip) | 0–9 | `.gz` | `zlib` | exchange with every tool there is |
/// | [`bz2`](Compression::bz2) | 1–9 | `.bz2` | `bz2` | text that is read rarely |
/// | [`xz`](Compression::xz) | 0–9 | `.xz` | `xz` | archives: smallest and slowest |
/// | [`lzma`](Compression::lzma) | 0–9 | `.lzma` | `xz` | readers that know only the old format |
/// | [`blocks`](Compression::blocks) | with zstd 1–22 | | `lz4`, `zstd` | large arrays of numbers, on several threads |
///
/// As text it is `name` or `name:level`. Without a level, it is 3, as in joblib: most of what there
/// is to gain, at a fraction of the highest level's time. A level out of range is an error when the
/// text is parsed, or when something is written. Other methods can be added with
/// [`register_compressor`](crate::register_compressor).
///
/// gzip, bz2, xz, lz4 and zstd use [several threads](crate::set_threads) for large values: these
/// are written as several members, one after another, which every tool reads as one content.
///
/// ```
/// use larder::Compression;
///
/// let compression: Compression = "gzip:3".parse()?;
/// assert_eq!(compression, Compression::gzip(3));
/// assert_eq!(compression.to_string(), "gzip:3");
/// assert!("gzip:10".parse::<Compression>().is_err());
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Compression {
    method: Method,
    level: i32,
}

/// What [`Compression::blocks`] packs blocks with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BlockCodec {
    /// LZ4: to read an array costs little more than to read it uncompressed. Needs feature `lz4`.
    Lz4,
    /// Zstandard, level 1 to 22: smaller. Needs feature `zstd`.
    Zstd,
}

const DEFAULT_LEVEL: i32 = 3;

/// No method begins with more bytes that tell it from the others.
pub(crate) const LONGEST_MAGIC: usize = 16;

/// How many bytes of content a compressed form of `len` bytes is believed to have before they are seen:
/// they get memory at once. Small forms are believed less, as it is easy to send many of them.
pub(crate) fn believed_content(len: u64) -> u64 {
    len.saturating_mul(if len < 1 << 20 { 8 } else { 64 })
}

impl Compression {
    /// No compression.
    ///
    /// Choose it where speed counts, and for arrays that are to be [mapped](crate::map): reading runs at the
    /// speed of the system, and arrays lie in the file as they do in memory.
    pub const NONE: Compression = Compression { method: Method::None, level: 0 };

    /// zlib streams (RFC 1950), level 0 to 9.
    ///
    /// Choose it to exchange files with what reads this format, such as Python's `zlib`. It is one stream, so
    /// one thread writes and reads it; [`gzip`](Compression::gzip) is the same with several.
    pub const fn zlib(level: i32) -> Self {
        Compression { method: Method::Zlib, level }
    }

    /// gzip files (RFC 1952), level 0 to 9; `zcat` reads them.
    ///
    /// Choose it for files that others are to read with whatever they have. Levels above 6 take much longer
    /// for little.
    pub const fn gzip(level: i32) -> Self {
        Compression { method: Method::Gzip, level }
    }

    /// bzip2 files, level 1 to 9; `bzip2 -dc` reads them.
    ///
    /// Choose it for text that is written once and read rarely. The level is the size of a block in 100 kB;
    /// reading takes half as long as writing.
    pub const fn bz2(level: i32) -> Self {
        Compression { method: Method::Bz2, level }
    }

    /// xz files, level 0 to 9; `xz -dc` reads them.
    ///
    /// Choose it for archives, where size is all that counts. Writing is ten times slower than with the
    /// others, and takes memory: 94 MiB a thread at level 6, 674 MiB at level 9.
    pub const fn xz(level: i32) -> Self {
        Compression { method: Method::Xz, level }
    }

    /// The older `.lzma` format, level 0 to 9; `xz -dc --format=lzma` reads them.
    ///
    /// Choose it for readers that know nothing newer. It has no checksum of its own (a dump has one), and is
    /// one stream, so one thread writes and reads it.
    pub const fn lzma(level: i32) -> Self {
        Compression { method: Method::Lzma, level }
    }

    /// LZ4 frames, which have no levels; `lz4 -dc` reads them.
    ///
    /// Choose it for text, tables and structs that are read often: it runs at some GB/s.
    /// Arrays of floats it leaves as large as they are; see [`blocks`](Compression::blocks).
    pub const fn lz4() -> Self {
        Compression { method: Method::Lz4, level: 0 }
    }

    /// Zstandard frames (RFC 8878), level 1 to 22; `zstd -dc` reads them. Needs feature `zstd`.
    ///
    /// Choose it where you can: at level 3 it is as small as gzip at 6, at several times its speed. Levels from
    /// 20 on take some hundred MiB a thread.
    pub const fn zstd(level: i32) -> Self {
        Compression { method: Method::Zstd, level }
    }

    /// A method of your own, as [`register_compressor`](crate::register_compressor) knows it. If it is
    /// not registered when it is used, or has no such level, that is an error then.
    pub const fn custom(name: &'static str, level: i32) -> Self {
        Compression { method: Method::Custom(name), level }
    }

    /// Arrays of numbers, shuffled and packed block by block on several threads (see
    /// [`set_threads`](crate::set_threads)); everything else is in blocks as well. LZ4 has no levels:
    /// there `level` is 0. No file extension asks for it.
    ///
    /// Choose it for caches and files that hold large arrays: numbers get smaller than with LZ4 or Zstandard
    /// alone, at some GB/s, and what can't be made smaller is stored as it is. It is a format of our own, so
    /// only larder reads it.
    ///
    /// ```
    /// # use larder::{BlockCodec, Compression};
    /// assert_eq!(Compression::blocks(BlockCodec::Lz4, 0).to_string(), "blocks-lz4");
    /// assert_eq!(Compression::blocks(BlockCodec::Zstd, 3).to_string(), "blocks-zstd:3");
    /// ```
    pub const fn blocks(codec: BlockCodec, level: i32) -> Self {
        let method = match codec {
            BlockCodec::Lz4 => Method::BlocksLz4,
            BlockCodec::Zstd => Method::BlocksZstd,
        };
        Compression { method, level }
    }

    /// The method's name, as it stands before the colon.
    pub fn name(&self) -> &'static str {
        self.method.facts().name
    }

    /// What a file name's extension asks for: `.z`, `.gz`, `.bz2`, `.xz`, `.lzma`, `.lz4`,
    /// `.zst` and those of registered compressors, in any case; [`NONE`](Compression::NONE) for all
    /// others.
    ///
    /// ```
    /// # use larder::Compression;
    /// assert_eq!(Compression::from_path("model.larder.GZ"), Compression::gzip(3));
    /// assert_eq!(Compression::from_path("model.larder"), Compression::NONE);
    /// ```
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        let Some(extension) = path.as_ref().extension().and_then(|e| e.to_str()) else {
            return Compression::NONE;
        };
        Method::ALL
            .into_iter()
            .find(|method| !extension.is_empty() && extension.eq_ignore_ascii_case(method.facts().extension))
            .map(Compression::with_default_level)
            .or_else(|| registry::find_extension(extension).map(Compression::registered))
            .unwrap_or(Compression::NONE)
    }

    fn registered(custom: &'static custom::Custom) -> Self {
        Compression::custom(custom.name, custom.default_level)
    }

    const fn with_default_level(method: Method) -> Self {
        Compression { method, level: if method.has_levels() { DEFAULT_LEVEL } else { 0 } }
    }

    /// Whether the level is one that the method has, and the method is in this build.
    pub(crate) fn validate(self) -> Result<Self> {
        let levels = self.method.levels()?;
        if !levels.contains(&self.level) {
            return Err(self.method.no_such_level(&format!("{}:{}", self.name(), self.level), levels));
        }
        self.method.backend()?;
        Ok(self)
    }

    /// Lets `write` write into `target` through the compressor, and ends the compressed stream.
    pub(crate) fn compress<R>(
        self,
        target: &mut dyn Target,
        write: impl FnOnce(&mut dyn Target) -> Result<R>,
    ) -> Result<R> {
        let Some(backend) = self.validate()?.method.backend()? else {
            return write(target);
        };
        let failed = |error| Error::io(error, &format!("{} can't compress", self.name()));
        let mut writer = backend.writer(self.level, target).map_err(failed)?;
        let result = write(&mut *writer)?;
        writer.finish().map_err(failed)?;
        Ok(result)
    }

    /// The name of the method that wrote what begins so; `None` if it is not compressed.
    pub(crate) fn detected(head: &[u8]) -> Result<Option<&'static str>> {
        let (method, _) = Method::of_stream(&mut &*head)?;
        Ok((method != Method::None).then_some(method.facts().name))
    }

    /// Lets `read` read the one value that `source` holds next, compressed or not, and leaves
    /// `source` exactly after it.
    pub(crate) fn decompress<R>(source: &mut dyn BufRead, read: impl FnOnce(Content<'_>) -> Result<R>) -> Result<R> {
        let (method, mut source) = Method::of_stream(source)?;
        let Some(backend) = method.backend()? else { return read(Content::plain(&mut source)) };
        read_alone(method, backend, &mut source, read)
    }

    /// The same for a source that holds this one value and nothing else, which may be read ahead: large
    /// values are decompressed by several threads. Should something follow the value, that is an
    /// error, or still in `source`.
    pub(crate) fn decompress_whole<R>(
        source: &mut dyn BufRead,
        read: impl FnOnce(Content<'_>) -> Result<R>,
    ) -> Result<R> {
        let (method, mut source) = Method::of_stream(source)?;
        let Some(backend) = method.backend()? else { return read(Content::plain(&mut source)) };
        let (name, threads) = (method.facts().name, threads());
        if let Some(format) = backend.segmented().filter(|_| threads > 1) {
            let mut whole = Whole::new(format, name, threads, &mut source).map_err(|e| Error::io(e, "can't read"))?;
            let result = read(Content::plain(&mut whole))?;
            whole.expect_end()?;
            return Ok(result);
        }
        read_alone(method, backend, &mut source, read)
    }
}

/// What a stream holds, decompressed.
pub(crate) struct Content<'r> {
    pub(crate) reader: &'r mut dyn BufRead,
    /// Whether every byte is compared with a checksum before it is given.
    pub(crate) verified: bool,
}

impl<'r> Content<'r> {
    fn plain(reader: &'r mut dyn BufRead) -> Self {
        Content { reader, verified: false }
    }
}

/// Reads the stream that comes next in the caller's thread.
fn read_alone<R>(
    method: Method,
    backend: &'static dyn Backend,
    source: &mut dyn BufRead,
    read: impl FnOnce(Content<'_>) -> Result<R>,
) -> Result<R> {
    let name = method.facts().name;
    let reader = backend.reader(source).map_err(|e| Error::io(e, &format!("can't read as {name}")))?;
    let mut decompressed = Decompressed::new(name, reader, backend.segmented().is_some());
    let result = read(Content { reader: &mut decompressed, verified: backend.verifies() })?;
    decompressed.expect_end()?;
    Ok(result)
}

/// `NONE`.
impl Default for Compression {
    fn default() -> Self {
        Compression::NONE
    }
}
