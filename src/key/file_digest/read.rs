//! Reads a file or a folder and returns its digest.

use std::fs;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::key::file_digest::file::Links;
use crate::key::file_digest::remembered::Seen;
use crate::key::file_digest::{file, folder};

/// How often a file is read that changes while it is read.
const TRIES: u32 = 3;

pub(super) fn is_folder(path: &Path) -> Result<bool> {
    Ok(fs::metadata(path).map_err(|e| Error::io(e, "can't open"))?.is_dir())
}

pub(super) fn read(path: &Path) -> Result<Seen> {
    for _ in 0..TRIES {
        let seen = if is_folder(path)? {
            match folder::read(path) {
                // Something in it was removed before it was looked at.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                result => result?,
            }
        } else {
            let place = fs::canonicalize(path).map_err(|e| Error::io(e, "can't read"))?;
            file::read(path, place, Links::Followed, 0)?
        };
        if let Some(seen) = seen {
            return Ok(seen);
        }
    }
    Err(Error::new(ErrorKind::InvalidInput, "it changes while it is read; wait until it is complete"))
}
