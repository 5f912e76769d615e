//! Compressors: which there are, what they are called, and how a stream tells which made it.

mod backend;
#[cfg(any(feature = "lz4", feature = "zstd"))]
mod blocks;
#[cfg(feature = "bz2")]
mod bz2;
#[cfg(feature = "zlib")]
mod flate;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(any(feature = "zlib", feature = "xz"))]
mod stepwise;
#[cfg(feature = "xz")]
mod xz;
#[cfg(feature = "zstd")]
mod zstd;

use std::fmt;
use std::io::BufRead;
use std::path::Path;
use std::str::FromStr;

use backend::Backend;

use crate::target::Target;
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
/// | [`blocks`](Compression::blocks) | with zstd 1–22 | | `lz4`, `zstd` | large arrays of numbers, on several threads |
///
/// As text it is `name` or `name:level`. Without a level, it is 3, as in joblib: most of what there
/// is to gain, at a fraction of the highest level's time. A level out of range is an error when the
/// text is parsed, or when something is written.
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

/// Every method that this crate knows, whether its feature is on or not.
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
    BlocksLz4,
    BlocksZstd,
}

/// What is known of a method without having it.
struct Facts {
    name: &'static str,
    extension: &'static str,
    feature: &'static str,
    levels: std::ops::RangeInclusive<i32>,
}

const DEFAULT_LEVEL: i32 = 3;

impl Method {
    const ALL: [Method; 10] = [
        Method::None,
        Method::Zlib,
        Method::Gzip,
        Method::Bz2,
        Method::Xz,
        Method::Lzma,
        Method::Lz4,
        Method::Zstd,
        Method::BlocksLz4,
        Method::BlocksZstd,
    ];

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
            Method::BlocksLz4 => ("blocks-lz4", "", "lz4", 0..=0),
            Method::BlocksZstd => ("blocks-zstd", "", "zstd", 1..=22),
        };
        Facts { name, extension, feature, levels }
    }

    const fn has_levels(self) -> bool {
        !matches!(self, Method::None | Method::Lz4 | Method::BlocksLz4)
    }

    /// Whether its feature is on.
    const fn is_enabled(self) -> bool {
        match self {
            Method::None => true,
            Method::Zlib | Method::Gzip => cfg!(feature = "zlib"),
            Method::Bz2 => cfg!(feature = "bz2"),
            Method::Xz | Method::Lzma => cfg!(feature = "xz"),
            Method::Lz4 | Method::BlocksLz4 => cfg!(feature = "lz4"),
            Method::Zstd | Method::BlocksZstd => cfg!(feature = "zstd"),
        }
    }

    fn no_such_level(self, text: &str) -> Error {
        let Facts { name, levels, .. } = self.facts();
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
            [0x8f, b'L', b'B', b'L', b'K', b'4', ..] => Some(Method::BlocksLz4),
            [0x8f, b'L', b'B', b'L', b'K', b'z', ..] => Some(Method::BlocksZstd),
            _ => None,
        }
    }

    /// The code behind the method; `None` for [`Method::None`].
    fn backend(self) -> Result<Option<&'static dyn Backend>> {
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
            Method::Zlib => Some(&flate::Zlib),
            #[cfg(feature = "zlib")]
            Method::Gzip => Some(&flate::Gzip),
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
            #[cfg(feature = "lz4")]
            Method::BlocksLz4 => Some(&blocks::Lz4Blocks),
            #[cfg(feature = "zstd")]
            Method::BlocksZstd => Some(&blocks::ZstdBlocks),
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

    /// Arrays of numbers, shuffled and packed block by block on several threads (see
    /// [`set_threads`](crate::set_threads)); everything else is in blocks as well. LZ4 has no levels:
    /// there `level` is 0. No file extension asks for it.
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

    /// What a file name's extension asks for: `.z`, `.gz`, `.bz2`, `.xz`, `.lzma`, `.lz4` and
    /// `.zst`, in any case; [`NONE`](Compression::NONE) for all others.
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
            .map_or(Compression::NONE, Compression::with_default_level)
    }

    const fn with_default_level(method: Method) -> Self {
        Compression { method, level: if method.has_levels() { DEFAULT_LEVEL } else { 0 } }
    }

    /// Whether the level is one that the method has, and the method is in this build.
    pub(crate) fn validate(self) -> Result<Self> {
        if !self.method.facts().levels.contains(&self.level) {
            return Err(self.method.no_such_level(&format!("{}:{}", self.name(), self.level)));
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

    /// Lets `read` read the one value that `source` holds next, compressed or not, and leaves
    /// `source` exactly after it.
    pub(crate) fn decompress<R>(
        source: &mut dyn BufRead,
        read: impl FnOnce(&mut dyn BufRead) -> Result<R>,
    ) -> Result<R> {
        let head = backend::peek(source, 6)?;
        let method = Method::detect(&head).unwrap_or(Method::None);
        let mut source = backend::Unread::new(head, source);
        let Some(backend) = method.backend()? else { return read(&mut source) };
        let mut decompressed = backend::Decompressed::new(method.facts().name, backend, &mut source)?;
        let result = read(&mut decompressed)?;
        decompressed.expect_end()?;
        Ok(result)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        if self.method.has_levels() { write!(f, "{name}:{}", self.level) } else { f.write_str(name) }
    }
}

impl fmt::Debug for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compression({self})")
    }
}

/// `NONE`.
impl Default for Compression {
    fn default() -> Self {
        Compression::NONE
    }
}

/// What is wrong with a compressor's name or level.
enum Misspelt {
    Name,
    Level(Method),
}

impl Compression {
    /// Reads `name` or `name:level`. A const function, so that the attribute can check its option
    /// when the user's crate is compiled.
    const fn parse(text: &[u8]) -> Result<Self, Misspelt> {
        let mut colon = 0;
        while colon < text.len() && text[colon] != b':' {
            colon += 1;
        }
        let (name, mut level) = text.split_at(colon);
        let mut index = 0;
        let method = loop {
            if index == Method::ALL.len() {
                return Err(Misspelt::Name);
            }
            if equal(Method::ALL[index].facts().name.as_bytes(), name) {
                break Method::ALL[index];
            }
            index += 1;
        };
        if level.is_empty() {
            return Ok(Compression::with_default_level(method));
        }
        level = level.split_at(1).1;
        if level.is_empty() || level.len() > 2 || !method.has_levels() {
            return Err(Misspelt::Level(method));
        }
        let mut value = 0;
        while let [digit @ b'0'..=b'9', rest @ ..] = level {
            value = value * 10 + (*digit - b'0') as i32;
            level = rest;
        }
        let levels = method.facts().levels;
        if !level.is_empty() || value < *levels.start() || value > *levels.end() {
            return Err(Misspelt::Level(method));
        }
        Ok(Compression { method, level: value })
    }

    /// For the attribute's option `compress = "…"`, evaluated at compile time.
    ///
    /// # Panics
    /// If the text names no compressor of this build, or not one of its levels.
    #[doc(hidden)]
    #[must_use]
    pub const fn checked(text: &str) -> Self {
        match Compression::parse(text.as_bytes()) {
            Err(Misspelt::Name) => {
                panic!(
                    "no such compressor: there are none, zlib, gzip, bz2, xz, lzma, lz4, zstd, blocks-lz4 and blocks-zstd"
                )
            }
            Err(Misspelt::Level(_)) => panic!(
                "no such level: zlib, gzip, xz and lzma have 0 to 9, bz2 has 1 to 9, zstd and blocks-zstd have 1 to 22, the others none"
            ),
            Ok(compression) if compression.method.is_enabled() => compression,
            Ok(_) => panic!("this compressor is not in this build: turn on larder's feature of the same name"),
        }
    }
}

/// `==` for slices is not const yet.
const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut same = a.len() == b.len();
    let mut index = 0;
    while same && index < a.len() {
        same = a[index] == b[index];
        index += 1;
    }
    same
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match Compression::parse(text.as_bytes()) {
            Ok(compression) => compression.validate(),
            Err(Misspelt::Name) => {
                let known: Vec<_> = Method::ALL.into_iter().map(|method| method.facts().name).collect();
                Err(Error::new(
                    ErrorKind::UnknownCompressor,
                    format!("{text:?} names no compressor; there are {}", known.join(", ")),
                ))
            }
            Err(Misspelt::Level(method)) => Err(method.no_such_level(text)),
        }
    }
}
