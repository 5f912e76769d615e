//! Encodes one value: the entry points of the canonical encoding.

use std::any::type_name;

use serde::Serialize;

use crate::error::Result;
#[cfg(feature = "ndarray")]
use crate::format::numeric::arrays;
#[cfg(feature = "ndarray")]
use crate::format::numeric::arrays::{Array, Elements};
use crate::key::canonical::compound::CompoundEncoder;
use crate::key::canonical::encoder::CanonicalEncoder;
use crate::key::canonical::hash_buffer::{HashBuffer, Tag};
use crate::key::canonical::map_order::MapOrder;
use crate::key::canonical::number_slices::Numbers;

/// Encodes one value.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, order: &MapOrder<'_>, buffer: &mut HashBuffer) -> Result<()> {
    encode_nested(value, buffer, order, 0)
}

/// Encodes one value that is nested `depth` levels deep in another.
pub(crate) fn encode_nested<T: Serialize + ?Sized>(
    value: &T,
    buffer: &mut HashBuffer,
    order: &MapOrder<'_>,
    depth: u32,
) -> Result<()> {
    let mut canonical = CanonicalEncoder { buffer, order, container: type_name::<T>, run: None, depth };
    canonical.value(value)?;
    canonical.end_run();
    Ok(())
}

impl CanonicalEncoder<'_> {
    /// Encodes a value. Every value passes through this function, because its static type is known here.
    #[inline]
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        #[cfg(feature = "ndarray")]
        if let Some(array) = arrays::array(value) {
            return self.array(array);
        }
        self.container = type_name::<T>;
        value.serialize(self)
    }

    /// Encodes an item inside another.
    pub(super) fn nested<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.enter()?;
        self.value(value)?;
        self.leave();
        Ok(())
    }

    /// Encodes a sequence of numbers from memory.
    pub(super) fn numbers(&mut self, numbers: &Numbers<'_>) -> Result<()> {
        let mut items = CompoundEncoder::begin(self, Tag::Seq, None)?;
        items.numbers(numbers)?;
        items.finish()
    }

    /// Encodes an array exactly as ndarray's own `Serialize` would.
    #[cfg(feature = "ndarray")]
    fn array(&mut self, array: Array<'_>) -> Result<()> {
        let Array { shape, fixed, number, elements } = array;
        let mut fields = CompoundEncoder::begin(self, Tag::Struct, None)?;
        fields.field("v", &arrays::ARRAY_FORMAT_VERSION)?;
        fields.named("dim", |canonical| {
            let mut axes = CompoundEncoder::begin(canonical, if fixed { Tag::Tuple } else { Tag::Seq }, None)?;
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
