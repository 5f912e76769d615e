//! The checksum of a document: XXH3-64, computed in pieces.
//!
//! The checksum of a document of up to 256 KiB is the XXH3-64 of its bytes. A longer document is cut into pieces of 256
//! KiB. Its checksum is the XXH3-64 of the pieces' checksums, concatenated as little-endian numbers. This lets several
//! threads hash a large array, each while its bytes are in the processor's cache.

use std::hash::Hasher as _;

use twox_hash::XxHash3_64;

/// Bytes of a piece. A piece fits the second-level cache of every common processor.
pub(crate) const PIECE: usize = 256 << 10;

/// Returns the checksum of one whole piece.
pub(crate) fn of_piece(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// Returns the checksum of a whole document of up to [`PIECE`] bytes.
pub(crate) fn of_short(bytes: &[u8]) -> u64 {
    debug_assert!(bytes.len() <= PIECE, "longer documents are hashed piece by piece");
    XxHash3_64::oneshot(bytes)
}

/// Computes the checksum of a document that arrives in parts.
#[derive(Default)]
pub(crate) struct Checksum {
    /// Hash of the checksums of all whole pieces.
    pieces: XxHash3_64,
    count: u64,
    last: u64,
    /// Hash of the current, incomplete piece.
    begun: XxHash3_64,
    len: usize,
}

impl Checksum {
    /// Adds the next bytes.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(self.to_boundary().min(bytes.len()));
            bytes = rest;
            if now.len() == PIECE {
                self.add_piece(of_piece(now));
                continue;
            }
            self.begun.write(now);
            self.len += now.len();
            if self.len == PIECE {
                let piece = std::mem::take(&mut self.begun).finish();
                self.len = 0;
                self.add_piece(piece);
            }
        }
    }

    /// Returns the number of bytes until the next piece begins.
    pub(crate) fn to_boundary(&self) -> usize {
        PIECE - self.len
    }

    /// Adds a whole piece that was hashed elsewhere. Allowed only at a piece boundary.
    pub(crate) fn add_piece(&mut self, checksum: u64) {
        debug_assert_eq!(self.len, 0, "a piece begins where another one ends");
        self.pieces.write(&checksum.to_le_bytes());
        self.count += 1;
        self.last = checksum;
    }

    /// Returns the checksum of all bytes so far.
    pub(crate) fn digest(&self) -> u64 {
        match (self.count, self.len) {
            (0, _) => self.begun.finish(),
            (1, 0) => self.last,
            (_, 0) => self.pieces.finish(),
            _ => {
                let mut pieces = self.pieces.clone();
                pieces.write(&self.begun.finish().to_le_bytes());
                pieces.finish()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_does_not_depend_on_how_the_bytes_are_split() {
        let bytes: Vec<u8> = (0..3 * PIECE + 17).map(|n| u8::try_from(n * n % 251).unwrap()).collect();
        for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, bytes.len()] {
            let bytes = &bytes[..len];
            let expected = if len <= PIECE {
                of_short(bytes)
            } else {
                let pieces: Vec<u8> = bytes.chunks(PIECE).flat_map(|piece| of_piece(piece).to_le_bytes()).collect();
                XxHash3_64::oneshot(&pieces)
            };
            for step in [1009, PIECE / 2, PIECE, 2 * PIECE + 3] {
                let mut checksum = Checksum::default();
                bytes.chunks(step).for_each(|bytes| checksum.update(bytes));
                assert_eq!(checksum.digest(), expected, "{len} bytes in steps of {step}");
            }
        }
    }
}
