//! The error for a result that is larger than the cache's limit.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use crate::error::{Error, ErrorKind};
use crate::text::humanize::size;

/// A result whose file alone exceeds the limit of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge {
    /// Size of its file in bytes; `None` if writing stopped before the size was known.
    pub(crate) size: Option<u64>,
    /// The limit, in bytes.
    pub(crate) limit: u64,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its result")?;
        if let Some(bytes) = self.size {
            write!(f, " of {}", size(bytes))?;
        }
        write!(f, " is larger than the limit of {}, and is not stored", size(self.limit))
    }
}

impl StdError for TooLarge {}

impl From<TooLarge> for Error {
    fn from(large: TooLarge) -> Self {
        Error::caused_by(ErrorKind::LimitExceeded, large.to_string(), large)
    }
}

impl From<TooLarge> for io::Error {
    fn from(large: TooLarge) -> Self {
        Error::from(large).into()
    }
}

impl TooLarge {
    /// Returns the sizes if this is the cause of the error.
    pub(crate) fn of(error: &Error) -> Option<TooLarge> {
        error.source()?.downcast_ref().copied()
    }
}
