//! Compression methods of this crate: names, levels, magics and features.

use std::ops::RangeInclusive;

use crate::error::{Error, ErrorKind};

/// Size of the longest magic of a known method, in bytes.
pub(super) const LONGEST_KNOWN_MAGIC: usize = 6;

/// A method of this crate, whether its feature is on or not, or a registered one by its name.
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

/// Properties of a method, known even if it is not in this build.
pub(super) struct Facts {
    pub(super) name: &'static str,
    /// File extension; empty if there is none for this method.
    pub(super) extension: &'static str,
    /// The first bytes of each stream; empty if they follow a rule instead.
    pub(super) magic: &'static [u8],
    pub(super) levels: RangeInclusive<i32>,
}

impl Method {
    /// The methods that this crate knows.
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
        let (name, extension, magic, levels): (_, _, &[u8], _) = match self {
            Method::None => ("none", "", &[], 0..=0),
            Method::Zlib => ("zlib", "z", &[], 0..=9),
            Method::Gzip => ("gzip", "gz", &[0x1f, 0x8b], 0..=9),
            Method::Bz2 => ("bz2", "bz2", b"BZh", 1..=9),
            Method::Xz => ("xz", "xz", b"\xfd7zXZ\0", 0..=9),
            // The format has no magic. These are the usual properties (lc = 3, lp = 0, pb = 2) and a dictionary of whole
            // KiB; `lzma_header` recognises others.
            Method::Lzma => ("lzma", "lzma", &[0x5d, 0], 0..=9),
            Method::Lz4 => ("lz4", "lz4", &[0x04, 0x22, 0x4d, 0x18], 0..=0),
            Method::Zstd => ("zstd", "zst", &[0x28, 0xb5, 0x2f, 0xfd], 1..=22),
            Method::BlocksLz4 => ("blocks-lz4", "", b"\x8fLBLK4", 0..=0),
            Method::BlocksZstd => ("blocks-zstd", "", b"\x8fLBLKz", 1..=22),
            // The registry has the other properties, which a const function can't read.
            Method::Custom(name) => (name, "", &[], 0..=0),
        };
        Facts { name, extension, magic, levels }
    }

    /// Returns the first bytes of each stream; empty if they follow a rule instead.
    pub(super) const fn magic(self) -> &'static [u8] {
        self.facts().magic
    }

    /// Returns the features that the method needs, and whether all of them are on.
    const fn features(self) -> (&'static [&'static str], bool) {
        match self {
            Method::None | Method::Custom(_) => (&[], true),
            Method::Zlib | Method::Gzip => (&["zlib"], cfg!(feature = "zlib")),
            Method::Bz2 => (&["bz2"], cfg!(feature = "bz2")),
            Method::Xz | Method::Lzma => (&["xz"], cfg!(feature = "xz")),
            Method::Lz4 => (&["lz4"], cfg!(feature = "lz4")),
            Method::Zstd => (&["zstd"], cfg!(feature = "zstd")),
            Method::BlocksLz4 => (&["blocks", "lz4"], cfg!(all(feature = "blocks", feature = "lz4"))),
            Method::BlocksZstd => (&["blocks", "zstd"], cfg!(all(feature = "blocks", feature = "zstd"))),
        }
    }

    pub(super) const fn is_enabled(self) -> bool {
        self.features().1
    }

    pub(super) const fn has_levels(self) -> bool {
        !matches!(self, Method::None | Method::Lz4 | Method::BlocksLz4)
    }

    /// Returns whether a value may have several members.
    pub(super) const fn has_members(self) -> bool {
        matches!(self, Method::Gzip | Method::Bz2 | Method::Xz | Method::Lz4 | Method::Zstd)
    }

    /// Returns the error that names the features which the method needs.
    pub(super) fn disabled(self) -> Error {
        let (features, _) = self.features();
        let plural = if features.len() > 1 { "features" } else { "feature" };
        Error::new(
            ErrorKind::CompressorDisabled,
            format!(
                "{} is not in this build; turn on larder's {plural} `{}` in Cargo.toml",
                self.facts().name,
                features.join("` and `")
            ),
        )
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

    /// Returns the known method whose streams begin with these bytes. No magic begins with another one, and no
    /// uncompressed document begins with a magic.
    pub(super) fn detect(head: &[u8]) -> Option<Method> {
        let has_magic = |method: &Method| {
            let magic = method.magic();
            !magic.is_empty() && head.starts_with(magic)
        };
        Method::ALL.into_iter().find(has_magic).or_else(|| is_zlib(head).then_some(Method::Zlib))
    }
}

/// Checks the header of RFC 1950, section 2.2: deflate with a window of at most 32 KiB, and a checksum of both bytes.
fn is_zlib(head: &[u8]) -> bool {
    let [cmf, flg, ..] = *head else { return false };
    cmf & 0x0f == 8 && cmf >> 4 <= 7 && u16::from_be_bytes([cmf, flg]) % 31 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_a_method_that_is_not_in_the_build_names_its_features() {
        let error = Method::BlocksZstd.disabled();
        assert_eq!(error.kind(), ErrorKind::CompressorDisabled);
        assert!(error.to_string().contains("features `blocks` and `zstd`"), "{error}");
        assert!(Method::Gzip.disabled().to_string().contains("feature `zlib`"));
    }

    #[test]
    fn every_magic_identifies_its_method() {
        for method in Method::ALL {
            let magic = method.magic();
            assert!(magic.len() <= LONGEST_KNOWN_MAGIC);
            if !magic.is_empty() {
                assert_eq!(Method::detect(magic), Some(method));
            }
        }
        assert_eq!(Method::detect(&[0x78, 0x9c]), Some(Method::Zlib));
        assert_eq!(Method::detect(&[0x78, 0x9d]), None);
    }
}
