//! Values as bytes: CBOR ([RFC 8949]) with typed arrays ([RFC 8746]) and a tag for `Some`.
//!
//! The encoding is self-describing, so that `flatten`, untagged and internally tagged enums work,
//! and any CBOR reader can look in. What Rust can tell apart stays apart: `None`, `Some(None)` and
//! `()` are three things. DESIGN.md lists every byte.
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
