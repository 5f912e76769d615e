//! serde's data model in the canonical encoding.

use serde::Serialize;
use serde::ser::Serializer;

use crate::error::{Error, Result};
use crate::format::cbor::limits::HUMAN_READABLE;
use crate::format::numeric::containers;
use crate::key::canonical::compound::CompoundEncoder;
use crate::key::canonical::encoder::{CanonicalEncoder, MapOrder};
use crate::key::canonical::hash_buffer::{HashBuffer, Tag};
use crate::key::canonical::hash_containers;
use crate::key::canonical::keyed_by_digest::ByDigest;
use crate::key::canonical::map_encoder::MapEncoder;
use crate::key::canonical::number_slices::{Numbers, canonical_f32, canonical_f64};
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
    type SerializeSeq = CompoundEncoder<'c, 's>;
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

    /// Left out, as in the data: the type itself is the function's affair, see `function.rs`.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<()> {
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

    fn serialize_seq(self, _: Option<usize>) -> Result<CompoundEncoder<'c, 's>> {
        CompoundEncoder::begin(self, Tag::Seq, None)
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

    fn serialize_map(self, len: Option<usize>) -> Result<MapEncoder<'c, 's>> {
        if self.order == MapOrder::Meant && len.is_some() {
            return Ok(MapEncoder::Ordered(CompoundEncoder::begin(self, Tag::Map, None)?));
        }
        self.enter()?;
        Ok(MapEncoder::Unordered { canonical: self, pair: HashBuffer::new(), digests: Vec::new() })
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
        if hash_containers::is_set::<I>() {
            self.enter()?;
            let digests = digests(iter, fetch, self.order, self.depth)?;
            self.leave();
            self.unordered(Tag::UnorderedSeq, &digests);
            return Ok(());
        }
        if let Some((number, bytes)) = containers::numbers(&iter)
            && !bytes.is_empty()
        {
            return self.numbers(&Numbers::in_order(number, bytes));
        }
        if let Some(bools @ [_, ..]) = containers::slice::<I, bool>(&iter) {
            return self.numbers(&Numbers::bools(bools));
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
        if self.order == MapOrder::Ignored || hash_containers::is_map::<I>() {
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
