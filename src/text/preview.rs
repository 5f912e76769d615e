//! Shows the beginning of a value as text. Length and time are bounded, however large the value is.

use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::ser::{Error as _, SerializeMap, Serializer};

use crate::text::serde_traits::{elements, fields};

/// Longest preview in bytes, before it is cut.
const LONGEST: usize = 120;

/// How many elements of each container are shown.
const MOST_ELEMENTS: usize = 6;

/// How many levels of nesting are shown.
const DEEPEST: usize = 6;

/// Returns the beginning of a value in the style of `Debug`: `[1.0, 2.0, …]`.
pub(crate) fn preview<T: Serialize + ?Sized>(value: &T) -> String {
    let mut preview = Preview { text: String::new(), depth: 0 };
    // A full preview is an error, so that the value's `Serialize` stops at once.
    let shown = catch_unwind(AssertUnwindSafe(|| value.serialize(&mut preview)));
    if !matches!(shown, Ok(Ok(()))) || preview.text.len() > LONGEST {
        preview.text.truncate(shorten(&preview.text, LONGEST).len());
        preview.text.push('…');
    }
    preview.text
}

/// Returns the longest start of `text` that has at most `limit` bytes.
pub(crate) fn shorten(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

struct Preview {
    text: String,
    depth: usize,
}

/// The preview is full, or the value's own `Serialize` failed.
#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the preview is complete")
    }
}

impl std::error::Error for Stop {}

impl serde::ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Stop
    }
}

impl Preview {
    fn put(&mut self, text: impl fmt::Display) -> Result<(), Stop> {
        write!(self.text, "{text}").map_err(Stop::custom)?;
        if self.text.len() > LONGEST { Err(Stop) } else { Ok(()) }
    }

    /// Writes quoted text, and reads no more of it than fits.
    fn quote(&mut self, text: &str) -> Result<(), Stop> {
        let start = shorten(text, LONGEST);
        self.put(format_args!("{start:?}"))?;
        if start.len() < text.len() { Err(Stop) } else { Ok(()) }
    }

    fn open(&mut self, text: &str, bracket: char, close: char) -> Result<List<'_>, Stop> {
        self.put(format_args!("{text}{bracket}"))?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Stop);
        }
        Ok(List { preview: self, close, count: 0 })
    }
}

/// A container whose elements follow.
struct List<'p> {
    preview: &'p mut Preview,
    close: char,
    count: usize,
}

impl List<'_> {
    /// Begins the next element. Stops after the last one that is shown, because there may be millions.
    fn next(&mut self) -> Result<(), Stop> {
        self.count += 1;
        if self.count > 1 {
            self.preview.put(", ")?;
        }
        if self.count > MOST_ELEMENTS { Err(Stop) } else { Ok(()) }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.next()?;
        value.serialize(&mut *self.preview)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Stop> {
        self.next()?;
        self.preview.put(format_args!("{name}: "))?;
        value.serialize(&mut *self.preview)
    }

    fn finish(self) -> Result<(), Stop> {
        self.cut(false)
    }

    /// Ends the list. `more` says that some elements are not shown.
    fn cut(self, more: bool) -> Result<(), Stop> {
        if more {
            self.preview.put(", …")?;
        }
        self.preview.depth -= 1;
        self.preview.put(self.close)
    }
}

macro_rules! display {
    ($($method:ident $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result<(), Stop> {
            self.put(value)
        }
    )*};
}

impl<'p> Serializer for &'p mut Preview {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = List<'p>;
    type SerializeTuple = List<'p>;
    type SerializeTupleStruct = List<'p>;
    type SerializeTupleVariant = List<'p>;
    type SerializeMap = List<'p>;
    type SerializeStruct = List<'p>;
    type SerializeStructVariant = List<'p>;

    display! {
        serialize_bool bool, serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64,
        serialize_u128 u128, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_i128 i128
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.put(format_args!("{value:?}"))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        self.put(format_args!("{value:?}"))
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.put(format_args!("{value:?}"))
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        self.quote(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Stop> {
        self.put(format_args!("{} bytes", value.len()))
    }

    fn serialize_none(self) -> Result<(), Stop> {
        self.put("None")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        let mut list = self.open("Some", '(', ')')?;
        list.element(value)?;
        list.finish()
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        self.put("()")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Stop> {
        self.put(name)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Stop> {
        self.put(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Stop> {
        let mut list = self.open(name, '(', ')')?;
        list.element(value)?;
        list.finish()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let mut list = self.open(variant, '(', ')')?;
        list.element(value)?;
        list.finish()
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List<'p>, Stop> {
        // Show the length of a container whose elements are cut.
        if let Some(len) = len
            && len > MOST_ELEMENTS
        {
            self.put(format_args!("{len} × "))?;
        }
        self.open("", '[', ']')
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'p>, Stop> {
        self.open("", '(', ')')
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<List<'p>, Stop> {
        self.open(name, '(', ')')
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'p>, Stop> {
        self.open(variant, '(', ')')
    }

    fn serialize_map(self, _: Option<usize>) -> Result<List<'p>, Stop> {
        self.open("", '{', '}')
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<List<'p>, Stop> {
        self.open(name, '{', '}')
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'p>, Stop> {
        self.open(variant, '{', '}')
    }

    fn collect_seq<I>(self, iter: I) -> Result<(), Stop>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        let mut iter = iter.into_iter();
        let mut list = self.serialize_seq(iter.size_hint().1)?;
        for value in iter.by_ref().take(MOST_ELEMENTS) {
            list.element(&value)?;
        }
        list.cut(iter.next().is_some())
    }

    fn collect_map<K, V, I>(self, iter: I) -> Result<(), Stop>
    where
        K: Serialize,
        V: Serialize,
        I: IntoIterator<Item = (K, V)>,
    {
        let mut iter = iter.into_iter();
        let mut list = self.open("", '{', '}')?;
        for (key, value) in iter.by_ref().take(MOST_ELEMENTS) {
            list.element(&key)?;
            list.preview.put(": ")?;
            value.serialize(&mut *list.preview)?;
        }
        list.cut(iter.next().is_some())
    }
}

elements! {
    List<'_>, Stop, element:
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field,
}
fields!(List<'_>, Stop);

impl SerializeMap for List<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.preview.put(": ")?;
        value.serialize(&mut *self.preview)
    }

    fn end(self) -> Result<(), Stop> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_beginning_of_a_value() {
        assert_eq!(preview(&(1, 2.5, "three")), r#"(1, 2.5, "three")"#);
        assert_eq!(preview(&vec![Some(1), None]), "[Some(1), None]");
        assert_eq!(preview(&vec![0_u8; 1000]), "1000 × [0, 0, 0, 0, 0, 0, …]");
        assert!(preview(&"long ".repeat(1000)).ends_with('…'));
        assert!(preview(&vec!["x".repeat(1000); 1000]).len() <= LONGEST + '…'.len_utf8());
    }

    /// A sequence that would never end if it were read completely.
    #[test]
    fn stops_when_the_preview_is_full() {
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(std::iter::repeat(1))
            }
        }
        assert_eq!(preview(&Endless), "[1, 1, 1, 1, 1, 1, …]");
    }
}
