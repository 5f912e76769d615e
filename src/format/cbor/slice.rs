//! Encodes and decodes values in memory, without the envelope of a document.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::format::cbor::decoder::Decoder;
use crate::format::cbor::encoder::Encoder;
use crate::format::cbor::lent::Lent;
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::writer::ByteWriter;

/// Encodes a value without the envelope of a document.
pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut output = ByteWriter::new(&mut bytes);
    Encoder::new(&mut output).value(value)?;
    output.finish()?;
    Ok(bytes)
}

/// Decodes a value that [`to_vec`] encoded. The slice must hold nothing else.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut input = ByteReader::from_slice(bytes);
    let value = T::deserialize(&mut Decoder::lending(&mut input, &Lent::default()))?;
    input.expect_end()?;
    Ok(value)
}
