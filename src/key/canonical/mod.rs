//! The canonical encoding of serde values. It is only ever hashed, never read.
//!
//! What makes it injective is that it can be parsed from its end: every item is its content, then
//! its length where that is not fixed, then a tag. Lengths behind the content mean that nothing
//! needs to be known in advance, so the encoding streams in constant memory. DESIGN.md has the
//! grammar and the proof.

pub(crate) mod compound;
pub(crate) mod hash_buffer;
pub(crate) mod hash_containers;
pub(crate) mod keyed_by_digest;
pub(crate) mod map_encoder;
pub(crate) mod number_slices;
pub(crate) mod serializer;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::MAX_DEPTH;
#[cfg(feature = "ndarray")]
use crate::format::numeric::arrays;
use crate::format::numeric::arrays::{Array, Elements};
use crate::key::canonical::compound::Items;
use crate::key::canonical::hash_buffer::{Sink, Tag};
use crate::key::canonical::number_slices::Numbers;

/// Which maps have an order that means something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// All but hash maps, and maps that don't know their length: those are structs with `flatten`.
    Meant,
    /// None: to see whether two maps hold the same, whatever they are.
    Ignored,
}

/// Encodes one value.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T, order: Order, sink: &mut Sink) -> Result<()> {
    encode_nested(value, sink, order, 0)
}

/// Encodes one value that lies `depth` levels deep within another.
pub(super) fn encode_nested<T: Serialize + ?Sized>(value: &T, sink: &mut Sink, order: Order, depth: u32) -> Result<()> {
    let mut canonical = Canonical { sink, order, run: None, depth };
    canonical.value(value)?;
    canonical.end_run();
    Ok(())
}

/// The serializer.
pub(crate) struct Canonical<'s> {
    pub(super) sink: &'s mut Sink,
    pub(super) order: Order,
    /// Scalars of one kind that follow one another share one length and tag.
    run: Option<(Tag, u64)>,
    pub(super) depth: u32,
}

impl Canonical<'_> {
    /// Encodes a value. Everything goes through here, as this is where its type is known.
    #[inline]
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        #[cfg(feature = "ndarray")]
        if let Some(array) = arrays::array(value) {
            return self.array(array);
        }
        value.serialize(self)
    }

    #[inline]
    pub(super) fn scalar<const N: usize>(&mut self, tag: Tag, bytes: [u8; N]) {
        match &mut self.run {
            Some((kind, count)) if *kind == tag => *count += 1,
            _ => {
                self.end_run();
                self.run = Some((tag, 1));
            }
        }
        self.sink.write_few(bytes);
    }

    /// Scalars that have been written at once, where no run was.
    pub(super) fn run_of(&mut self, tag: Tag, count: u64) {
        self.run = Some((tag, count));
    }

    pub(super) fn end_run(&mut self) {
        if let Some((tag, count)) = self.run.take() {
            self.sink.end(count, tag);
        }
    }

    /// An item without content.
    pub(super) fn empty(&mut self, tag: Tag) {
        self.end_run();
        self.sink.tag(tag);
    }

    pub(super) fn bytes(&mut self, tag: Tag, bytes: &[u8]) {
        self.end_run();
        self.sink.write(bytes);
        self.sink.end(bytes.len() as u64, tag);
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

    /// One item inside of another.
    pub(super) fn nested<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.enter()?;
        self.value(value)?;
        self.leave();
        Ok(())
    }

    /// The digests of items in an order of their own.
    pub(super) fn unordered(&mut self, tag: Tag, digests: &[[u8; 32]]) {
        self.sink.write(digests.as_flattened());
        self.sink.end(digests.len() as u64, tag);
    }

    /// A sequence of numbers that lie in memory.
    pub(super) fn numbers(&mut self, numbers: &Numbers<'_>) -> Result<()> {
        let mut items = Items::begin(self, Tag::Seq, None)?;
        items.numbers(numbers)?;
        items.finish()
    }

    /// What ndarray's own `Serialize` makes of an array.
    #[cfg(feature = "ndarray")]
    fn array(&mut self, array: Array<'_>) -> Result<()> {
        let Array { shape, fixed, number, elements } = array;
        let mut fields = Items::begin(self, Tag::Struct, None)?;
        fields.field("v", &arrays::ARRAY_FORMAT_VERSION)?;
        fields.named("dim", |canonical| {
            let mut axes = Items::begin(canonical, if fixed { Tag::Tuple } else { Tag::Seq }, None)?;
            shape.iter().try_for_each(|len| axes.item(len))?;
            axes.finish()
        })?;
        fields.named("data", |canonical| {
            canonical.numbers(&match elements {
                Elements::InOrder(bytes) => Numbers::in_order(number, bytes),
                Elements::Strided(elements) => Numbers::strided(number, elements),
            })
        })?;
        fields.finish()
    }
}
