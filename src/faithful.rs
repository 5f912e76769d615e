//! Does a value come back from its own encoding?
//!
//! Some `Serialize` and `Deserialize` implementations don't fit together, and serde's own buffering
//! (behind `flatten`, untagged and internally tagged enums) loses some types: an `i128`, or which of
//! two variants that read alike was written. Such a value must be refused when it is stored, not
//! come back as another.

use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind, Result, document, key_of};

/// Values whose encoding is longer than this are not tried: reading them takes as long as writing
/// them. They are large because they hold arrays, whose types have no such surprises.
const LONGEST_TRIED: usize = 1 << 20;

/// An error if the value would come back as another one, or not at all.
pub(crate) fn check<T: Serialize + DeserializeOwned>(value: &T) -> Result<()> {
    let mut trial = Trial(Vec::new());
    if let Err(error) = document::write(value, &mut trial) {
        return if trial.is_full() { Ok(()) } else { Err(error) };
    }
    if trial.is_full() {
        return Ok(());
    }
    let refused = |why: String| {
        let name = std::any::type_name::<T>();
        Error::new(ErrorKind::NotRepresentable, format!("a value of type `{name}` {why}"))
    };
    let (back, read) = document::from_slice::<T>(&trial.0)
        .map_err(|error| refused(format!("can't be read back from its own serialisation: {error}")))?;
    // Only a reader that had to guess what it reads can mistake one value for another.
    if read.guessed && key_of(value)? != key_of(&back)? {
        return Err(refused(
            "comes back from its own serialisation as another value; if it holds an untagged enum, put the more \
             specific variants first"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Keeps what is written, until it is too much.
struct Trial(Vec<u8>);

impl Trial {
    fn is_full(&self) -> bool {
        self.0.len() > LONGEST_TRIED
    }
}

impl Write for Trial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        if self.is_full() { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
