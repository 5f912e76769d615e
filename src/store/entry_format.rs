//! Format of an entry file: a header, then exactly what `dump` would write.
//!
//! ```text
//! offset  bytes
//!      0      8  magic: 89 "LARDER" 0a
//!      8      4  format version, 1
//!     12      4  H, the length of the details
//!     16      8  length of the payload
//!     24      8  length of the document, before compression
//!     32      8  checksum of the payload
//!     40     16  the MAC, or zeros; see `mac.rs`
//!     56      8  XXH3-64 of bytes 0 to 55 and of all from 64 to the payload
//!     64      H  the details: a CBOR map
//!           …    zeros, up to a multiple of 64
//!                the payload
//! ```
//!
//! Integers are little-endian. If the payload is compressed, its checksum is XXH3-64 of its bytes; otherwise it is the
//! checksum of the document. So a checksum covers every byte of the file, no byte is checksummed twice, and the header
//! can be read without the payload.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::slice;
use crate::format::compress::registry::ENTRY_MAGIC;
use crate::format::document;
use crate::key::call_key::Argument;
use crate::key::digest::Key;
use crate::store::mac::{Mac, MacWriter, NO_MAC};

pub(crate) const VERSION: u32 = 1;

/// Bytes before the details.
pub(crate) const FIXED: usize = 64;

/// Payloads begin at a multiple of this, so that aligned data in a document is also aligned in the file.
const ALIGNMENT: usize = 64;

/// Size limit of the details, in bytes. Longer details are an error.
const LONGEST_DETAILS: usize = 1 << 20;

/// Details of an entry that are known before its value is encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Details {
    pub(crate) key: Key,
    pub(crate) package: String,
    pub(crate) function: String,
    pub(crate) version: u64,
    /// The fingerprint of the function's code, in hexadecimal digits.
    pub(crate) code: String,
    pub(crate) arguments: Vec<Argument>,
    /// Nanoseconds since 1970.
    pub(crate) created: u64,
    /// How long the function ran, in nanoseconds.
    pub(crate) took: u64,
    pub(crate) compressor: String,
    pub(crate) type_name: String,
    /// The results that the value refers to, see `references.rs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<String>,
}

impl Details {
    pub(crate) fn created(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.created)
    }

    pub(crate) fn took(&self) -> Duration {
        Duration::from_nanos(self.took)
    }
}

/// What is known of the payload after the value was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) len: u64,
    /// Bytes of the document, before compression.
    pub(crate) document_len: u64,
    pub(crate) checksum: u64,
}

/// Position of the MAC. The checksum follows it.
const SEAL: std::ops::Range<usize> = 40..56;
const CHECKSUM: std::ops::Range<usize> = 56..64;

/// The details that a call needs. Decoding the others as well would take longer than reading the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct HeaderInfo {
    pub(crate) key: Key,
    created: u64,
    took: u64,
    pub(crate) compressor: String,
    pub(crate) type_name: String,
    #[serde(default)]
    pub(crate) parts: Vec<String>,
}

impl HeaderInfo {
    pub(crate) fn created(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.created)
    }

    pub(crate) fn took(&self) -> Duration {
        Duration::from_nanos(self.took)
    }
}

/// A decoded header, with all details or only those in [`HeaderInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header<D = Details> {
    pub(crate) details: D,
    pub(crate) payload: Payload,
    /// Offset of the payload.
    pub(crate) payload_at: u64,
    pub(crate) seal: Mac,
}

impl<D> Header<D> {
    /// Returns the size of the whole file, in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.payload_at.saturating_add(self.payload.len)
    }
}

/// Encodes a header whose payload is not known yet; [`complete`] adds the payload's fields.
pub(crate) fn encode(details: &Details) -> Result<Vec<u8>> {
    let details = slice::to_vec(details)?;
    let len = u32::try_from(details.len())
        .ok()
        .filter(|_| details.len() <= LONGEST_DETAILS)
        .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "the names in a header are longer than 1 MiB"))?;
    let mut bytes = vec![0; FIXED];
    bytes[0..8].copy_from_slice(&ENTRY_MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(&details);
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    Ok(bytes)
}

/// Adds the payload's fields, the MAC if there is a key, and the header's checksum.
pub(crate) fn complete(header: &mut [u8], payload: Payload, sealing: Option<MacWriter>) {
    header[16..24].copy_from_slice(&payload.len.to_le_bytes());
    header[24..32].copy_from_slice(&payload.document_len.to_le_bytes());
    header[32..40].copy_from_slice(&payload.checksum.to_le_bytes());
    if let Some(sealing) = sealing {
        let seal = sealing.end(header);
        header[SEAL].copy_from_slice(&seal);
    }
    let checksum = checksum(header);
    header[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
}

/// Returns the header as it was when the MAC was computed: with zeros for the MAC and the checksum.
pub(crate) fn unsealed(header: &[u8]) -> Vec<u8> {
    let mut unsealed = header.to_vec();
    unsealed[SEAL.start..CHECKSUM.end].fill(0);
    unsealed
}

/// Returns the checksum of a header, without the eight bytes that hold it.
fn checksum(header: &[u8]) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = XxHash3_64::new();
    hasher.write(&header[..56]);
    hasher.write(&header[FIXED..]);
    hasher.finish()
}

fn le_u64(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

fn le_u32(bytes: &[u8], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(value)
}

/// Returns the length of the whole header, from its first [`FIXED`] bytes.
pub(crate) fn header_len(fixed: &[u8]) -> Result<usize> {
    if fixed.len() < FIXED {
        return Err(if fixed == &ENTRY_MAGIC[..fixed.len().min(8)] || fixed.starts_with(&ENTRY_MAGIC) {
            Error::truncated()
        } else {
            not_an_entry()
        });
    }
    if fixed[0..8] != ENTRY_MAGIC {
        return Err(not_an_entry());
    }
    match le_u32(fixed, 8) {
        VERSION => {}
        0 => return Err(Error::damaged("there is no entry format version 0")),
        version => return Err(document::newer(version.into())),
    }
    let details = le_u32(fixed, 12) as usize;
    if details > LONGEST_DETAILS {
        return Err(Error::damaged(format!("a header of {details} bytes: larder writes none so long")));
    }
    Ok((FIXED + details).next_multiple_of(ALIGNMENT))
}

fn not_an_entry() -> Error {
    Error::new(ErrorKind::NotLarder, "this is no cache entry: it does not begin as one does")
}

/// Decodes a header from exactly its bytes.
pub(crate) fn decode<D: DeserializeOwned>(header: &[u8]) -> Result<Header<D>> {
    if header_len(header)? != header.len() {
        return Err(Error::truncated());
    }
    if le_u64(header, 56) != checksum(header) {
        return Err(Error::damaged("the header's checksum does not fit: it was changed after it was written"));
    }
    let details = le_u32(header, 12) as usize;
    let details = slice::from_slice(&header[FIXED..FIXED + details])
        .map_err(|error| error.with_kind(ErrorKind::Damaged).context("the header's details"))?;
    let payload = Payload { len: le_u64(header, 16), document_len: le_u64(header, 24), checksum: le_u64(header, 32) };
    let mut seal = NO_MAC;
    seal.copy_from_slice(&header[SEAL]);
    Ok(Header { details, payload, payload_at: header.len() as u64, seal })
}
