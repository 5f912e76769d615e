//! The canonical encoding of serde values. It is only ever hashed, never read.
//!
//! What makes it injective is that it can be parsed from its end: every item is its content, then
//! its length where that is not fixed, then a tag. Lengths behind the content mean that nothing
//! needs to be known in advance, so the encoding streams in constant memory. DESIGN.md has the
//! grammar and the proof.

pub(crate) mod compound;
pub(crate) mod encode;
pub(crate) mod encoder;
pub(crate) mod hash_buffer;
pub(crate) mod hash_containers;
pub(crate) mod keyed_by_digest;
pub(crate) mod map_encoder;
pub(crate) mod number_slices;
pub(crate) mod serializer;
