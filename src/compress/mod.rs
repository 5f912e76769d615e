//! Compressors: which there are, what they are called, and how a stream tells which made it.

mod backend;
#[cfg(feature = "bz2")]
mod bz2;
mod custom;
#[cfg(feature = "zlib")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
mod registry;
mod segments;
#[cfg(any(feature = "zlib", feature = "xz"))]
mod stepwise;
mod text;
#[cfg(feature = "xz")]
mod xz;
#[cfg(feature = "zlib")]
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

use std::io::BufRead;
use std::ops::RangeInclusive;
use std::path::Path;

use backend::{Backend, Decompressed, Unread};
pub use custom::{CompressionWriter, Compressor};
pub use registry::register_compressor;
use segments::Whole;

use crate::target::Target;
use crate::threads::threads;
use crate::{Error, ErrorKind, Result};

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

/// Every method that this crate knows, whether its feature is on or not, and any other by its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Method {
    None,
    Zlib,
    Gzip,
    Bz2,
    Xz,
    Lzma,
    Lz4,
    Zstd,
    Custom(&'static str),
}

/// What is known of a method without having it.
struct Facts {
    name: &'static str,
    extension: &'static str,
    feature: &'static str,
    levels: RangeInclusive<i32>,
}

const DEFAULT_LEVEL: i32 = 3;

/// No method begins with more bytes that tell it from the others.
pub(crate) const LONGEST_MAGIC: usize = 16;

/// The same for the methods that this crate knows.
const LONGEST_KNOWN_MAGIC: usize = 6;

/// Content is believed to have up to this many times the bytes of its compressed form before it is seen.
pub(crate) const EXPECTED_RATIO: u64 = 8;

impl Method {
    /// Those that this crate knows.
    const ALL: [Method; 8] =
        [Method::None, Method::Zlib, Method::Gzip, Method::Bz2, Method::Xz, Method::Lzma, Method::Lz4, Method::Zstd];

    const fn facts(self) -> Facts {
        let (name, extension, feature, levels) = match self {
            Method::None => ("none", "", "", 0..=0),
            Method::Zlib => ("zlib", "z", "zlib", 0..=9),
            Method::Gzip => ("gzip", "gz", "zlib", 0..=9),
            Method::Bz2 => ("bz2", "bz2", "bz2", 1..=9),
            Method::Xz => ("xz", "xz", "xz", 0..=9),
            Method::Lzma => ("lzma", "lzma", "xz", 0..=9),
            Method::Lz4 => ("lz4", "lz4", "lz4", 0..=0),
            Method::Zstd => ("zstd", "zst", "zstd", 1..=22),
            // The rest is in the registry, where a const function can't look.
            Method::Custom(name) => (name, "", "", 0..=0),
        };
        Facts { name, extension, feature, levels }
    }

    const fn has_levels(self) -> bool {
        !matches!(self, Method::None | Method::Lz4)
    }

    /// Whether its feature is on.
    const fn is_enabled(self) -> bool {
        match self {
            Method::None | Method::Custom(_) => true,
            Method::Zlib | Method::Gzip => cfg!(feature = "zlib"),
            Method::Bz2 => cfg!(feature = "bz2"),
            Method::Xz | Method::Lzma => cfg!(feature = "xz"),
            Method::Lz4 => cfg!(feature = "lz4"),
            Method::Zstd => cfg!(feature = "zstd"),
        }
    }

    fn levels(self) -> Result<RangeInclusive<i32>> {
        match self {
            Method::Custom(name) => registry::find(name).map(|custom| custom.levels.clone()),
            _ => Some(self.facts().levels),
        }
        .ok_or_else(|| registry::unknown(self.facts().name))
    }

    fn no_such_level(self, text: &str, levels: RangeInclusive<i32>) -> Error {
        let Facts { name, .. } = self.facts();
        Error::new(
            ErrorKind::LevelOutOfRange,
            if self.has_levels() {
                format!(
                    "{text:?} is no level of {name}: choose from {name}:{} to {name}:{}",
                    levels.start(),
                    levels.end()
                )
            } else {
                format!("{text:?} names a level, and {name} has none: write {name}")
            },
        )
    }

    /// Tells from the first bytes of a stream which method wrote it. Every magic differs from the
    /// first byte of a document.
    fn detect(head: &[u8]) -> Option<Method> {
        match head {
            [0x1f, 0x8b, ..] => Some(Method::Gzip),
            [b'B', b'Z', b'h', ..] => Some(Method::Bz2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Method::Xz),
            // RFC 1950, section 2.2: deflate with a window of at most 32 KiB, and a checksum of both bytes.
            [cmf, flg, ..]
                if cmf & 0x0f == 8 && cmf >> 4 <= 7 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0 =>
            {
                Some(Method::Zlib)
            }
            // No magic of its own: properties lc=3, lp=0, pb=2, then a dictionary of whole KiB.
            [0x5d, 0, ..] => Some(Method::Lzma),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Method::Lz4),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Method::Zstd),
            _ => None,
        }
    }

    /// Which method wrote the stream that comes next; it is still all there.
    fn of_stream(source: &mut dyn BufRead) -> Result<(Method, Unread<'_>)> {
        let mut head = backend::peek(source, LONGEST_KNOWN_MAGIC)?;
        let method = match Method::detect(&head) {
            Some(method) => method,
            None => registry::detect(&mut head, source)?.map_or(Method::None, |custom| Method::Custom(custom.name)),
        };
        Ok((method, Unread::new(head, source)))
    }

    /// The code behind the method; `None` for [`Method::None`].
    fn backend(self) -> Result<Option<&'static dyn Backend>> {
        if let Method::Custom(name) = self {
            let custom = registry::find(name).ok_or_else(|| registry::unknown(name))?;
            return Ok(Some(custom));
        }
        if self.is_enabled() {
            return Ok(self.implementation());
        }
        let Facts { name, feature, .. } = self.facts();
        Err(Error::new(
            ErrorKind::CompressorDisabled,
            format!("{name} is not in this build; turn on larder's feature `{feature}` in Cargo.toml"),
        ))
    }

    /// What this build has of it.
    fn implementation(self) -> Option<&'static dyn Backend> {
        match self {
            #[cfg(feature = "zlib")]
            Method::Zlib => Some(&zlib::Zlib),
            #[cfg(feature = "zlib")]
            Method::Gzip => Some(&gzip::Gzip),
            #[cfg(feature = "bz2")]
            Method::Bz2 => Some(&bz2::Bz2),
            #[cfg(feature = "xz")]
            Method::Xz => Some(&xz::Xz),
            #[cfg(feature = "xz")]
            Method::Lzma => Some(&xz::Lzma),
            #[cfg(feature = "lz4")]
            Method::Lz4 => Some(&lz4::Lz4),
            #[cfg(feature = "zstd")]
            Method::Zstd => Some(&zstd::Zstd),
            _ => None,
        }
    }
}

impl Compression {
    /// No compression.
    pub const NONE: Compression = Compression { method: Method::None, level: 0 };

    /// zlib streams (RFC 1950), level 0 to 9.
    pub const fn zlib(level: i32) -> Self {
        Compression { method: Method::Zlib, level }
    }

    /// gzip files (RFC 1952), level 0 to 9; `zcat` reads them.
    pub const fn gzip(level: i32) -> Self {
        Compression { method: Method::Gzip, level }
    }

    /// bzip2 files, level 1 to 9; `bzip2 -dc` reads them.
    pub const fn bz2(level: i32) -> Self {
        Compression { method: Method::Bz2, level }
    }

    /// xz files, level 0 to 9; `xz -dc` reads them.
    pub const fn xz(level: i32) -> Self {
        Compression { method: Method::Xz, level }
    }

    /// The older `.lzma` format, level 0 to 9; `xz -dc --format=lzma` reads them.
    pub const fn lzma(level: i32) -> Self {
        Compression { method: Method::Lzma, level }
    }

    /// LZ4 frames, which have no levels; `lz4 -dc` reads them.
    pub const fn lz4() -> Self {
        Compression { method: Method::Lz4, level: 0 }
    }

    /// Zstandard frames (RFC 8878), level 1 to 22; `zstd -dc` reads them. Needs feature `zstd`.
    pub const fn zstd(level: i32) -> Self {
        Compression { method: Method::Zstd, level }
    }

    /// A method of your own, as [`register_compressor`](crate::register_compressor) knows it. If it is
    /// not registered when it is used, or has no such level, that is an error then.
    pub const fn custom(name: &'static str, level: i32) -> Self {
        Compression { method: Method::Custom(name), level }
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
            .find(|method| *method != Method::None && extension.eq_ignore_ascii_case(method.facts().extension))
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
