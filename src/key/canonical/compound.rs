//! Encodes sequences, structs and variants, and maps in a fixed order.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::key::canonical::encoder::CanonicalEncoder;
use crate::key::canonical::hash_buffer::Tag;
use crate::key::canonical::number_slices::Numbers;
use crate::text::serde_traits::{elements, fields};

/// A sequence, map, struct or variant whose items are being encoded.
pub(crate) struct CompoundEncoder<'c, 's> {
    pub(crate) canonical: &'c mut CanonicalEncoder<'s>,
    tag: Tag,
    variant: Option<&'static str>,
    count: u64,
}

impl<'c, 's> CompoundEncoder<'c, 's> {
    pub(crate) fn begin(
        canonical: &'c mut CanonicalEncoder<'s>,
        tag: Tag,
        variant: Option<&'static str>,
    ) -> Result<Self> {
        canonical.enter()?;
        Ok(CompoundEncoder { canonical, tag, variant, count: 0 })
    }

    #[inline]
    pub(crate) fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.count += 1;
        self.canonical.value(value)
    }

    /// Adds numbers from memory. No other item may come before them.
    pub(crate) fn numbers(&mut self, numbers: &Numbers<'_>) -> Result<()> {
        self.count = numbers.count() as u64;
        self.canonical.buffer.write_from(numbers)?;
        if let Some(tag) = numbers.run() {
            self.canonical.run_of(tag, self.count);
        }
        Ok(())
    }

    /// Adds a key and a value that have been encoded on their own.
    pub(crate) fn pair(&mut self, key: &[u8], value: &[u8]) {
        self.count += 1;
        self.canonical.encoded(key);
        self.canonical.encoded(value);
    }

    pub(crate) fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        self.named(name, |canonical| canonical.value(value))
    }

    /// Adds a field whose value `encode` encodes.
    pub(crate) fn named(
        &mut self,
        name: &str,
        encode: impl FnOnce(&mut CanonicalEncoder<'s>) -> Result<()>,
    ) -> Result<()> {
        self.count += 1;
        encode(&mut *self.canonical)?;
        self.canonical.bytes(Tag::Str, name.as_bytes());
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.canonical.leave();
        let buffer = &mut self.canonical.buffer;
        match self.variant {
            None => buffer.end(self.count, self.tag),
            Some(variant) => {
                buffer.length(self.count);
                buffer.text(variant);
                buffer.tag(self.tag);
            }
        }
        Ok(())
    }
}

elements! {
    CompoundEncoder<'_, '_>, Error, item:
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field,
}
fields!(CompoundEncoder<'_, '_>, Error);
