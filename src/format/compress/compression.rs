//! `Compression`: a method with a level, which writes and reads values.

use std::io::BufRead;
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::compress::backend::Backend;
use crate::format::compress::custom::Custom;
use crate::format::compress::decompressed::{Content, Decompressed, unified};
use crate::format::compress::method::Method;
use crate::format::compress::multi_member::whole::Whole;
use crate::format::compress::multi_member::{filler, writer};
use crate::format::compress::{registry, select};
use crate::format::target::Target;
use crate::sys::workers::threads;

/// A compression method and its level.
///
/// | method | levels | extension | feature | choose it for |
/// |---|---|---|---|---|
/// | [`NONE`](Compression::NONE) | | any other | | speed, and numbers used in place |
/// | [`lz4`](Compression::lz4) | | `.lz4` | `lz4` | text and tables that are read often |
/// | [`zstd`](Compression::zstd) | 1–22 | `.zst` | `zstd` | the best ratio for its time |
/// | [`zlib`](Compression::zlib) | 0–9 | `.z` | `zlib` | exchange with Python's `zlib` |
/// | [`gzip`](Compression::gzip) | 0–9 | `.gz` | `zlib` | exchange with every tool |
/// | [`bz2`](Compression::bz2) | 1–9 | `.bz2` | `bz2` | text that is read rarely |
/// | [`xz`](Compression::xz) | 0–9 | `.xz` | `xz` | archives: smallest and slowest |
/// | [`lzma`](Compression::lzma) | 0–9 | `.lzma` | `xz` | readers that know only the old format |
/// | [`blocks`](Compression::blocks) | with zstd 1–22 | | `blocks`, and `lz4` or `zstd` | large arrays of numbers, on several threads |
///
/// As text it is `name` or `name:level`, and may end with `:single`. The default level is 3, as in joblib: most of the gain, in a fraction of the
/// highest level's time. A level out of range is an error when the
/// text is parsed, or when something is written. Other methods can be added with
/// [`register_compressor`](crate::register_compressor).
///
/// gzip, bz2, xz, lz4 and zstd use [several threads](crate::set_threads) for large values: such a value is written as
/// several members, one after another, which programs that read whole files read as one content. Some functions of other
/// languages read only the first member; [`single_member`](Compression::single_member) writes one for them.
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
    pub(super) method: Method,
    pub(super) level: i32,
    /// Only of methods with members, so that equal ones are equal.
    pub(super) single_member: bool,
}

/// The codec for the blocks of [`Compression::blocks`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BlockCodec {
    /// LZ4: reading an array takes little longer than reading it uncompressed. Needs features `blocks` and `lz4`.
    Lz4,
    /// Zstandard, level 1 to 22: smaller. Needs features `blocks` and `zstd`.
    Zstd,
}

const DEFAULT_LEVEL: i32 = 3;

impl Compression {
    const fn new(method: Method, level: i32) -> Self {
        Compression { method, level, single_member: false }
    }

    /// No compression.
    ///
    /// Choose it where speed counts, and for arrays to [map](crate::map): reading runs at the speed of the system, and
    /// arrays have the same bytes in the file as in memory.
    pub const NONE: Compression = Compression::new(Method::None, 0);

    /// zlib streams (RFC 1950), level 0 to 9.
    ///
    /// Choose it to exchange files with readers of this format, such as Python's `zlib`. It is one stream, so
    /// one thread writes and reads it; [`gzip`](Compression::gzip) uses several.
    #[must_use]
    pub const fn zlib(level: i32) -> Self {
        Compression::new(Method::Zlib, level)
    }

    /// gzip files (RFC 1952), level 0 to 9; `zcat` reads them.
    ///
    /// Choose it for files that other people read with standard tools. Levels above 6 take much longer and save little.
    #[must_use]
    pub const fn gzip(level: i32) -> Self {
        Compression::new(Method::Gzip, level)
    }

    /// bzip2 files, level 1 to 9; `bzip2 -dc` reads them.
    ///
    /// Choose it for text that is written once and read rarely. The level is the size of a block in 100 kB;
    /// reading takes half as long as writing.
    #[must_use]
    pub const fn bz2(level: i32) -> Self {
        Compression::new(Method::Bz2, level)
    }

    /// xz files, level 0 to 9; `xz -dc` reads them.
    ///
    /// Choose it for archives, where only size counts. Writing is ten times slower than with the others, and takes much
    /// memory: 94 MiB per thread at level 6, 674 MiB at level 9.
    #[must_use]
    pub const fn xz(level: i32) -> Self {
        Compression::new(Method::Xz, level)
    }

    /// The older `.lzma` format, level 0 to 9; `xz -dc --format=lzma` reads them.
    ///
    /// Choose it for readers that don't know a newer format. It has no checksum of its own (a dump has one). It is one
    /// stream, so one thread writes and reads it.
    #[must_use]
    pub const fn lzma(level: i32) -> Self {
        Compression::new(Method::Lzma, level)
    }

    /// LZ4 frames, which have no levels; `lz4 -dc` reads them.
    ///
    /// Choose it for text, tables and structs that are read often: it reads several GB/s.
    /// It does not make arrays of floats smaller; [`blocks`](Compression::blocks) does.
    #[must_use]
    pub const fn lz4() -> Self {
        Compression::new(Method::Lz4, 0)
    }

    /// Zstandard frames (RFC 8878), level 1 to 22; `zstd -dc` reads them. Needs feature `zstd`.
    ///
    /// Choose it for most purposes: at level 3 it is as small as gzip at level 6, at several times its speed. Levels
    /// from 20 on take several hundred MiB per thread.
    #[must_use]
    pub const fn zstd(level: i32) -> Self {
        Compression::new(Method::Zstd, level)
    }

    /// A registered method, see [`register_compressor`](crate::register_compressor). Using it before it is registered,
    /// or with a level that it does not have, is an error.
    #[must_use]
    pub const fn custom(name: &'static str, level: i32) -> Self {
        Compression::new(Method::Custom(name), level)
    }

    /// Arrays of numbers, shuffled and compressed block by block on several threads (see
    /// [`set_threads`](crate::set_threads)); all other content is in blocks as well. LZ4 has no levels: its `level` is
    /// 0. No file extension stands for this method. Needs feature `blocks`, and the feature of the codec.
    ///
    /// Choose it for caches and files that hold large arrays: numbers get smaller than with LZ4 or Zstandard
    /// alone, at several GB/s, and a block that does not shrink is stored unchanged. Only larder reads this format.
    ///
    /// ```
    /// # use larder::{BlockCodec, Compression};
    /// assert_eq!(Compression::blocks(BlockCodec::Lz4, 0).to_string(), "blocks-lz4");
    /// assert_eq!(Compression::blocks(BlockCodec::Zstd, 3).to_string(), "blocks-zstd:3");
    /// ```
    #[must_use]
    pub const fn blocks(codec: BlockCodec, level: i32) -> Self {
        let method = match codec {
            BlockCodec::Lz4 => Method::BlocksLz4,
            BlockCodec::Zstd => Method::BlocksZstd,
        };
        Compression::new(method, level)
    }

    /// Writes each value as one member, whatever its size, for readers that read only the first one, such as Python's
    /// `zlib.decompress(data, 31)` and `lz4.frame.decompress`. As text: `"gzip:3:single"`.
    ///
    /// One thread writes and reads the value. lz4 and zstd store the size of the content at the start of the member, so
    /// they hold the content in memory until its end.
    ///
    /// ```
    /// # use larder::Compression;
    /// let compression = Compression::gzip(3).single_member();
    /// assert_eq!("gzip:3:single".parse::<Compression>()?, compression);
    /// // The others have one member in any case.
    /// assert_eq!(Compression::zlib(3).single_member(), Compression::zlib(3));
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[must_use]
    pub const fn single_member(self) -> Self {
        Compression { single_member: self.method.has_members(), ..self }
    }

    /// Returns the method's name, without the level.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.method.facts().name
    }

    /// Returns the method for a file name's extension: `.z`, `.gz`, `.bz2`, `.xz`, `.lzma`, `.lz4`, `.zst` or that of a
    /// registered compressor, in upper or lower case; [`NONE`](Compression::NONE) for any other.
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

    pub(super) fn registered(custom: &'static Custom) -> Self {
        Compression::custom(&custom.name, custom.default_level)
    }

    pub(super) const fn with_default_level(method: Method) -> Self {
        Compression::new(method, if method.has_levels() { DEFAULT_LEVEL } else { 0 })
    }

    /// Returns an error if the method is not in this build, or does not have this level.
    pub(crate) fn validate(self) -> Result<Self> {
        let levels = select::levels(self.method)?;
        if !levels.contains(&self.level) {
            return Err(self.method.no_such_level(&format!("{}:{}", self.name(), self.level), levels));
        }
        select::backend(self.method)?;
        Ok(self)
    }

    /// Passes a writer to `write` that compresses into `target`, and then ends the compressed stream.
    pub(crate) fn compress<R>(
        self,
        target: &mut dyn Target,
        write: impl FnOnce(&mut dyn Target) -> Result<R>,
    ) -> Result<R> {
        let Some(backend) = select::backend(self.validate()?.method)? else {
            return write(target);
        };
        let failed = |error| Error::io(error, &format!("{} can't compress", self.name()));
        let writer = match backend.member_format().filter(|_| self.single_member) {
            Some(format) => writer::new(format, self.level, None, Box::new(target)),
            None => backend.writer(self.level, target),
        };
        let mut writer = writer.map_err(failed)?;
        let result = write(&mut *writer)?;
        writer.finish().map_err(failed)?;
        Ok(result)
    }

    /// Returns the name of the method whose streams begin with `head`; `None` if it is not compressed.
    pub(crate) fn detected(head: &[u8]) -> Result<Option<&'static str>> {
        if filler::is_frame(head) {
            // What follows the frame decides, and may not be in `head`.
            return Ok(Some("zstd or lz4"));
        }
        let (method, _) = select::method_of_stream(&mut &*head)?;
        Ok((method != Method::None).then_some(method.facts().name))
    }

    /// Passes the next value of `source` to `read`, decompressed if needed. Afterwards, `source` is positioned exactly
    /// after the value.
    pub(crate) fn decompress<R>(source: &mut dyn BufRead, read: impl FnOnce(Content<'_>) -> Result<R>) -> Result<R> {
        let (method, mut source) = select::method_of_stream(source)?;
        let Some(backend) = select::backend(method)? else { return read(Content::unverified(&mut source)) };
        read_alone(method, backend, &mut source, read)
    }

    /// Like [`decompress`](Compression::decompress), for a source that holds one value and nothing else. It may read
    /// ahead, so that several threads decompress large values. If other bytes follow the value, this is an error, or they are
    /// still in `source`.
    pub(crate) fn decompress_whole<R>(
        source: &mut dyn BufRead,
        read: impl FnOnce(Content<'_>) -> Result<R>,
    ) -> Result<R> {
        let (method, mut source) = select::method_of_stream(source)?;
        let Some(backend) = select::backend(method)? else { return read(Content::unverified(&mut source)) };
        let Some(format) = backend.member_format() else { return read_alone(method, backend, &mut source, read) };
        let whole = Whole::new(format, method.facts().name, threads(), &mut source);
        let mut whole = whole.map_err(|e| Error::io(e, "can't read"))?;
        let result = read(Content::unverified(&mut whole))?;
        whole.expect_end()?;
        Ok(result)
    }
}

/// Reads the next stream on the calling thread.
fn read_alone<R>(
    method: Method,
    backend: &'static dyn Backend,
    source: &mut dyn BufRead,
    read: impl FnOnce(Content<'_>) -> Result<R>,
) -> Result<R> {
    let name = method.facts().name;
    let failed = |error| Error::io(unified(name, error), &format!("can't read as {name}"));
    let reader = backend.reader(source).map_err(failed)?;
    let mut decompressed = Decompressed::new(name, reader, backend.member_format().is_some());
    let result = read(Content { reader: &mut decompressed, verified: backend.verifies() })?;
    decompressed.expect_end()?;
    Ok(result)
}

/// Returns [`NONE`](Compression::NONE).
impl Default for Compression {
    fn default() -> Self {
        Compression::NONE
    }
}
