//! BLAKE3 of long content, by several threads if the content can be read in pieces.
//!
//! BLAKE3 is a binary tree over chunks of 1 KiB. A piece is a whole subtree, so pieces can be hashed in any order, and the
//! digest equals that of `blake3::hash`.

use std::ops::Range;

use blake3::Hasher;
use blake3::hazmat::{ChainingValue, HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::error::Result;
use crate::key::digest::Key;
use crate::sys::workers::{threads, try_map};

/// Size in bytes of the subtrees that a thread hashes at a time. Strided arrays are copied piece by piece: a longer
/// piece has more rows, which use more of each cache line.
pub(crate) const PIECE: usize = 2 << 20;

/// Number of pieces that are hashed before their values are merged.
const PIECES_A_ROUND: usize = 64;

/// Content up to this size, in bytes, is hashed before other threads could start.
const WORTH_THREADS: u64 = 3 * PIECE as u64;

/// Content that several threads can read at once, from any offset.
pub(crate) trait Source: Sync {
    /// Returns the total number of bytes.
    fn size(&self) -> u64;

    /// Passes the bytes of the range to `target` in order, in parts of any length. The source may use `scratch` as
    /// memory.
    ///
    /// # Errors
    /// If the content can't be read.
    fn part(&self, range: Range<u64>, scratch: &mut Scratch, target: &mut impl Take) -> Result<()>;
}

/// Receives the bytes of a [`Source`].
pub(crate) trait Take {
    fn take(&mut self, bytes: &[u8]);

    /// Takes bytes unless `is_unfit` returns true. Returns whether they were taken. `is_unfit` runs right after the
    /// bytes were read, while they are still in the processor's cache.
    fn take_unless(&mut self, bytes: &[u8], is_unfit: impl FnOnce() -> bool) -> bool;
}

impl Take for Hasher {
    fn take(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }

    fn take_unless(&mut self, bytes: &[u8], is_unfit: impl FnOnce() -> bool) -> bool {
        let before = self.clone();
        self.update(bytes);
        let unfit = is_unfit();
        if unfit {
            *self = before;
        }
        !unfit
    }
}

impl Take for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn take_unless(&mut self, bytes: &[u8], is_unfit: impl FnOnce() -> bool) -> bool {
        let unfit = is_unfit();
        if !unfit {
            self.take(bytes);
        }
        !unfit
    }
}

/// Memory that a [`Source`] reuses from part to part.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) first: Vec<u8>,
    pub(crate) second: Vec<u8>,
}

/// Content in memory.
impl Source for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn part(&self, range: Range<u64>, _: &mut Scratch, target: &mut impl Take) -> Result<()> {
        target.take(&self[index(range.start)..index(range.end)]);
        Ok(())
    }
}

/// Converts an offset into content in memory.
pub(crate) fn index(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// Digest of the bytes so far, which more bytes can extend.
#[derive(Clone)]
pub(crate) struct Tree {
    /// The current piece. Only more bytes show that it is not the last one.
    piece: Hasher,
    filled: usize,
    /// The number of pieces before the current one, and the largest complete subtrees of these, from the left.
    pieces: u64,
    subtrees: Vec<ChainingValue>,
}

impl Tree {
    pub(crate) fn new() -> Self {
        Tree { piece: Hasher::new(), filled: 0, pieces: 0, subtrees: Vec::new() }
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(self.room()));
            self.piece.update(part);
            self.filled += part.len();
            bytes = rest;
        }
    }

    /// # Errors
    /// Errors of the source. The digest is meaningless then.
    pub(crate) fn update_from(&mut self, source: &impl Source) -> Result<()> {
        let (mut at, mut scratch) = (0, Scratch::default());
        let alone = source.size() < WORTH_THREADS || threads() == 1;
        while at < source.size() {
            let room = self.room() as u64;
            let rest = source.size() - at;
            if !alone && self.filled == 0 && rest > PIECE as u64 {
                // Keep the last piece back, because it may be the last of the content.
                let count = PIECES_A_ROUND.min(index((rest - 1) / PIECE as u64));
                self.update_whole(source, at, count)?;
                at += (count * PIECE) as u64;
                continue;
            }
            let end = at + rest.min(room);
            source.part(at..end, &mut scratch, &mut self.piece)?;
            self.filled += index(end - at);
            at = end;
        }
        Ok(())
    }

    /// Returns the number of bytes that fit into the current piece. The caller adds at least one.
    fn room(&mut self) -> usize {
        if self.filled == PIECE {
            let value = self.piece.finalize_non_root();
            self.push(value);
            self.begin_piece();
        }
        PIECE - self.filled
    }

    fn begin_piece(&mut self) {
        self.piece = piece(self.pieces);
        self.filled = 0;
    }

    /// Adds the value of a piece, and merges it into the subtrees that it completes.
    fn push(&mut self, mut value: ChainingValue) {
        self.pieces += 1;
        for _ in 0..self.pieces.trailing_zeros() {
            if let Some(left) = self.subtrees.pop() {
                value = merge_subtrees_non_root(&left, &value, Mode::Hash);
            }
        }
        self.subtrees.push(value);
    }

    /// Hashes complete pieces on several threads. The last piece of the content is not among them.
    fn update_whole(&mut self, source: &impl Source, from: u64, count: usize) -> Result<()> {
        let first = self.pieces;
        let values =
            try_map(threads().min(count), 0..count as u64, Scratch::default, |scratch, number| -> Result<_> {
                let at = from + number * PIECE as u64;
                let mut piece = piece(first + number);
                source.part(at..at + PIECE as u64, scratch, &mut piece)?;
                Ok(piece.finalize_non_root())
            })?;
        values.into_iter().for_each(|value| self.push(value));
        self.begin_piece();
        Ok(())
    }

    /// Returns the digest of the bytes so far followed by `bytes`.
    pub(crate) fn digest_with(&self, bytes: &[u8]) -> Key {
        let mut tree = self.clone();
        tree.update(bytes);
        tree.digest()
    }

    pub(crate) fn digest(&self) -> Key {
        let Some((first, others)) = self.subtrees.split_first() else {
            return Key::from_bytes(*self.piece.finalize().as_bytes());
        };
        let last = self.piece.finalize_non_root();
        let right = others.iter().rev().fold(last, |right, left| merge_subtrees_non_root(left, &right, Mode::Hash));
        Key::from_bytes(*merge_subtrees_root(first, &right, Mode::Hash).as_bytes())
    }
}

/// Returns a hasher for the piece with this number.
fn piece(number: u64) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(number * PIECE as u64);
    hasher
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_equals_that_of_blake3() {
        let content: Vec<u8> = (0..251).cycle().take(PIECE * 9 + 5).collect();
        for pieces in [0, 1, 2, 3, 4, 7, 8, 9] {
            for more in [0, 1, 5] {
                let content = &content[..pieces * PIECE + more];
                let expected = Key::from_bytes(*blake3::hash(content).as_bytes());
                for before in [0, 1, 1023, PIECE, PIECE + 3].into_iter().filter(|before| *before <= content.len()) {
                    let (first, rest) = content.split_at(before);
                    let mut tree = Tree::new();
                    tree.update(first);
                    tree.update_from(&rest).unwrap();
                    assert_eq!(tree.digest(), expected, "{pieces} pieces and {more} bytes, from {before} on");
                    let mut tree = Tree::new();
                    content.chunks(before + 1000).for_each(|part| tree.update(part));
                    assert_eq!(tree.digest(), expected, "{pieces} pieces and {more} bytes, {before} at a time");
                }
            }
        }
    }
}
