//! Values as bytes: CBOR ([RFC 8949]) with typed arrays ([RFC 8746]) and a tag for `Some`.
//!
//! The encoding is self-describing, so that `flatten`, untagged and internally tagged enums work,
//! and any CBOR reader can look in. What Rust can tell apart stays apart: `None`, `Some(None)` and
//! `()` are three things. DESIGN.md lists every byte.
//!
//! [RFC 8949]: https://www.rfc-editor.org/rfc/rfc8949
//! [RFC 8746]: https://www.rfc-editor.org/rfc/rfc8746

mod wire;

mod encode;
mod encoder;
mod sequence;

#[cfg(feature = "ndarray")]
mod arrays;
mod bulk;
mod output;
pub(crate) mod typed;
mod vector;

mod checksum;
mod parallel;

mod decode;
mod head;
mod items;
mod numbers;

mod copy;
mod input;
mod skip;
mod strings;

mod find;
mod in_place;
#[cfg(feature = "ndarray")]
mod shaped;

pub(crate) use copy::copy_value;
pub(crate) use decode::Decoder;
pub(crate) use encoder::Encoder;
pub(crate) use find::Cursor;
pub use find::Element;
pub(crate) use head::Head;
pub(crate) use in_place::InPlace;
pub(crate) use input::Input;
pub(crate) use output::Output;
pub(crate) use skip::{MAX_SKIPPED_DEPTH, skip_value};
pub(crate) use wire::{Major, TAG_BIG_NEGATIVE, TAG_BIG_POSITIVE, TAG_CHAR, TAG_SOME};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Result;

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
