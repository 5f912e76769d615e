//! Fast paths for numbers whose static type is known: writes single numbers, and reads whole vectors at once.
//!
//! When reading, the type of the visitor decides. serde's own visitor for `Vec<f64>` only collects the numbers of a
//! sequence; any other visitor may do something else with them. [`Probe`] finds out the type of serde's visitor.
#![expect(unsafe_code, reason = "a value whose type is known to be another one is used as that one")]

use std::any::TypeId;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::error::Result;
use crate::format::cbor::read_vec;
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::writer::ByteWriter;
use crate::format::numeric::containers::AS_IN_MEMORY;
use crate::format::numeric::number::{Number, with_numbers};
use crate::sys::fork::once::Once;

/// Writes `value` if [`number`](crate::format::numeric::number) recognises its type as a number. Returns whether it
/// did.
#[inline]
pub(super) fn write<T: ?Sized>(value: &T, output: &mut ByteWriter<'_>) -> Result<bool> {
    let id = typeid::of::<T>();
    let pointer = std::ptr::from_ref(value);
    macro_rules! look {
        ($($number:ident: $type:ty,)*) => {$(
            if id == typeid::of::<$type>() {
                // SAFETY: `T` is this type.
                return unsafe { *pointer.cast::<$type>() }.write(output).map(|()| true);
            }
            if id == typeid::of::<&$type>() {
                // SAFETY: `T` is a reference to this type.
                return unsafe { **pointer.cast::<&$type>() }.write(output).map(|()| true);
            }
        )*};
    }
    with_numbers!(look);
    Ok(false)
}

/// A number that can be written in little-endian order.
trait Write: Copy {
    fn write(self, output: &mut ByteWriter<'_>) -> Result<()>;
}

macro_rules! write {
    ($($type:ty $(as $wide:ty)?),*) => {$(
        impl Write for $type {
            #[inline]
            fn write(self, output: &mut ByteWriter<'_>) -> Result<()> {
                output.write(&(self $(as $wide)?).to_le_bytes())
            }
        }
    )*};
}

// serde writes `usize` and `isize` as 64 bits on every platform.
write!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64, usize as u64, isize as i64);

#[cfg(feature = "num-complex")]
impl<T: Write> Write for num_complex::Complex<T> {
    #[inline]
    fn write(self, output: &mut ByteWriter<'_>) -> Result<()> {
        self.re.write(output)?;
        self.im.write(output)
    }
}

/// Reads `count` numbers of this kind, if the visitor is serde's own for a `Vec` of that type; else returns `None`.
#[inline]
pub(super) fn read<'de, V: Visitor<'de>>(
    number: Number,
    count: u64,
    input: &mut ByteReader<'_>,
) -> Option<Result<V::Value>> {
    if !AS_IN_MEMORY {
        return None;
    }
    macro_rules! look {
        ($($number:ident: $type:ty,)*) => {$(
            if number == Number::$number && typeid::of::<V::Value>() == typeid::of::<Vec<$type>>() {
                static VISITOR: Once<TypeId> = Once::new();
                if typeid::of::<V>() == *VISITOR.get_or_init(visitor_of_vector::<$type>) {
                    return Some(read_vec::read::<$type>(input, count).map(known));
                }
            }
        )*};
    }
    with_numbers!(look);
    None
}

/// Reads `count` booleans, if the visitor is serde's own for `Vec<bool>`; else returns `None`.
#[inline]
pub(super) fn read_bools<'de, V: Visitor<'de>>(count: u64, input: &mut ByteReader<'_>) -> Option<Result<V::Value>> {
    static VISITOR: Once<TypeId> = Once::new();
    if typeid::of::<V::Value>() == typeid::of::<Vec<bool>>()
        && typeid::of::<V>() == *VISITOR.get_or_init(visitor_of_vector::<bool>)
    {
        return Some(read_vec::read_bools(input, count).map(known));
    }
    None
}

/// Returns `value` as type `U`, which must be `Vec<T>`.
///
/// # Panics
/// If `U` is another type.
fn known<T: 'static, U>(value: Vec<T>) -> U {
    assert!(typeid::of::<U>() == typeid::of::<Vec<T>>(), "the caller has compared the types");
    let value = std::mem::ManuallyDrop::new(value);
    // SAFETY: `U` is `Vec<T>`: the type ids are equal, and `T: 'static` leaves no lifetime in which they could differ.
    // The value has one owner only, because `ManuallyDrop` forgets the first.
    unsafe { std::ptr::from_ref(&value).cast::<U>().read() }
}

/// Returns the type of serde's visitor for `Vec<T>`.
fn visitor_of_vector<'de, T: Deserialize<'de> + 'static>() -> TypeId {
    visitor_of::<Vec<T>>()
}

/// Returns the type of the visitor with which `T` asks for a sequence, a string or bytes.
pub(super) fn visitor_of<'de, T: Deserialize<'de>>() -> TypeId {
    match T::deserialize(Probe) {
        Err(Found(Some(visitor))) => visitor,
        // It asks for something else. No visitor has this type, so there is no fast path.
        _ => TypeId::of::<Probe>(),
    }
}

/// A deserializer that fails with the type of the visitor it receives.
struct Probe;

/// Error of [`Probe`]: the type of the visitor.
#[derive(Debug)]
struct Found(Option<TypeId>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type was looked for")
    }
}

impl std::error::Error for Found {}

impl serde::de::Error for Found {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Found(None)
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Found;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(None))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(Some(typeid::of::<V>())))
    }

    fn deserialize_str<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(Some(typeid::of::<V>())))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(Some(typeid::of::<V>())))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char string byte_buf option unit unit_struct
        newtype_struct tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::cbor::slice::{from_slice, to_vec};

    /// A vector that grew number by number has spare capacity. One that was read at once has none.
    #[test]
    fn visitors_are_recognised() {
        if !AS_IN_MEMORY {
            return;
        }
        let floats = vec![1.5; 300_001];
        let back: Vec<f64> = from_slice(&to_vec(&floats).unwrap()).unwrap();
        assert_eq!((back.len(), back.capacity()), (300_001, 300_001));

        let bools = vec![true; 300_001];
        let back: Vec<bool> = from_slice(&to_vec(&bools).unwrap()).unwrap();
        assert_eq!((back.len(), back.capacity()), (300_001, 300_001));
    }
}
