//! Checks that a value survives encoding and decoding.
//!
//! Some implementations of `Serialize` and `Deserialize` don't match. serde's own buffering (behind `flatten`, untagged
//! and internally tagged enums) loses some information: an `i128`, or which of two variants with the same fields was
//! written. And a `Serialize` may leave something out, such as a field with `#[serde(skip)]`: then the encodings are the
//! same, and only `PartialEq` shows the difference. Such a value is refused when it is stored, so that a hit never
//! returns a different value.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::files::equality::{Compare, Equality};
use crate::format::document;
use crate::format::target::Limited;
use crate::key::key_of::{digest_of_content, digest_of_items};

/// Longest encoding, in bytes, that is always checked. A longer one is checked only if decoding its beginning involves
/// guessing. The check takes as long as writing the value, and large values are large because of arrays, whose types
/// decode reliably.
const LONGEST_TRIED: usize = 4 << 20;

/// How a value is compared with what is read back.
pub(crate) struct Comparison<'a, T> {
    /// Compares the values; without it, only their encodings are compared.
    pub(crate) compare: Option<Compare<T>>,
    /// Says what to do if it does not matter that something is left out.
    pub(crate) otherwise: &'a str,
    /// Receives a difference that is shown by values that can't be compared. They are not refused.
    pub(crate) doubted: &'a dyn Fn(&str),
}

/// Returns an error if decoding would give another value, or fail. Returns the length of the encoding if all of it was
/// checked.
pub(crate) fn check<T>(value: &T, comparison: &Comparison<'_, T>) -> Result<Option<u64>>
where
    T: Serialize + DeserializeOwned,
{
    let mut trial = Limited::new(LONGEST_TRIED);
    if let Err(error) = document::write(value, &mut trial) {
        if !trial.is_full() {
            return Err(error);
        }
        if !document::guesses::<T>(trial.bytes()).map_err(|error| unreadable::<T>(&error))? {
            return Ok(None);
        }
        return read_back(value, comparison).map(|(_, len)| Some(len));
    }
    back_from(value, trial.bytes(), comparison).map(|_| Some(trial.bytes().len() as u64))
}

/// Encodes and decodes a value of any length. Returns the decoded value and the length of its encoding.
///
/// # Errors
/// The same as for [`check`].
pub(crate) fn read_back<T>(value: &T, comparison: &Comparison<'_, T>) -> Result<(T, u64)>
where
    T: Serialize + DeserializeOwned,
{
    let encoding = document::to_vec(value)?;
    Ok((back_from(value, &encoding, comparison)?, encoding.len() as u64))
}

fn back_from<T>(value: &T, encoding: &[u8], comparison: &Comparison<'_, T>) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    let back: T = document::from_slice(encoding).map_err(|error| unreadable::<T>(&error))?;
    let Comparison { compare, otherwise, doubted } = comparison;
    let equality = compare.map_or(Equality::Unknown, |compare| compare(value, &back));
    let is_same_encoding = digest_of_content(value)? == digest_of_content(&back)?;
    match equality {
        Equality::Different(what) if is_same_encoding => {
            let what = what.map_or_else(String::new, |what| format!(": {what}"));
            Err(refused::<T>(&format!(
                "comes back as another value, because its `Serialize` leaves something out{what}; if that does not \
                 matter, {otherwise}"
            )))
        }
        Equality::Doubtful(what) if is_same_encoding => {
            doubted(&what);
            Ok(back)
        }
        _ if is_same_encoding => Ok(back),
        // A set of a type that is not known as a hash set comes back in another order.
        Equality::Same if digest_of_items(value)? == digest_of_items(&back)? => Ok(back),
        _ => Err(refused::<T>(
            "comes back from its own serialisation as another value; if it holds an untagged enum, put the more \
             specific variants first",
        )),
    }
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
