//! `Value`: a stored value as a tree.

use serde::Serialize;

/// A stored value as any program can see it: what [`Entry::value`](crate::Entry::value) gives.
///
/// As text (`Display`), in the manner of Rust's `Debug`. As JSON (`Serialize`), `()`, `None` and NaN become `null`,
/// infinities texts, `Some(x)` becomes `x`, a map whose keys are no texts or numbers a list of pairs, and integers beyond
/// 64 bits texts. Structs are maps; an enum's variant is its name, or a map from its name to what it holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `()`, or a struct without fields.
    Unit,
    /// `None`.
    None,
    /// `Some`.
    Some(Box<Value>),
    /// A truth value.
    Bool(bool),
    /// An integer that is not negative.
    Unsigned(u128),
    /// A negative integer.
    Negative(i128),
    /// A float of 32 bits.
    F32(f32),
    /// A float of 64 bits.
    F64(f64),
    /// A character.
    Char(char),
    /// A text, or its beginning.
    #[non_exhaustive]
    Text {
        /// What was read.
        text: String,
        /// Bytes that were left out.
        omitted: u64,
    },
    /// Bytes, or their beginning.
    #[non_exhaustive]
    Bytes {
        /// What was read.
        bytes: Vec<u8>,
        /// Bytes that were left out.
        omitted: u64,
    },
    /// A sequence or tuple, or its beginning.
    #[non_exhaustive]
    Seq {
        /// What was read.
        items: Vec<Value>,
        /// Elements that were left out.
        omitted: u64,
    },
    /// A struct, a map or a variant that holds something; or the beginning.
    #[non_exhaustive]
    Map {
        /// What was read.
        pairs: Vec<(Value, Value)>,
        /// Pairs that were left out.
        omitted: u64,
    },
    /// An array of numbers.
    Numbers(Box<NumberArray>),
}

/// What an array of numbers is like, and some of its elements.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NumberArray {
    /// The type of the elements, as Rust calls it.
    pub kind: &'static str,
    /// The lengths of the axes; one, unless it is an array of `ndarray`.
    pub shape: Vec<u64>,
    /// The least element; `None` if there is none, or they are complex.
    pub min: Option<f64>,
    /// The mean; `None` as for `min`. NaN is left out of all three.
    pub mean: Option<f64>,
    /// The greatest element; `None` as for `min`.
    pub max: Option<f64>,
    /// How many are NaN.
    pub nan: u64,
    /// Whether `corner` is all there is.
    pub whole: bool,
    /// The elements; of a large array, those in the corner where all indices are least. Nested as the array is.
    pub corner: Value,
}
