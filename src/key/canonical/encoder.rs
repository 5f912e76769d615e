//! State of the canonical encoding: its output, the current run of scalars, and the nesting depth.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::limits::MAX_DEPTH;
use crate::key::canonical::hash_buffer::{HashBuffer, Tag};
use crate::key::canonical::map_order::MapOrder;

/// Encodes values into a buffer.
pub(crate) struct CanonicalEncoder<'s> {
    pub(super) buffer: &'s mut HashBuffer,
    pub(super) order: &'s MapOrder<'s>,
    /// The name of the type whose `Serialize` runs.
    pub(super) container: fn() -> &'static str,
    /// Consecutive scalars of the same kind share one length and one tag.
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

    /// Adds an item that has been encoded on its own. A scalar joins the current run.
    pub(super) fn encoded(&mut self, item: &[u8]) {
        match item {
            // A run of one element.
            [scalar @ .., 1, 1, tag] if *tag < Tag::Unit as u8 => {
                match &mut self.run {
                    Some((kind, count)) if *kind as u8 == *tag => *count += 1,
                    _ => {
                        self.end_run();
                        self.run = Tag::of_scalar(*tag).map(|tag| (tag, 1));
                    }
                }
                self.buffer.write(scalar);
            }
            item => {
                self.end_run();
                self.buffer.write(item);
            }
        }
    }

    /// Begins a run of `count` scalars whose bytes have been written already. No run may be open.
    pub(super) fn run_of(&mut self, tag: Tag, count: u64) {
        self.run = Some((tag, count));
    }

    pub(super) fn end_run(&mut self) {
        if let Some((tag, count)) = self.run.take() {
            self.buffer.end(count, tag);
        }
    }

    /// Encodes an item without content.
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
        // A run must not continue from outside into the item.
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

    /// Encodes the digests of items that have no order. The caller sorts them.
    pub(super) fn unordered(&mut self, tag: Tag, digests: &[[u8; 32]]) {
        self.buffer.write(digests.as_flattened());
        self.buffer.end(digests.len() as u64, tag);
    }
}
