//! Encodes sequences whose elements arrive one by one.

use serde::Serialize;
use serde::ser::SerializeSeq;

use crate::error::{Error, Result};
use crate::key::canonical::compound::CompoundEncoder;
use crate::key::canonical::encode::encode_nested;
use crate::key::canonical::encoder::CanonicalEncoder;
use crate::key::canonical::hash_buffer::{HashBuffer, Tag};

/// A sequence whose elements arrive one by one.
pub(crate) enum SeqEncoder<'c, 's> {
    /// The elements as they come.
    Ordered(CompoundEncoder<'c, 's>),
    /// The sorted digests of the elements of a hash set.
    Unordered { canonical: &'c mut CanonicalEncoder<'s>, element: HashBuffer, digests: Vec<[u8; 32]> },
}

impl<'c, 's> SeqEncoder<'c, 's> {
    pub(super) fn ordered(canonical: &'c mut CanonicalEncoder<'s>) -> Result<Self> {
        Ok(SeqEncoder::Ordered(CompoundEncoder::begin(canonical, Tag::Seq, None)?))
    }

    pub(super) fn unordered(canonical: &'c mut CanonicalEncoder<'s>) -> Result<Self> {
        canonical.enter()?;
        canonical.order.enter_unordered();
        Ok(SeqEncoder::Unordered { canonical, element: HashBuffer::new(), digests: Vec::new() })
    }
}

impl SerializeSeq for SeqEncoder<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match self {
            SeqEncoder::Ordered(items) => items.item(value),
            SeqEncoder::Unordered { canonical, element, digests } => {
                element.clear();
                encode_nested(value, element, canonical.order, canonical.depth)?;
                digests.push(*element.digest().as_bytes());
                Ok(())
            }
        }
    }

    fn end(self) -> Result<()> {
        match self {
            SeqEncoder::Ordered(items) => items.finish(),
            SeqEncoder::Unordered { canonical, mut digests, .. } => {
                digests.sort_unstable();
                canonical.order.leave_unordered();
                canonical.leave();
                canonical.unordered(Tag::UnorderedSeq, &digests);
                Ok(())
            }
        }
    }
}
