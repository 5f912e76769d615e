//! Numbers as they lie in memory, known by the type of what holds them.
//!
//! serde hands over a container number by number, which is ten times slower than memory. What it does
//! say is the *type* that a serializer is called with, and that is enough: `&Vec<f64>` is that and
//! nothing else. Here such types are recognised, for the codec and for keys.

#[cfg(feature = "ndarray")]
pub(crate) mod arrays;
pub(crate) mod containers;
pub(crate) mod nan;
pub(crate) mod number;
#[cfg(feature = "ndarray")]
pub(crate) mod strided;
