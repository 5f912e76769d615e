//! The methods: what is known of each, and how a stream tells which one wrote it.

use std::io::BufRead;
use std::ops::RangeInclusive;

use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::backend::{Backend, Unread};
use crate::format::compress::{backend, registry};

/// No method that this crate knows begins with more bytes that tell it from the others.
const LONGEST_KNOWN_MAGIC: usize = 6;

/// Every method that this crate knows, whether its feature is on or not, and any other by its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Method {
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
    Custom(&'static str),
}

/// What is known of a method without having it.
pub(super) struct Facts {
    pub(super) name: &'static str,
    pub(super) extension: &'static str,
    feature: &'static str,
    pub(super) levels: RangeInclusive<i32>,
}

impl Method {
    /// Those that this crate knows.
    pub(super) const ALL: [Method; 10] = [
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

    pub(super) const fn facts(self) -> Facts {
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
            // The rest is in the registry, where a const function can't look.
            Method::Custom(name) => (name, "", "", 0..=0),
        };
        Facts { name, extension, feature, levels }
    }

    pub(super) const fn has_levels(self) -> bool {
        !matches!(self, Method::None | Method::Lz4 | Method::BlocksLz4)
    }

    /// Whether its feature is on.
    pub(super) const fn is_enabled(self) -> bool {
        match self {
            Method::None | Method::Custom(_) => true,
            Method::Zlib | Method::Gzip => cfg!(feature = "zlib"),
            Method::Bz2 => cfg!(feature = "bz2"),
            Method::Xz | Method::Lzma => cfg!(feature = "xz"),
            Method::Lz4 | Method::BlocksLz4 => cfg!(feature = "lz4"),
            Method::Zstd | Method::BlocksZstd => cfg!(feature = "zstd"),
        }
    }

    pub(super) fn levels(self) -> Result<RangeInclusive<i32>> {
        match self {
            Method::Custom(name) => registry::find(name).map(|custom| custom.levels.clone()),
            _ => Some(self.facts().levels),
        }
        .ok_or_else(|| registry::unknown(self.facts().name))
    }

    pub(super) fn no_such_level(self, text: &str, levels: RangeInclusive<i32>) -> Error {
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
    pub(super) fn detect(head: &[u8]) -> Option<Method> {
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

    /// Which method wrote the stream that comes next; it is still all there.
    pub(super) fn of_stream(source: &mut dyn BufRead) -> Result<(Method, Unread<'_>)> {
        let mut head = backend::peek(source, LONGEST_KNOWN_MAGIC)?;
        let method = match Method::detect(&head) {
            Some(method) => method,
            None => registry::detect(&mut head, source)?.map_or(Method::None, |custom| Method::Custom(custom.name)),
        };
        Ok((method, Unread::new(head, source)))
    }

    /// The code behind the method; `None` for [`Method::None`].
    pub(super) fn backend(self) -> Result<Option<&'static dyn Backend>> {
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
    pub(super) fn implementation(self) -> Option<&'static dyn Backend> {
        match self {
            #[cfg(feature = "zlib")]
            Method::Zlib => Some(&super::zlib::Zlib),
            #[cfg(feature = "zlib")]
            Method::Gzip => Some(&super::gzip::Gzip),
            #[cfg(feature = "bz2")]
            Method::Bz2 => Some(&super::bz2::Bz2),
            #[cfg(feature = "xz")]
            Method::Xz => Some(&super::xz::Xz),
            #[cfg(feature = "xz")]
            Method::Lzma => Some(&super::xz::Lzma),
            #[cfg(feature = "lz4")]
            Method::Lz4 => Some(&super::lz4::Lz4),
            #[cfg(feature = "zstd")]
            Method::Zstd => Some(&super::zstd::Zstd),
            #[cfg(feature = "lz4")]
            Method::BlocksLz4 => Some(&super::blocks::Lz4Blocks),
            #[cfg(feature = "zstd")]
            Method::BlocksZstd => Some(&super::blocks::ZstdBlocks),
            _ => None,
        }
    }
}
