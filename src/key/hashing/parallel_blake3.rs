//! BLAKE3 of a long content, by several threads where it can be had in pieces.
//!
//! BLAKE3 is a binary tree over chunks of 1 KiB. A piece here is a whole subtree of it, so pieces can be
//! hashed in any order, and the digest is the one that `blake3::hash` gives.

use std::ops::Range;
use std::sync::Mutex;
use std::thread::{self, Builder};

use blake3::Hasher;
use blake3::hazmat::{ChainingValue, HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::sys::workers::threads;

/// Bytes of a subtree, which a thread takes at a time. An array that has to be brought into order is, piece by piece:
/// the more rows there are in one, the more of what memory gives at a time is used.
pub(crate) const PIECE: usize = 2 << 20;

/// Pieces whose values are kept until they are merged.
const PIECES_A_ROUND: usize = 64;

/// Content that is shorter is hashed before other threads have begun.
const WORTH_THREADS: u64 = 3 * PIECE as u64;

/// Content that can be had from any place on, by several threads at once.
pub(crate) trait Source: Sync {
    /// Bytes in all.
    fn size(&self) -> u64;

    /// Gives the bytes of the range in order, in parts of any length. `scratch` may be used to make them.
    ///
    /// # Errors
    /// If they can't be had.
    fn part(&self, range: Range<u64>, scratch: &mut Scratch, target: &mut impl Take) -> Result<()>;
}

/// Takes what a [`Source`] gives.
pub(crate) trait Take {
    fn take(&mut self, bytes: &[u8]);

    /// Takes bytes, unless they turn out to be unfit: whether they were taken. What `is_unfit` reads is near
    /// then, as `take` has just read it.
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

/// Memory that a [`Source`] may use, and use again.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) first: Vec<u8>,
    pub(crate) second: Vec<u8>,
}

/// Content that lies in memory as it is.
impl Source for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn part(&self, range: Range<u64>, _: &mut Scratch, target: &mut impl Take) -> Result<()> {
        target.take(&self[index(range.start)..index(range.end)]);
        Ok(())
    }
}

/// A place within what is in memory.
pub(crate) fn index(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// The digest of what was given so far.
#[derive(Clone)]
pub(crate) struct Tree {
    /// The piece that is being hashed. It may be the last one, which is known when more comes.
    piece: Hasher,
    filled: usize,
    /// Pieces before that one, and the largest whole subtrees that they make, from the left.
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
    /// Those of the source; the digest is none of anything then.
    pub(crate) fn update_from(&mut self, source: &impl Source) -> Result<()> {
        let (mut at, mut scratch) = (0, Scratch::default());
        let alone = source.size() < WORTH_THREADS || threads() == 1;
        while at < source.size() {
            let room = self.room() as u64;
            let rest = source.size() - at;
            if !alone && self.filled == 0 && rest > PIECE as u64 {
                // The last piece is none of these, as it may be the last of all.
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

    /// Bytes that the piece has room for; more of them are coming.
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

    /// Adds a piece, and merges it with what it completes.
    fn push(&mut self, mut value: ChainingValue) {
        self.pieces += 1;
        for _ in 0..self.pieces.trailing_zeros() {
            if let Some(left) = self.subtrees.pop() {
                value = merge_subtrees_non_root(&left, &value, Mode::Hash);
            }
        }
        self.subtrees.push(value);
    }

    /// Hashes whole pieces, none of which is the last, with several threads.
    fn update_whole(&mut self, source: &impl Source, from: u64, count: usize) -> Result<()> {
        let mut values = [ChainingValue::default(); PIECES_A_ROUND];
        let values = &mut values[..count];
        let first = self.pieces;
        let threads = threads().min(count);
        let values_left = Mutex::new(values.iter_mut().zip(0_u64..));
        let work = || -> Result<()> {
            let mut scratch = Scratch::default();
            loop {
                let next = values_left.lock().map_err(|_| Error::damaged("a thread that hashes has panicked"))?.next();
                let Some((value, number)) = next else { return Ok(()) };
                let at = from + number * PIECE as u64;
                let mut piece = piece(first + number);
                source.part(at..at + PIECE as u64, &mut scratch, &mut piece)?;
                *value = piece.finalize_non_root();
            }
        };
        thread::scope(|scope| {
            // Where the system has no more threads to give, those that there are do all of it.
            let helpers: Vec<_> = (1..threads).filter_map(|_| Builder::new().spawn_scoped(scope, work).ok()).collect();
            let result = work();
            // A helper that can't be joined has panicked; `scope` passes that on.
            helpers.into_iter().filter_map(|helper| helper.join().ok()).fold(result, Result::and)
        })?;
        values.iter().for_each(|value| self.push(*value));
        self.begin_piece();
        Ok(())
    }

    /// The digest if these came as well, and nothing more.
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

/// For the piece with this number.
fn piece(number: u64) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(number * PIECE as u64);
    hasher
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_blake3() {
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
