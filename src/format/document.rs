//! A document: one value in an envelope with its type name, a format version and a checksum.
//!
//! ```text
//! 55799({"larder": 1, "type": "alloc::vec::Vec<f64>", "value": …, "xxh3": 0x0123456789abcdef})
//! ```
//!
//! A dump is one document. A cache entry is a header followed by one document. Either may be compressed. A document is
//! valid CBOR. The checksum covers every byte before its own eight.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::copy::copy_value;
use crate::format::cbor::decoder::Decoder;
use crate::format::cbor::encoder::Encoder;
use crate::format::cbor::lent::Lent;
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::skip::{MAX_SKIPPED_DEPTH, skip_value};
use crate::format::cbor::wire::Major;
use crate::format::cbor::writer::ByteWriter;
use crate::format::compress::decompressed::Content;
use crate::format::foreign;
use crate::format::foreign::{Foreign, Match};
use crate::format::target::Target;
use crate::text::preview::shorten;

/// Version of the document format that this crate writes, and the newest that it reads.
pub(crate) const VERSION: u64 = 1;

/// The magic, then a map of four pairs, and its first key: `larder`.
const PREFIX: &[u8; 11] = b"\xd9\xd9\xf7\xa4\x66larder";

/// Tag 55799, which CBOR reserves as its magic (RFC 8949, section 3.4.6).
pub(crate) const MAGIC: &[u8] = PREFIX.split_at(3).0;

/// Maximum length of a type name, in bytes. Longer names are cut. They are only for human readers.
const LONGEST_TYPE_NAME: usize = 512;

/// Head of the checksum: an integer of eight bytes.
const CHECKSUM_HEAD: u8 = 0x1b;

/// Length and checksum of a document that was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// Bytes of the document, before any compression.
    pub(crate) len: u64,
    pub(crate) checksum: u64,
}

/// Writes a value as a document.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, writer: &mut dyn Target) -> Result<Written> {
    let mut output = ByteWriter::new(writer);
    begin(&mut output, std::any::type_name::<T>())?;
    Encoder::new(&mut output).value(value)?;
    end(output)
}

fn begin(output: &mut ByteWriter<'_>, type_name: &str) -> Result<()> {
    output.write(PREFIX)?;
    let mut encoder = Encoder::new(output);
    VERSION.serialize(&mut encoder)?;
    "type".serialize(&mut encoder)?;
    shorten(type_name, LONGEST_TYPE_NAME).serialize(&mut encoder)?;
    "value".serialize(&mut encoder)
}

fn end(mut output: ByteWriter<'_>) -> Result<Written> {
    "xxh3".serialize(&mut Encoder::new(&mut output))?;
    output.write(&[CHECKSUM_HEAD])?;
    let checksum = output.checksum();
    output.write(&checksum.to_be_bytes())?;
    let len = output.finish()?;
    Ok(Written { len, checksum })
}

/// Returns a value as a document.
pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(value, &mut bytes)?;
    Ok(bytes)
}

/// Reads a document from a slice that holds nothing else.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    checked_from_slice(bytes).map(|(value, _)| value)
}

/// Reads the value of a document that this process has just written, so nothing is verified. Of the input, nothing can
/// be borrowed, so the lifetime is free.
pub(crate) fn value_from_slice<'de, T: Deserialize<'de>>(bytes: &[u8]) -> Result<T> {
    let mut input = ByteReader::from_slice(bytes);
    open(&mut input)?;
    T::deserialize(&mut Decoder::new(&mut input))
}

/// Reads a document like [`from_slice`]. Also returns its checksum.
pub(crate) fn checked_from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, u64)> {
    let mut input = ByteReader::from_slice(bytes);
    let result = read(&mut input).and_then(|done| input.expect_end().map(|()| done));
    // A wrong type and a damaged byte cause the same error. The checksum tells them apart.
    match result {
        Err(error) if error.kind() == ErrorKind::WrongType => Err(check_slice(bytes).err().unwrap_or(error)),
        result => result,
    }
}

/// Returns whether reading the start of a document involves guessing, see [`Decoder::guessed`].
///
/// # Errors
/// If it can't be read. That it is incomplete is not an error.
pub(crate) fn guesses<T: DeserializeOwned>(beginning: &[u8]) -> Result<bool> {
    let mut input = ByteReader::from_slice(beginning);
    open(&mut input)?;
    let lent = Lent::default();
    let mut decoder = Decoder::lending(&mut input, &lent);
    match T::deserialize(&mut decoder) {
        Err(error) if error.kind() != ErrorKind::Truncated => Err(error),
        _ => Ok(decoder.guessed()),
    }
}

fn check_slice(bytes: &[u8]) -> Result<()> {
    let mut input = ByteReader::from_slice(bytes);
    check(&mut input)?;
    input.expect_end()
}

/// Verifies a document without decoding its value. Returns its checksum.
pub(crate) fn check(input: &mut ByteReader<'_>) -> Result<u64> {
    open(input)?;
    skip_value(input, MAX_SKIPPED_DEPTH)?;
    close(input)
}

/// Copies a document in constant memory. Announces arrays to `writer`, as [`write()`] does.
///
/// # Errors
/// Also if the copy would differ from the original.
pub(crate) fn copy(input: &mut ByteReader<'_>, writer: &mut dyn Target) -> Result<Written> {
    let type_name = open(input)?;
    let mut output = ByteWriter::new(writer);
    begin(&mut output, &type_name)?;
    copy_value(input, &mut output, MAX_SKIPPED_DEPTH)?;
    let checksum = close(input)?;
    let written = end(output)?;
    if written.checksum == checksum {
        return Ok(written);
    }
    Err(Error::damaged("the checksum does not fit the copy: the content is not as larder writes it"))
}

/// Calls `read` to read a document from a stream's content, of which about `expected` bytes are expected. Leaves the
/// stream exactly after the document.
pub(crate) fn within<R>(
    content: Content<'_>,
    expected: u64,
    read: impl FnOnce(&mut ByteReader<'_>) -> Result<R>,
) -> Result<R> {
    let mut input = ByteReader::from_reader(content.reader).expecting(expected);
    if content.verified {
        input = input.verified();
    }
    let result = read(&mut input)?;
    input.finish();
    Ok(result)
}

/// Reads a document, and stops after it. Also returns its checksum.
pub(crate) fn read<T: DeserializeOwned>(input: &mut ByteReader<'_>) -> Result<(T, u64)> {
    read_with(input, |input, stored| read_value(input, stored))
}

/// Reads a document like [`read`], where `read` decodes the value. It receives the stored type name.
pub(crate) fn read_with<R>(
    input: &mut ByteReader<'_>,
    read: impl FnOnce(&mut ByteReader<'_>, &str) -> Result<R>,
) -> Result<(R, u64)> {
    let stored = open(input)?;
    let value = read(input, &stored)?;
    Ok((value, close(input)?))
}

/// Reads the value itself; `stored` is the type name that [`open`] returned.
pub(crate) fn read_value<T: DeserializeOwned>(input: &mut ByteReader<'_>, stored: &str) -> Result<T> {
    T::deserialize(&mut Decoder::lending(input, &Lent::default())).map_err(|error| explain::<T>(error, stored))
}

/// Adds the stored and the requested type to an error about a wrong type.
#[cold]
pub(crate) fn explain<T>(error: Error, stored: &str) -> Error {
    if error.kind() != ErrorKind::WrongType {
        return error;
    }
    let wanted = std::any::type_name::<T>();
    error.context(&format!("wrong type: a `{stored}` was stored, a `{wanted}` was requested"))
}

/// Reads everything before the value. Returns the name of its type.
pub(crate) fn open(input: &mut ByteReader<'_>) -> Result<String> {
    for (index, expected) in PREFIX.iter().enumerate() {
        let byte = input.byte()?;
        if byte != *expected {
            return Err(not_larder([&PREFIX[..index], &[byte]].concat(), input));
        }
    }
    let version = input.head(Major::Unsigned)?;
    if version > VERSION {
        return Err(newer(version));
    }
    if version < VERSION {
        return Err(Error::damaged(format!("there is no format version {version}")));
    }
    expect_key(input, "type")?;
    let type_name = input.short_text(LONGEST_TYPE_NAME as u64)?;
    expect_key(input, "value")?;
    Ok(type_name)
}

/// Returns the error for content that begins with `head`.
#[cold]
fn not_larder(mut head: Vec<u8>, input: &mut ByteReader<'_>) -> Error {
    let message = loop {
        match foreign::find(&head) {
            Match::Known(Foreign { name, advice, .. }) => {
                break format!("this is {name}, and no larder file; {advice}");
            }
            Match::Later => match input.byte() {
                Ok(byte) => head.push(byte),
                Err(_) => break NOT_LARDER.to_owned(),
            },
            Match::Unknown => break NOT_LARDER.to_owned(),
        }
    };
    Error::new(ErrorKind::NotLarder, message)
}

const NOT_LARDER: &str = "this is no larder file: it does not begin as a dump or a compressed dump does";

/// Returns the error for content that a later version of this crate wrote.
pub(crate) fn newer(version: u64) -> Error {
    Error::new(
        ErrorKind::NewerFormat,
        format!(
            "written in format version {version}, and this version of larder knows versions up to {VERSION}; \
             update larder to read it"
        ),
    )
}

fn expect_key(input: &mut ByteReader<'_>, expected: &str) -> Result<()> {
    let key = input.short_text(16)?;
    if key == expected {
        return Ok(());
    }
    Err(Error::damaged(format!("found the key {key:?} where {expected:?} was expected")))
}

/// Reads everything between the value and the checksum.
fn expect_checksum_head(input: &mut ByteReader<'_>) -> Result<()> {
    expect_key(input, "xxh3")?;
    if input.byte()? == CHECKSUM_HEAD {
        return Ok(());
    }
    Err(Error::damaged("the checksum is no integer of eight bytes"))
}

/// Reads everything after the value, to the end of the input. Does not compare the checksum.
pub(crate) fn expect_checksum(input: &mut ByteReader<'_>) -> Result<()> {
    expect_checksum_head(input)?;
    input.skip(8)?;
    input.expect_end()
}

/// Reads everything after the value, and compares the checksum.
fn close(input: &mut ByteReader<'_>) -> Result<u64> {
    expect_checksum_head(input)?;
    let computed = input.checksum();
    let stored = u64::from_be_bytes(input.array()?);
    if computed.is_none_or(|computed| stored == computed) {
        return Ok(stored);
    }
    Err(Error::damaged("the checksum does not fit: the content was changed after it was written"))
}
