//! Implements serde's `Serializer` for the canonical encoding.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::error::{Error, Result};
use crate::format::cbor::limits::HUMAN_READABLE;
use crate::format::numeric::containers;
use crate::key::canonical::compound::CompoundEncoder;
use crate::key::canonical::encode::encode_nested;
use crate::key::canonical::encoder::CanonicalEncoder;
use crate::key::canonical::hash_buffer::Tag;
use crate::key::canonical::hash_containers::ItemOrder;
use crate::key::canonical::keyed_by_digest::ByDigest;
use crate::key::canonical::map_encoder::MapEncoder;
use crate::key::canonical::map_order::MapOrder;
use crate::key::canonical::number_slices::{Numbers, canonical_f32, canonical_f64};
use crate::key::canonical::seq_encoder::SeqEncoder;
use crate::key::canonical::unordered::is_unordered;
use crate::key::hashing::item_hashes::digests;
use crate::key::hashing::prefetch::fetch;

macro_rules! scalars {
    ($($method:ident $type:ty => $tag:ident),* $(,)?) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<()> {
            self.scalar(Tag::$tag, value.to_le_bytes());
            Ok(())
        }
    )*};
}

impl<'c, 's> Serializer for &'c mut CanonicalEncoder<'s> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = SeqEncoder<'c, 's>;
    type SerializeTuple = CompoundEncoder<'c, 's>;
    type SerializeTupleStruct = CompoundEncoder<'c, 's>;
    type SerializeTupleVariant = CompoundEncoder<'c, 's>;
    type SerializeMap = MapEncoder<'c, 's>;
    type SerializeStruct = CompoundEncoder<'c, 's>;
    type SerializeStructVariant = CompoundEncoder<'c, 's>;

    fn is_human_readable(&self) -> bool {
        HUMAN_READABLE
    }

    scalars! {
        serialize_u8 u8 => U8, serialize_u16 u16 => U16, serialize_u32 u32 => U32,
        serialize_u64 u64 => U64, serialize_u128 u128 => U128, serialize_i8 i8 => I8,
        serialize_i16 i16 => I16, serialize_i32 i32 => I32, serialize_i64 i64 => I64,
        serialize_i128 i128 => I128,
    }

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.scalar(Tag::Bool, [u8::from(value)]);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.scalar(Tag::Char, u32::from(value).to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<()> {
        self.scalar(Tag::F32, canonical_f32(value).to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<()> {
        self.scalar(Tag::F64, canonical_f64(value).to_le_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        self.bytes(Tag::Str, value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        self.bytes(Tag::Bytes, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<()> {
        self.empty(Tag::None);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        self.nested(value)?;
        self.buffer.tag(Tag::Some);
        Ok(())
    }

    fn serialize_unit(self) -> Result<()> {
        self.empty(Tag::Unit);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.end_run();
        self.buffer.text(variant);
        self.buffer.tag(Tag::UnitVariant);
        Ok(())
    }

    /// A newtype adds nothing, as in stored data. The types of parameters belong to the function, see
    /// `function_key.rs`.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<()> {
        if is_unordered(name) {
            self.end_run();
            return encode_nested(value, self.buffer, &MapOrder::ignored(), self.depth);
        }
        self.value(value)?;
        if let Some(kind) = ByDigest::named(name) {
            self.end_run();
            self.buffer.tag(kind.tag());
        }
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.nested(value)?;
        self.buffer.text(variant);
        self.buffer.tag(Tag::NewtypeVariant);
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<SeqEncoder<'c, 's>> {
        match self.order.of_container(self.container) {
            _ if self.order.is_none() => SeqEncoder::unordered(self),
            ItemOrder::Arbitrary => SeqEncoder::unordered(self),
            ItemOrder::Meant | ItemOrder::Unknown => SeqEncoder::ordered(self),
        }
    }

    fn serialize_tuple(self, _: usize) -> Result<CompoundEncoder<'c, 's>> {
        CompoundEncoder::begin(self, Tag::Tuple, None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<CompoundEncoder<'c, 's>> {
        CompoundEncoder::begin(self, Tag::Tuple, None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<CompoundEncoder<'c, 's>> {
        CompoundEncoder::begin(self, Tag::TupleVariant, Some(variant))
    }

    /// Without a length, the entries are those of a struct with `flatten`: its fields, and what is flattened into it.
    fn serialize_map(self, len: Option<usize>) -> Result<MapEncoder<'c, 's>> {
        let known = if len.is_some() { self.order.of_container(self.container) } else { ItemOrder::Unknown };
        match known {
            ItemOrder::Arbitrary => MapEncoder::unordered(self),
            ItemOrder::Meant if self.order.is_ignored() => MapEncoder::unordered(self),
            ItemOrder::Meant => MapEncoder::ordered(self),
            ItemOrder::Unknown => MapEncoder::unknown(self, len.is_none()),
        }
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<CompoundEncoder<'c, 's>> {
        CompoundEncoder::begin(self, Tag::Struct, None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<CompoundEncoder<'c, 's>> {
        CompoundEncoder::begin(self, Tag::StructVariant, Some(variant))
    }

    fn collect_seq<I>(self, iter: I) -> Result<()>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        if self.order.is_none() {
            return self.unordered_seq(iter);
        }
        if let Some((number, bytes)) = containers::numbers(&iter)
            && !bytes.is_empty()
        {
            return self.numbers(&Numbers::in_order(number, bytes));
        }
        if let Some(bools @ [_, ..]) = containers::slice::<I, bool>(&iter) {
            return self.numbers(&Numbers::bools(bools));
        }
        if self.order.of::<I>(self.container) == ItemOrder::Arbitrary {
            return self.unordered_seq(iter);
        }
        let mut items = CompoundEncoder::begin(self, Tag::Seq, None)?;
        for value in iter {
            items.item(&value)?;
        }
        items.finish()
    }

    fn collect_map<K, V, I>(self, iter: I) -> Result<()>
    where
        K: Serialize,
        V: Serialize,
        I: IntoIterator<Item = (K, V)>,
    {
        let order = self.order.of::<I>(self.container);
        if order == ItemOrder::Unknown {
            let mut map = MapEncoder::unknown(self, false)?;
            iter.into_iter().try_for_each(|(key, value)| map.serialize_entry(&key, &value))?;
            return map.end();
        }
        if order == ItemOrder::Arbitrary || self.order.is_ignored() {
            self.enter()?;
            let fetch = |(key, value): &(K, V)| {
                fetch(key);
                fetch(value);
            };
            let digests = digests(iter, fetch, self.order, self.depth)?;
            self.leave();
            self.unordered(Tag::UnorderedMap, &digests);
            return Ok(());
        }
        let mut items = CompoundEncoder::begin(self, Tag::Map, None)?;
        for (key, value) in iter {
            items.item(&key)?;
            items.canonical.value(&value)?;
        }
        items.finish()
    }
}

impl CanonicalEncoder<'_> {
    fn unordered_seq<I>(&mut self, iter: I) -> Result<()>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        self.enter()?;
        let digests = digests(iter, fetch, self.order, self.depth)?;
        self.leave();
        self.unordered(Tag::UnorderedSeq, &digests);
        Ok(())
    }
}
