//! A document: one value in an envelope that says what it is and whether it is whole.
//!
//! ```text
//! 55799({"larder": 1, "type": "alloc::vec::Vec<f64>", "value": …, "xxh3": 0x0123456789abcdef})
//! ```
//!
//! That is what a dump holds, and what follows the header of a cache entry; compressed or not. It
//! is one valid CBOR document. The checksum covers every byte before its own eight.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::copy::copy_value;
use crate::format::cbor::decoder::Decoder;
use crate::format::cbor::encoder::Encoder;
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::skip::{MAX_SKIPPED_DEPTH, skip_value};
use crate::format::cbor::wire::Major;
use crate::format::cbor::writer::ByteWriter;
use crate::format::compress::decompressed::Content;
use crate::format::target::Target;
use crate::text::preview::shorten;

/// The version of the document that this crate writes, and the newest that it reads.
pub(crate) const VERSION: u64 = 1;

/// Tag 55799, which CBOR reserves as its magic (RFC 8949, section 3.4.6); a map of four pairs, of which the first key is `larder`.
const PREFIX: [u8; 11] = *b"\xd9\xd9\xf7\xa4\x66larder";

/// Type names are cut to this many bytes; they are for people.
const LONGEST_TYPE_NAME: usize = 512;

/// The head of the checksum: an integer of eight bytes.
const CHECKSUM_HEAD: u8 = 0x1b;

/// What there is to know of a document that was written.
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
    output.write(&PREFIX)?;
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

/// The document of a value.
pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(value, &mut bytes)?;
    Ok(bytes)
}

/// Reads a document from a slice that holds nothing else.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    checked_from_slice(bytes).map(|(value, _)| value)
}

/// The same, with the document's checksum.
pub(crate) fn checked_from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, u64)> {
    let mut input = ByteReader::from_slice(bytes);
    let result = read(&mut input).and_then(|done| input.expect_end().map(|()| done));
    // A type that does not fit and a damaged byte look alike; the checksum tells them apart.
    match result {
        Err(error) if error.kind() == ErrorKind::WrongType => Err(check_slice(bytes).err().unwrap_or(error)),
        result => result,
    }
}

/// Whether reading the beginning of a document involves guessing, see [`Decoder::guessed`].
///
/// # Errors
/// If it can't be read, but for its being cut.
pub(crate) fn guesses<T: DeserializeOwned>(beginning: &[u8]) -> Result<bool> {
    let mut input = ByteReader::from_slice(beginning);
    open(&mut input)?;
    let mut decoder = Decoder::new(&mut input);
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

/// Reads a document without making a value of it: is it what was written? Gives its checksum.
pub(crate) fn check(input: &mut ByteReader<'_>) -> Result<u64> {
    open(input)?;
    skip_value(input, MAX_SKIPPED_DEPTH)?;
    close(input)
}

/// Writes a document as it is read, in the memory of a piece of it; `writer` is told of arrays as when it was written.
///
/// # Errors
/// If the copy would be another one, too.
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

/// Lets `read` read a document of a stream's content, of which about `expected` bytes will come, and
/// leaves the stream exactly after it.
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

/// Reads a document, and stops after it. Gives its checksum as well.
pub(crate) fn read<T: DeserializeOwned>(input: &mut ByteReader<'_>) -> Result<(T, u64)> {
    read_with(input, |input, stored| read_value(input, stored))
}

/// The same, where `read` reads the value, of which it is told the name of the type.
pub(crate) fn read_with<R>(
    input: &mut ByteReader<'_>,
    read: impl FnOnce(&mut ByteReader<'_>, &str) -> Result<R>,
) -> Result<(R, u64)> {
    let stored = open(input)?;
    let value = read(input, &stored)?;
    Ok((value, close(input)?))
}

/// Reads the value itself; `stored` is what [`open`] gave.
pub(crate) fn read_value<T: DeserializeOwned>(input: &mut ByteReader<'_>, stored: &str) -> Result<T> {
    T::deserialize(&mut Decoder::new(input)).map_err(|error| explain::<T>(error, stored))
}

/// Adds which type is there and which was wanted, if that is what is wrong.
#[cold]
pub(crate) fn explain<T>(error: Error, stored: &str) -> Error {
    if error.kind() != ErrorKind::WrongType {
        return error;
    }
    let wanted = std::any::type_name::<T>();
    error.context(&format!("wrong type: a `{stored}` was stored, a `{wanted}` was asked for"))
}

/// Reads all that comes before the value; gives the name of its type.
pub(crate) fn open(input: &mut ByteReader<'_>) -> Result<String> {
    for expected in PREFIX {
        if input.byte()? != expected {
            return Err(Error::new(
                ErrorKind::NotLarder,
                "this is no larder file: it does not begin as a dump or a compressed dump does",
            ));
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

/// The error for content that a later version of this crate wrote.
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

/// Reads up to where the checksum stands.
fn expect_checksum_head(input: &mut ByteReader<'_>) -> Result<()> {
    expect_key(input, "xxh3")?;
    if input.byte()? == CHECKSUM_HEAD {
        return Ok(());
    }
    Err(Error::damaged("the checksum is no integer of eight bytes"))
}

/// Reads all that comes after the value, to the end; takes the checksum's word for itself.
pub(crate) fn expect_checksum(input: &mut ByteReader<'_>) -> Result<()> {
    expect_checksum_head(input)?;
    input.skip(8)?;
    input.expect_end()
}

/// Reads all that comes after the value, and compares the checksum.
fn close(input: &mut ByteReader<'_>) -> Result<u64> {
    expect_checksum_head(input)?;
    let computed = input.checksum();
    let stored = u64::from_be_bytes(input.array()?);
    if computed.is_none_or(|computed| stored == computed) {
        return Ok(stored);
    }
    Err(Error::damaged("the checksum does not fit: the content was changed after it was written"))
}
