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

/// How an `ndarray` array begins, before its shape.
const ARRAY: &str = "Array{v: 1, dim: ";

/// Returns the beginning of a value in the style of `Debug`: `[1.0, 2.0]`. Long lists of numbers begin with their type
/// and length, arrays of `ndarray` with their type and shape: `f64 1797×64 [0.0, 0.0, 5.0, …]`.
pub(crate) fn preview<T: Serialize + ?Sized>(value: &T) -> String {
    let mut preview = Preview { text: String::new(), depth: 0, number: None, shape: None };
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
    /// The type of the last number, and its depth.
    number: Option<(&'static str, usize)>,
    /// The shape of the array whose elements follow.
    shape: Option<String>,
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

    fn number(&mut self, type_name: &'static str, text: impl fmt::Display) -> Result<(), Stop> {
        self.number = Some((type_name, self.depth));
        self.put(text)
    }

    fn open(&mut self, text: &str, bracket: char, close: char) -> Result<List<'_>, Stop> {
        let start = self.text.len();
        self.put(format_args!("{text}{bracket}"))?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Stop);
        }
        Ok(List { preview: self, close: Some(close), count: 0, start, has_shape: false })
    }
}

/// A container whose elements follow.
struct List<'p> {
    preview: &'p mut Preview,
    /// `None` if it is closed already.
    close: Option<char>,
    count: usize,
    /// Where its text begins.
    start: usize,
    /// Whether its text begins with a shape, and the type of its elements belongs before that.
    has_shape: bool,
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
        if !self.has_shape || self.count > 1 {
            return value.serialize(&mut *self.preview);
        }
        self.preview.number = None;
        value.serialize(&mut *self.preview)?;
        // A number that is deeper is only a part of the element.
        if let Some((type_name, depth)) = self.preview.number
            && depth == self.preview.depth
        {
            self.preview.text.insert_str(self.start, &format!("{type_name} "));
        }
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Stop> {
        if name == "data"
            && let Some(shape) = self.preview.text[self.start..].strip_prefix(ARRAY)
        {
            let shape = shape.trim_matches(['(', ')', '[', ']']).replace(", ", "×");
            return self.array(shape, value);
        }
        self.next()?;
        self.preview.put(format_args!("{name}: "))?;
        value.serialize(&mut *self.preview)
    }

    /// Replaces the fields of an `ndarray` array by its shape and the first elements.
    fn array<T: Serialize + ?Sized>(&mut self, shape: String, elements: &T) -> Result<(), Stop> {
        let preview = &mut *self.preview;
        preview.text.truncate(self.start);
        preview.shape = Some(if shape.contains('×') || shape.is_empty() { shape } else { format!("×{shape}") });
        let depth = preview.depth;
        let shown = elements.serialize(&mut *preview);
        self.close = None;
        // `ndarray` passes on that no more elements are shown. What follows the array may still fit.
        if shown.is_err() && preview.text.len() <= LONGEST && preview.text.ends_with(", ") {
            preview.depth = depth;
            return preview.put("…]");
        }
        shown
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
        self.close.map_or(Ok(()), |close| self.preview.put(close))
    }
}

macro_rules! integers {
    ($($method:ident $type:ident),*) => {$(
        fn $method(self, value: $type) -> Result<(), Stop> {
            self.number(stringify!($type), value)
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

    fn serialize_bool(self, value: bool) -> Result<(), Stop> {
        self.put(value)
    }

    integers! {
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64,
        serialize_u128 u128, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_i128 i128
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.number("f32", format_args!("{value:?}"))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        self.number("f64", format_args!("{value:?}"))
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
        let shape = self.shape.take().or_else(|| len.filter(|len| *len > MOST_ELEMENTS).map(|len| format!("×{len}")));
        let Some(shape) = shape else { return self.open("", '[', ']') };
        let text = if shape.is_empty() { shape } else { shape + " " };
        let list = self.open(&text, '[', ']')?;
        Ok(List { has_shape: true, ..list })
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
        assert_eq!(preview(&vec![0_u8; 1000]), "u8 ×1000 [0, 0, 0, 0, 0, 0, …]");
        assert_eq!(preview(&vec![true; 7]), "×7 [true, true, true, true, true, true, …]");
        assert_eq!(preview(&vec![Some(1.5); 7]), format!("×7 [{}…]", "Some(1.5), ".repeat(6)));
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
    #[cfg(feature = "ndarray")]
    #[test]
    fn an_array_is_shown_by_type_and_shape() {
        use ndarray::{Array, Array0, Array1, Array2, ArrayD, IxDyn};

        let images = Array2::<f64>::zeros((1797, 64));
        assert_eq!(preview(&images), "f64 1797×64 [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, …]");
        assert_eq!(preview(&images.view().t()), "f64 64×1797 [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, …]");
        assert_eq!(preview(&Array::<u8, _>::ones((1, 2, 1))), "u8 1×2×1 [1, 1]");
        assert_eq!(preview(&ArrayD::<i64>::zeros(IxDyn(&[2, 1]))), "i64 2×1 [0, 0]");
        assert_eq!(preview(&Array1::from(vec![1.5_f32, 2.0])), "f32 ×2 [1.5, 2.0]");
        assert_eq!(preview(&Array0::from_elem((), 7_u16)), "u16 [7]");
        assert_eq!(preview(&Array2::<f64>::zeros((0, 3))), "0×3 []");
        assert_eq!(preview(&Array1::from(vec!["a", "b"])), r#"×2 ["a", "b"]"#);
        assert_eq!(preview(&Array1::from(vec![(1, 2.0)])), "×1 [(1, 2.0)]");
    }

    /// What follows an array is shown as well.
    #[cfg(feature = "ndarray")]
    #[test]
    fn an_array_within_a_value_does_not_end_the_preview() {
        use ndarray::Array2;

        let many = "f64 9×9 [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, …]";
        let value = (Some(Array2::<f64>::zeros((9, 9))), vec![Array2::<i8>::ones((1, 1))], "end");
        assert_eq!(preview(&value), format!(r#"(Some({many}), [i8 1×1 [1]], "end")"#));
        assert!(preview(&vec![Array2::<f64>::zeros((9, 9)); 1000]).starts_with(&format!("×1000 [{many}, {many}")));
    }

    /// A type that looks like an array only at first.
    #[test]
    fn a_struct_that_is_called_array_is_shown_with_its_fields() {
        #[derive(Serialize)]
        struct Array {
            v: u8,
            data: u8,
            dim: [u8; 2],
        }
        assert_eq!(preview(&Array { v: 1, data: 2, dim: [3, 4] }), "Array{v: 1, data: 2, dim: (3, 4)}");
    }
}
