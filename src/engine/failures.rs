//! Collects the failures of one operation on many entries.

use crate::error::{Error, ErrorKind, Result};
use crate::text::humanize::count;

/// The first failure, and the number of others.
#[derive(Default)]
pub(super) struct Failures {
    first: Option<Error>,
    more: u64,
}

impl Failures {
    /// Adds the failure to remove an entry. A file that is not larder's stays, which is no failure.
    pub(super) fn add(&mut self, error: Error) {
        match self.first {
            _ if error.kind() == ErrorKind::NotLarder => {}
            None => self.first = Some(error),
            Some(_) => self.more += 1,
        }
    }

    /// Returns the first failure, with the total number of failures.
    pub(super) fn result(self) -> Result<()> {
        match (self.first, self.more) {
            (None, _) => Ok(()),
            (Some(error), 0) => Err(error),
            (Some(error), more) => {
                Err(error.context(&format!("{} could not be removed", count(more + 1, "entry", "entries"))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_says_how_many_there_were() {
        let mut failures = Failures::default();
        failures.add(Error::new(ErrorKind::NotLarder, "foreign"));
        assert!(Failures::default().result().is_ok());
        failures.add(Error::new(ErrorKind::PermissionDenied, "denied"));
        failures.add(Error::new(ErrorKind::Io, "broken"));
        let error = failures.result().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("2 entries could not be removed"), "{error}");
    }
}
