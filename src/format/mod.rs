//! Bytes of documents: how a value is encoded, checksummed and compressed.
//!
//! In reading order:
//!
//! | module | content |
//! |---|---|
//! | `document` | the envelope of one value: type name, format version, checksum |
//! | `cbor` | the encoding of values |
//! | `numeric` | recognises arrays of numbers by their type |
//! | `target` | the trait that documents are written to |
//! | `compress` | compressed files and streams |
//! | `foreign` | recognises files of other programs |
//! | `value` | stored values without the types of the program that stored them |

pub(crate) mod cbor;
pub(crate) mod compress;
pub(crate) mod document;
pub(crate) mod foreign;
pub(crate) mod numeric;
pub(crate) mod target;
pub(crate) mod value;
