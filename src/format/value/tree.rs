//! `Value`: a stored value as a tree.

use serde::Serialize;

/// A stored value as any program can see it, without its Rust type. [`Entry::value`](crate::Entry::value) returns it.
///
/// As text (`Display`), it looks like the output of Rust's `Debug`. As JSON (`Serialize`):
///
/// * `()`, `None` and NaN become `null`; `Some(x)` becomes `x`.
/// * Infinities and integers beyond 64 bits become strings.
/// * Structs are maps. A map with a key that is not a string, a character, a boolean or an integer becomes a list of
///   pairs.
/// * An enum's variant is its name, or a map from its name to its content.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `()`, or a struct without fields.
    Unit,
    /// `None`.
    None,
    /// `Some`.
    Some(Box<Value>),
    /// A boolean.
    Bool(bool),
    /// An integer that is not negative.
    Unsigned(u128),
    /// A negative integer.
    Negative(i128),
    /// A 32-bit float.
    F32(f32),
    /// A 64-bit float.
    F64(f64),
    /// A character.
    Char(char),
    /// A string, or its beginning.
    #[non_exhaustive]
    Text {
        /// The part that was read.
        text: String,
        /// Number of bytes left out.
        omitted: u64,
    },
    /// Bytes, or their beginning.
    #[non_exhaustive]
    Bytes {
        /// The part that was read.
        bytes: Vec<u8>,
        /// Number of bytes left out.
        omitted: u64,
    },
    /// A sequence or tuple, or its beginning.
    #[non_exhaustive]
    Seq {
        /// The elements that were read.
        items: Vec<Value>,
        /// Number of elements left out.
        omitted: u64,
    },
    /// A struct, a map, or an enum variant with content; or the beginning of one.
    #[non_exhaustive]
    Map {
        /// The pairs that were read.
        pairs: Vec<(Value, Value)>,
        /// Number of pairs left out.
        omitted: u64,
    },
    /// An array of numbers.
    Numbers(Box<NumberArray>),
}

/// Summary of an array of numbers, and some of its elements.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NumberArray {
    /// Name of the elements' Rust type.
    pub kind: &'static str,
    /// Lengths of the axes. One axis, unless it is an array of `ndarray`.
    pub shape: Vec<u64>,
    /// The smallest element; `None` if there is none, or if the elements are complex. Ignores NaN.
    pub min: Option<f64>,
    /// The mean; `None` as for `min`. Ignores NaN.
    pub mean: Option<f64>,
    /// The largest element; `None` as for `min`. Ignores NaN.
    pub max: Option<f64>,
    /// Number of elements that are NaN. Always 0 for complex elements.
    pub nan: u64,
    /// Whether `corner` holds all elements.
    pub whole: bool,
    /// The elements, nested like the array. Of a large array, only those with the smallest indices on every axis.
    pub corner: Value,
}
