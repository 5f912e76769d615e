//! Encodes values as CBOR ([RFC 8949]) with typed arrays ([RFC 8746]) and a tag for `Some`.
//!
//! The encoding is self-describing, so that `flatten`, untagged and internally tagged enums work, and any CBOR reader
//! can read it. Values that Rust distinguishes stay distinct: `None`, `Some(None)` and `()` have three encodings.
//! `docs/design/formats.md` lists every byte.
//!
//! In reading order:
//!
//! | file | content |
//! |---|---|
//! | `wire`, `head`, `limits` | bytes of heads, tags, and limits |
//! | `writer`, `reader`, `strings`, `checksum` | byte streams with a checksum |
//! | `encoder`, `encode`, `sequence` | serde's `Serializer` |
//! | `decoder`, `decode`, `items`, `number_items`, `lent` | serde's `Deserializer` |
//! | `typed_array`, `number_slices`, `read_vec`, `parallel_read`, `array_view` | fast paths for arrays of numbers |
//! | `find`, `array_shape`, `located` | arrays in place, for memory maps |
//! | `skip`, `copy` | values without their types |
//! | `slice` | values in memory, without an envelope |
//!
//! [RFC 8949]: https://www.rfc-editor.org/rfc/rfc8949
//! [RFC 8746]: https://www.rfc-editor.org/rfc/rfc8746

#[cfg(feature = "ndarray")]
pub(crate) mod array_shape;
#[cfg(feature = "ndarray")]
pub(crate) mod array_view;
pub(crate) mod checksum;
pub(crate) mod copy;
pub(crate) mod decode;
pub(crate) mod decoder;
pub(crate) mod encode;
pub(crate) mod encoder;
pub(crate) mod find;
pub(crate) mod head;
pub(crate) mod items;
pub(crate) mod lent;
pub(crate) mod limits;
pub(crate) mod located;
pub(crate) mod number_items;
pub(crate) mod number_slices;
pub(crate) mod parallel_read;
pub(crate) mod read_vec;
pub(crate) mod reader;
pub(crate) mod sequence;
pub(crate) mod skip;
pub(crate) mod slice;
pub(crate) mod strings;
pub(crate) mod typed_array;
pub(crate) mod wire;
pub(crate) mod writer;
