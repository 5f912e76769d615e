//! The state of the canonical encoding: depth, runs of scalars, and where the bytes go.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::limits::MAX_DEPTH;
use crate::key::canonical::hash_buffer::{HashBuffer, Tag};

/// Which maps have an order that means something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapOrder {
    /// All but hash maps, and maps that don't know their length: those are structs with `flatten`.
    Meant,
    /// None: to see whether two maps hold the same, whatever they are.
    Ignored,
}

/// The encoder.
pub(crate) struct CanonicalEncoder<'s> {
    pub(super) buffer: &'s mut HashBuffer,
    pub(super) order: MapOrder,
    /// Scalars of one kind that follow one another share one length and tag.
    pub(super) run: Option<(Tag, u64)>,
    pub(super) depth: u32,
}

impl CanonicalEncoder<'_> {
    #[inline]
    pub(super) fn scalar<const N: usize>(&mut self, tag: Tag, bytes: [u8; N]) {
        match &mut self.run {
            Some((kind, count)) if *kind == tag => *count += 1,
            _ => {
                self.end_run();
                self.run = Some((tag, 1));
            }
        }
        self.buffer.write_few(bytes);
    }

    /// Scalars that have been written at once, where no run was.
    pub(super) fn run_of(&mut self, tag: Tag, count: u64) {
        self.run = Some((tag, count));
    }

    pub(super) fn end_run(&mut self) {
        if let Some((tag, count)) = self.run.take() {
            self.buffer.end(count, tag);
        }
    }

    /// An item without content.
    pub(super) fn empty(&mut self, tag: Tag) {
        self.end_run();
        self.buffer.tag(tag);
    }

    pub(super) fn bytes(&mut self, tag: Tag, bytes: &[u8]) {
        self.end_run();
        self.buffer.write(bytes);
        self.buffer.end(bytes.len() as u64, tag);
    }

    pub(super) fn enter(&mut self) -> Result<()> {
        // A run must not go on from the outside to the inside.
        self.end_run();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "the value is nested more than {MAX_DEPTH} levels deep; make a flatter form of it the argument"
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.end_run();
        self.depth -= 1;
    }

    /// The digests of items in an order of their own.
    pub(super) fn unordered(&mut self, tag: Tag, digests: &[[u8; 32]]) {
        self.buffer.write(digests.as_flattened());
        self.buffer.end(digests.len() as u64, tag);
    }
}
