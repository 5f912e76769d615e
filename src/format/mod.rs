//! format.

pub(crate) mod cbor;
pub(crate) mod compress;
pub(crate) mod document;
pub(crate) mod numeric;
pub(crate) mod target;
pub(crate) mod value;
