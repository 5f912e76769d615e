//! The canonical encoding of serde values. It is only ever hashed, never read.
//!
//! What makes it injective is that it can be parsed from its end: every item is its content, then
//! its length where that is not fixed, then a tag. Lengths behind the content mean that nothing
//! needs to be known in advance, so the encoding streams in constant memory. DESIGN.md has the
//! grammar and the proof.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant, Serializer,
};

use super::sink::{Sink, Tag};
use super::unordered;
use crate::codec::{HUMAN_READABLE, MAX_DEPTH};
use crate::{Error, ErrorKind, Result};

/// Which maps have an order that means something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
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
fn encode_nested<T: Serialize + ?Sized>(value: &T, sink: &mut Sink, order: Order, depth: u32) -> Result<()> {
    let mut canonical = Canonical { sink, order, run: None, depth };
    value.serialize(&mut canonical)?;
    canonical.end_run();
    Ok(())
}

/// The digest of each item's encoding, sorted.
fn digests<T: Serialize>(items: impl IntoIterator<Item = T>, order: Order, depth: u32) -> Result<Vec<[u8; 32]>> {
    let mut sink = Sink::new();
    let mut digests = Vec::new();
    for item in items {
        sink.clear();
        encode_nested(&item, &mut sink, order, depth)?;
        digests.push(*sink.digest().as_bytes());
    }
    digests.sort_unstable();
    Ok(digests)
}

/// The serializer.
struct Canonical<'s> {
    sink: &'s mut Sink,
    order: Order,
    /// Scalars of one kind that follow one another share one length and tag.
    run: Option<(Tag, u64)>,
    depth: u32,
}

impl Canonical<'_> {
    #[inline]
    fn scalar(&mut self, tag: Tag, bytes: &[u8]) {
        match &mut self.run {
            Some((kind, count)) if *kind == tag => *count += 1,
            _ => {
                self.end_run();
                self.run = Some((tag, 1));
            }
        }
        self.sink.write(bytes);
    }

    fn end_run(&mut self) {
        if let Some((tag, count)) = self.run.take() {
            self.sink.length(count);
            self.sink.tag(tag);
        }
    }

    /// An item without content.
    fn empty(&mut self, tag: Tag) {
        self.end_run();
        self.sink.tag(tag);
    }

    fn bytes(&mut self, tag: Tag, bytes: &[u8]) {
        self.end_run();
        self.sink.write(bytes);
        self.sink.length(bytes.len() as u64);
        self.sink.tag(tag);
    }

    fn enter(&mut self) -> Result<()> {
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

    fn leave(&mut self) {
        self.end_run();
        self.depth -= 1;
    }

    /// One item inside of another.
    fn nested<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.enter()?;
        value.serialize(&mut *self)?;
        self.leave();
        Ok(())
    }

    /// The digests of items in an order of their own.
    fn unordered(&mut self, tag: Tag, digests: &[[u8; 32]]) {
        self.sink.write(digests.as_flattened());
        self.sink.length(digests.len() as u64);
        self.sink.tag(tag);
    }
}

/// A sequence, map, struct or variant whose items are coming.
struct Items<'c, 's> {
    canonical: &'c mut Canonical<'s>,
    tag: Tag,
    variant: Option<&'static str>,
    count: u64,
}

impl<'c, 's> Items<'c, 's> {
    fn begin(canonical: &'c mut Canonical<'s>, tag: Tag, variant: Option<&'static str>) -> Result<Self> {
        canonical.enter()?;
        Ok(Items { canonical, tag, variant, count: 0 })
    }

    #[inline]
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.count += 1;
        value.serialize(&mut *self.canonical)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        self.item(value)?;
        self.canonical.bytes(Tag::Str, name.as_bytes());
        Ok(())
    }

    fn finish(self) -> Result<()> {
        self.canonical.leave();
        let sink = &mut self.canonical.sink;
        sink.length(self.count);
        if let Some(variant) = self.variant {
            sink.text(variant);
        }
        sink.tag(self.tag);
        Ok(())
    }
}

macro_rules! scalars {
    ($($method:ident $type:ty => $tag:ident),* $(,)?) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<()> {
            self.scalar(Tag::$tag, &value.to_le_bytes());
            Ok(())
        }
    )*};
}

impl<'c, 's> Serializer for &'c mut Canonical<'s> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'c, 's>;
    type SerializeTuple = Items<'c, 's>;
    type SerializeTupleStruct = Items<'c, 's>;
    type SerializeTupleVariant = Items<'c, 's>;
    type SerializeMap = Pairs<'c, 's>;
    type SerializeStruct = Items<'c, 's>;
    type SerializeStructVariant = Items<'c, 's>;

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
        self.scalar(Tag::Bool, &[u8::from(value)]);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.scalar(Tag::Char, &u32::from(value).to_le_bytes());
        Ok(())
    }

    // By bits, but for NaN: how one came about must not matter.
    #[inline]
    fn serialize_f32(self, value: f32) -> Result<()> {
        let bits = if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() };
        self.scalar(Tag::F32, &bits.to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<()> {
        let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() };
        self.scalar(Tag::F64, &bits.to_le_bytes());
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
        self.sink.tag(Tag::Some);
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
        self.sink.text(variant);
        self.sink.tag(Tag::UnitVariant);
        Ok(())
    }

    /// Left out, as in the data: the type itself is the function's affair, see `function.rs`.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.nested(value)?;
        self.sink.text(variant);
        self.sink.tag(Tag::NewtypeVariant);
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'c, 's>> {
        Items::begin(self, Tag::Seq, None)
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'c, 's>> {
        Items::begin(self, Tag::Tuple, None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'c, 's>> {
        Items::begin(self, Tag::Tuple, None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'c, 's>> {
        Items::begin(self, Tag::TupleVariant, Some(variant))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Pairs<'c, 's>> {
        if self.order == Order::Meant && len.is_some() {
            return Ok(Pairs::Ordered(Items::begin(self, Tag::Map, None)?));
        }
        self.enter()?;
        Ok(Pairs::Unordered { canonical: self, pair: Sink::new(), digests: Vec::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'c, 's>> {
        Items::begin(self, Tag::Struct, None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'c, 's>> {
        Items::begin(self, Tag::StructVariant, Some(variant))
    }

    fn collect_seq<I>(self, iter: I) -> Result<()>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        if unordered::is_set::<I>() {
            self.enter()?;
            let digests = digests(iter, self.order, self.depth)?;
            self.leave();
            self.unordered(Tag::UnorderedSeq, &digests);
            return Ok(());
        }
        let mut items = Items::begin(self, Tag::Seq, None)?;
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
        if self.order == Order::Ignored || unordered::is_map::<I>() {
            self.enter()?;
            let digests = digests(iter, self.order, self.depth)?;
            self.leave();
            self.unordered(Tag::UnorderedMap, &digests);
            return Ok(());
        }
        let mut items = Items::begin(self, Tag::Map, None)?;
        for (key, value) in iter {
            items.item(&key)?;
            value.serialize(&mut *items.canonical)?;
        }
        items.finish()
    }
}

macro_rules! items {
    ($($trait:ident: $method:ident),* $(,)?) => {$(
        impl $trait for Items<'_, '_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.item(value)
            }

            fn end(self) -> Result<()> {
                self.finish()
            }
        }
    )*};
}

items! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field,
}

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl $trait for Items<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
                self.field(name, value)
            }

            fn end(self) -> Result<()> {
                self.finish()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);

/// A map whose pairs are coming one by one, without a container whose type could be looked at.
enum Pairs<'c, 's> {
    Ordered(Items<'c, 's>),
    /// `flatten` gives the entries of a hash map in the order that they happen to have.
    Unordered {
        canonical: &'c mut Canonical<'s>,
        pair: Sink,
        digests: Vec<[u8; 32]>,
    },
}

impl SerializeMap for Pairs<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        match self {
            Pairs::Ordered(items) => items.item(key),
            Pairs::Unordered { canonical, pair, .. } => {
                pair.clear();
                encode_nested(key, pair, canonical.order, canonical.depth)
            }
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match self {
            Pairs::Ordered(items) => value.serialize(&mut *items.canonical),
            Pairs::Unordered { canonical, pair, digests } => {
                encode_nested(value, pair, canonical.order, canonical.depth)?;
                pair.length(2);
                pair.tag(Tag::Tuple);
                digests.push(*pair.digest().as_bytes());
                Ok(())
            }
        }
    }

    fn end(self) -> Result<()> {
        match self {
            Pairs::Ordered(items) => items.finish(),
            Pairs::Unordered { canonical, mut digests, .. } => {
                digests.sort_unstable();
                canonical.leave();
                canonical.unordered(Tag::UnorderedMap, &digests);
                Ok(())
            }
        }
    }
}
