//! The general compressors that streams are packed with.

use std::io;

use crate::stream_codec::StreamCodec;

/// What packs the streams of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Codec {
    /// LZ4, which has no levels. Needs feature `lz4`.
    Lz4,
    /// Zstandard. Needs feature `zstd`.
    Zstd {
        /// 1 to 22. All levels are read alike.
        level: i32,
    },
}

impl Codec {
    /// Returns the byte that says in a stream which codec packed it.
    pub(crate) fn letter(self) -> u8 {
        match self {
            Codec::Lz4 => b'4',
            Codec::Zstd { .. } => b'z',
        }
    }

    /// Returns the codec with this letter. Its level does not matter for reading.
    pub(crate) fn of_letter(letter: u8) -> Option<Self> {
        [Codec::Lz4, Codec::Zstd { level: 1 }].into_iter().find(|codec| codec.letter() == letter)
    }

    /// Whether it spends fewer bits on more frequent bytes.
    pub(crate) fn codes_frequencies(self) -> bool {
        matches!(self, Codec::Zstd { .. })
    }

    /// Returns the codec's code.
    ///
    /// # Errors
    /// If it is not in this build.
    pub(crate) fn open(self) -> io::Result<Box<dyn StreamCodec>> {
        match self {
            #[cfg(feature = "lz4")]
            Codec::Lz4 => Ok(Box::new(crate::lz4::Lz4::new())),
            #[cfg(feature = "zstd")]
            Codec::Zstd { level } => Ok(Box::new(crate::zstd::Zstd::new(level))),
            #[cfg(not(all(feature = "lz4", feature = "zstd")))]
            _ => Err(self.disabled()),
        }
    }

    /// Returns the error that names the codec and the feature to turn on.
    #[cfg(any(test, not(all(feature = "lz4", feature = "zstd"))))]
    pub(crate) fn disabled(self) -> io::Error {
        let (name, feature) = match self {
            Codec::Lz4 => ("LZ4", "lz4"),
            Codec::Zstd { .. } => ("Zstandard", "zstd"),
        };
        let message =
            format!("{name} is not in this build; turn on the feature `{feature}` of larder-blocks in Cargo.toml");
        io::Error::new(io::ErrorKind::Unsupported, message)
    }
}
