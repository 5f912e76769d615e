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
pub(crate) mod encode;
pub(crate) mod encoder;
pub(crate) mod find;
pub(crate) mod head;
pub(crate) mod in_place;
pub(crate) mod items;
pub(crate) mod number_items;
pub(crate) mod number_slices;
pub(crate) mod parallel_read;
pub(crate) mod read_vec;
pub(crate) mod reader;
pub(crate) mod sequence;
pub(crate) mod skip;
pub(crate) mod strings;
pub(crate) mod typed_array;
pub(crate) mod wire;
pub(crate) mod writer;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::format::cbor::decode::Decoder;
use crate::format::cbor::encoder::Encoder;
use crate::format::cbor::reader::Input;
use crate::format::cbor::writer::Output;

/// Containers (arrays, maps, `Some`, newtypes, payloads of variants) may be nested this deep, on the
/// way in as on the way out: a hostile file must not overflow the stack of the reader. As in serde_json.
pub(crate) const MAX_DEPTH: u32 = 128;

/// Elements that a container is said to have before they are read: whoever believes it takes memory
/// for them, at each level of nesting. serde's own containers take up to 1 MiB.
const LARGEST_HINT: usize = 32 << 10;

/// Binary and self-describing formats disagree on which form of an IP address, a UUID or a date
/// they ask for. serde's own buffering (behind `flatten`, untagged and internally tagged enums)
/// always asks for the readable form, so writing any other could not be read back.
pub(crate) const HUMAN_READABLE: bool = true;

/// Encodes a value by itself, without the envelope of a document.
pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut output = Output::new(&mut bytes);
    Encoder::new(&mut output).value(value)?;
    output.finish()?;
    Ok(bytes)
}

/// Decodes a value that [`to_vec`] encoded; the slice must hold nothing else.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut input = Input::from_slice(bytes);
    let value = T::deserialize(&mut Decoder::new(&mut input))?;
    input.expect_end()?;
    Ok(value)
}
