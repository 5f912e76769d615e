//! Checks that a value survives encoding and decoding.
//!
//! Some implementations of `Serialize` and `Deserialize` don't match. Besides, serde's own buffering (behind
//! `flatten`, untagged and internally tagged enums) loses some information: an `i128`, or which of two variants with
//! the same fields was written. Such a value is refused when it is stored, so that a hit never returns a different
//! value.

use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::format::document;
use crate::format::target::Target;
use crate::key::key_of::digest_of_content;

/// Longest encoding, in bytes, that is always checked. A longer one is checked only if decoding its beginning involves
/// guessing. The check takes as long as writing the value, and large values are large because of arrays, whose types
/// decode reliably.
const LONGEST_TRIED: usize = 4 << 20;

/// Returns an error if decoding would give another value, or fail. Returns the length of the encoding if all of it was
/// checked.
pub(crate) fn check<T: Serialize + DeserializeOwned>(value: &T) -> Result<Option<u64>> {
    let mut trial = Trial::new(LONGEST_TRIED);
    if let Err(error) = document::write(value, &mut trial) {
        if !trial.full {
            return Err(error);
        }
        if !document::guesses::<T>(&trial.bytes).map_err(|error| unreadable::<T>(&error))? {
            return Ok(None);
        }
        return read_back(value).map(|(_, len)| Some(len));
    }
    back_from(value, &trial.bytes).map(|_| Some(trial.bytes.len() as u64))
}

/// Encodes and decodes a value of any length. Returns the decoded value and the length of its encoding.
///
/// # Errors
/// The same as for [`check`].
pub(crate) fn read_back<T: Serialize + DeserializeOwned>(value: &T) -> Result<(T, u64)> {
    let encoding = document::to_vec(value)?;
    Ok((back_from(value, &encoding)?, encoding.len() as u64))
}

fn back_from<T: Serialize + DeserializeOwned>(value: &T, encoding: &[u8]) -> Result<T> {
    let back: T = document::from_slice(encoding).map_err(|error| unreadable::<T>(&error))?;
    if digest_of_content(value)? == digest_of_content(&back)? {
        return Ok(back);
    }
    Err(refused::<T>(
        "comes back from its own serialisation as another value; if it holds an untagged enum, put the more specific \
         variants first",
    ))
}

#[cold]
fn unreadable<T>(error: &Error) -> Error {
    refused::<T>(&format!("can't be read back from its own serialisation: {error}"))
}

#[cold]
fn refused<T>(why: &str) -> Error {
    let name = std::any::type_name::<T>();
    Error::new(ErrorKind::NotRepresentable, format!("a value of type `{name}` {why}"))
}

/// A writer that stops with an error at a limit.
struct Trial {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl Trial {
    fn new(limit: usize) -> Self {
        Trial { bytes: Vec::new(), limit, full: false }
    }

    fn room(&self) -> usize {
        self.limit - self.bytes.len()
    }

    fn refuse<R>(&mut self) -> io::Result<R> {
        self.full = true;
        Err(io::ErrorKind::FileTooLarge.into())
    }
}

impl Write for Trial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = &bytes[..bytes.len().min(self.room())];
        self.bytes.extend_from_slice(taken);
        if taken.len() < bytes.len() { self.refuse() } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Trial {
    /// Refuses an array that would not fit before it is written.
    fn array_ahead(&mut self, _: usize, bytes: u64) -> io::Result<()> {
        if bytes > self.room() as u64 { self.refuse() } else { Ok(()) }
    }
}
