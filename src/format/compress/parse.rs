//! Parses compressors from text: `name` or `name:level`, and `:single` at the end.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::format::compress::compression::Compression;
use crate::format::compress::method::Method;
use crate::format::compress::{registry, select};

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        let single = if self.single_member { SINGLE } else { "" };
        if self.method.has_levels() { write!(f, "{name}:{}{single}", self.level) } else { write!(f, "{name}{single}") }
    }
}

impl fmt::Debug for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compression({self})")
    }
}

/// What the text of a compressor ends with that writes a single member.
const SINGLE: &str = ":single";

/// The part of a compressor's text that is wrong.
enum Misspelt {
    Name,
    Level(Method),
}

impl Compression {
    /// Parses `name` or `name:level`, and `:single` at the end. This is a const function, so that the attribute can check its option when the
    /// user's crate is compiled.
    const fn parse(text: &[u8]) -> Result<Self, Misspelt> {
        let (start, end) = text.split_at(text.len().saturating_sub(SINGLE.len()));
        if !equal(end, SINGLE.as_bytes()) {
            return Compression::parse_method(text);
        }
        match Compression::parse_method(start) {
            Ok(compression) => Ok(compression.single_member()),
            misspelt => misspelt,
        }
    }

    /// Parses `name` or `name:level`.
    const fn parse_method(text: &[u8]) -> Result<Self, Misspelt> {
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
        Ok(Compression { level: value, ..Compression::with_default_level(method) })
    }

    /// Parses the attribute's option `compress = "…"`, at compile time.
    ///
    /// # Panics
    /// If the text is not a compressor of this build, or has a level that it lacks.
    #[doc(hidden)]
    #[must_use]
    pub const fn checked(text: &str) -> Self {
        match Compression::parse(text.as_bytes()) {
            Err(Misspelt::Name) if starts_with_blocks(text.as_bytes()) => {
                panic!("no such compressor: the two for blocks of numbers are blocks-lz4 and blocks-zstd")
            }
            Err(Misspelt::Name) => {
                panic!(
                    "no such compressor: there are none, zlib, gzip, bz2, xz, lzma, lz4, zstd, blocks-lz4 and \
                     blocks-zstd; one that is \
                     registered is set with `CacheBuilder::compression`"
                )
            }
            Err(Misspelt::Level(_)) => panic!(
                "no such level: zlib, gzip, xz and lzma have 0 to 9, bz2 has 1 to 9, zstd and blocks-zstd have 1 to 22, \
                 the others none"
            ),
            Ok(compression) if compression.method.is_enabled() => compression,
            Ok(_) => panic!(
                "this compressor is not in this build: turn on larder's feature of the same name (for blocks-lz4 and \
                 blocks-zstd: `blocks`, and `lz4` or `zstd`)"
            ),
        }
    }
}

const fn starts_with_blocks(text: &[u8]) -> bool {
    matches!(text, [b'b', b'l', b'o', b'c', b'k', b's', ..])
}

/// Compares slices, because `==` for slices is not const yet.
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
            Err(Misspelt::Name) => custom(text),
            Err(Misspelt::Level(method)) => Err(method.no_such_level(text, select::levels(method)?)),
        }
    }
}

/// Parses the name of a registered compressor.
fn custom(text: &str) -> Result<Compression> {
    let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
    let found = registry::find(name).ok_or_else(|| registry::unknown(text))?;
    let compression = Compression::registered(found);
    match level.map(str::parse) {
        None => Ok(compression),
        Some(Ok(level)) => Compression { level, ..compression }.validate(),
        Some(Err(_)) => Err(compression.method.no_such_level(text, found.levels.clone())),
    }
}
