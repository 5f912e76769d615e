//! The pattern to copy: a record batch with serde, through Arrow's IPC format.

use std::borrow::Borrow;
use std::fmt;

use arrow_array::RecordBatch;
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamEncoder;
use arrow_schema::ArrowError;
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Error as _, Serialize, Serializer};

/// A record batch that serde writes as byte strings. Together they are a stream of Arrow's IPC format. `Ipc(&batch)` can
/// be written only.
#[derive(Debug, Clone, PartialEq)]
pub struct Ipc<B = RecordBatch>(pub B);

impl<B: Borrow<RecordBatch>> Serialize for Ipc<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The columns are written from where they are: nothing is copied.
        let buffers = encode(self.0.borrow()).map_err(S::Error::custom)?;
        serializer.collect_seq(buffers.into_iter().filter(|buffer| !buffer.is_empty()).map(Bytes))
    }
}

impl<'de> Deserialize<'de> for Ipc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ipc, D::Error> {
        let buffers = Vec::<Bytes>::deserialize(deserializer)?;
        decode(&buffers).map(Ipc).map_err(de::Error::custom)
    }
}

/// Bytes that serde writes as a byte string, and not as a sequence of numbers.
struct Bytes(Buffer);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

struct BytesVisitor;

impl de::Visitor<'_> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a byte string")
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes(Buffer::from_vec(bytes)))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(Buffer::from(bytes)))
    }
}

fn encode(batch: &RecordBatch) -> Result<Vec<Buffer>, ArrowError> {
    let mut encoder = StreamEncoder::try_new(&batch.schema())?;
    let mut buffers = encoder.encode(batch)?;
    buffers.extend(encoder.finish()?);
    Ok(buffers)
}

fn decode(buffers: &[Bytes]) -> Result<RecordBatch, ArrowError> {
    // The columns of a batch are parts of one buffer.
    let mut stream = MutableBuffer::with_capacity(buffers.iter().map(|buffer| buffer.0.len()).sum());
    for buffer in buffers {
        stream.extend_from_slice(&buffer.0);
    }
    let mut stream = Buffer::from(stream);
    let mut decoder = StreamDecoder::new();
    let batch = decoder.decode(&mut stream)?.ok_or_else(|| ArrowError::IpcError("no record batch".to_owned()))?;
    // The mark of the end follows.
    decoder.decode(&mut stream)?;
    decoder.finish()?;
    Ok(batch)
}
