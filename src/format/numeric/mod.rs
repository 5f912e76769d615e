//! Recognises numbers in memory by the type of their container.
//!
//! serde passes a container number by number, which is ten times slower than a copy of its memory. But serde also
//! passes the *type* of the container to the serializer. That is enough: a `&Vec<f64>` can be nothing else. The encoder
//! and the keys use these functions.
//!
//! In reading order: `number` (the kinds of numbers), `containers` (slices and vectors), `arrays` and `strided` (arrays
//! of ndarray), `nan` (finds NaN, for keys).

#[cfg(feature = "ndarray")]
pub(crate) mod arrays;
pub(crate) mod containers;
pub(crate) mod nan;
pub(crate) mod number;
#[cfg(feature = "ndarray")]
pub(crate) mod strided;
