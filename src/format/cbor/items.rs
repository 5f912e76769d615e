//! Contents of containers, for serde: elements, pairs, and payloads of variants.

use serde::de::{
    DeserializeSeed, Deserializer as _, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

use crate::error::{Error, Result};
use crate::format::cbor::decoder::Decoder;
use crate::format::cbor::limits::LARGEST_HINT;

/// [`LARGEST_HINT`] for deeper levels, where many containers can be incomplete at the same time.
const LARGEST_DEEP_HINT: usize = 256;

/// Levels of nesting that may use the full [`LARGEST_HINT`].
const SHALLOW: u32 = 4;

/// The elements of an array, or the pairs of a map.
pub(super) struct Items<'d, 'i, 'r, 'de> {
    pub(super) decoder: &'d mut Decoder<'i, 'r, 'de>,
    /// Number of elements left; `None` if a break ends them.
    pub(super) left: Option<u64>,
}

impl Items<'_, '_, '_, '_> {
    /// Returns whether another element follows, and counts it.
    #[inline]
    fn more(&mut self) -> Result<bool> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => self.before_break(),
        }
    }

    /// Returns whether no break comes next. Consumes a break.
    #[cold]
    fn before_break(&mut self) -> Result<bool> {
        let ends = self.decoder.input.take_break()?;
        if ends {
            self.left = Some(0);
        }
        Ok(!ends)
    }

    /// Returns the result of reading the items, or an error if some are left. The result is not taken apart: a small one
    /// would take longer to be moved than to be read.
    #[inline]
    pub(super) fn ended<R>(&mut self, result: Result<R>) -> Result<R> {
        #[cold]
        fn too_many() -> Error {
            Error::custom("the stored sequence or map has more elements than wanted")
        }

        if result.is_ok() {
            match self.more() {
                Ok(false) => {}
                Ok(true) => return Err(too_many()),
                Err(error) => return Err(error),
            }
        }
        result
    }

    #[inline]
    fn hint(&self) -> Option<usize> {
        let most = if self.decoder.depth <= SHALLOW { LARGEST_HINT } else { LARGEST_DEEP_HINT };
        self.left.map(|left| usize::try_from(left).unwrap_or(most).min(most))
    }
}

impl<'de> SeqAccess<'de> for Items<'_, '_, '_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if !self.more()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

impl<'de> MapAccess<'de> for Items<'_, '_, '_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.more()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(&mut *self.decoder)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

/// An enum variant with a payload: the only pair of a map.
pub(super) struct Variant<'d, 'i, 'r, 'de> {
    pub(super) decoder: &'d mut Decoder<'i, 'r, 'de>,
}

impl<'de> EnumAccess<'de> for Variant<'_, '_, '_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        let name = seed.deserialize(&mut *self.decoder)?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, '_, '_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        Err(Error::invalid_type(Unexpected::NewtypeVariant, &"a variant without a payload"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self.decoder)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.fields_of(|decoder| decoder.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.fields_of(|decoder| decoder.deserialize_struct("", fields, visitor))
    }
}

impl<'i, 'r, 'de> Variant<'_, 'i, 'r, 'de> {
    /// Undoes one level of depth: a variant and its fields are two levels of the encoding, but one level of the value.
    fn fields_of<R>(self, read: impl FnOnce(&mut Decoder<'i, 'r, 'de>) -> Result<R>) -> Result<R> {
        self.decoder.depth -= 1;
        let result = read(self.decoder);
        self.decoder.depth += 1;
        result
    }
}
