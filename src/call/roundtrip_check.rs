//! Does a value come back from its own encoding?
//!
//! Some `Serialize` and `Deserialize` implementations don't fit together, and serde's own buffering
//! (behind `flatten`, untagged and internally tagged enums) loses some types: an `i128`, or which of
//! two variants that read alike was written. Such a value must be refused when it is stored, not
//! come back as another.

use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::format::document;
use crate::format::target::Target;
use crate::key::key_of::digest_of_content;

/// Values whose encoding is longer than this are tried only if reading its beginning involves
/// guessing: it takes as long as writing them, and large values are large because of arrays, whose
/// types have no surprises.
const LONGEST_TRIED: usize = 4 << 20;

/// An error if the value would come back as another one, or not at all. Gives the length of its encoding, if all of it was tried.
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

/// The value as it comes back from its own encoding, however long that is; and its length.
///
/// # Errors
/// Those of [`check`].
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

/// Keeps what is written, until it is too much.
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
    /// An array that will not fit is not even begun.
    fn array_ahead(&mut self, _: usize, bytes: u64) -> io::Result<()> {
        if bytes > self.room() as u64 { self.refuse() } else { Ok(()) }
    }
}
