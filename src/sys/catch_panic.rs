//! Turns panics of foreign code into errors: they are no fault of the memoized function.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, ErrorKind, Result};

/// Runs code. Turns a panic into an error that says that `what` panicked.
pub(crate) fn guarded<R>(what: &str, run: impl FnOnce() -> Result<R>) -> Result<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(panic) => Err(panicked(what, panic)),
    }
}

/// Returns the error for a panic.
#[cold]
pub(crate) fn panicked(what: &str, panic: Box<dyn Any + Send>) -> Error {
    let message = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&str>() {
            Ok(text) => (*text).to_owned(),
            Err(panic) => {
                // Dropping it may panic again.
                std::mem::forget(panic);
                "without a message".to_owned()
            }
        },
    };
    Error::new(ErrorKind::NotRepresentable, format!("{what} panicked: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        struct Bad;
        impl Drop for Bad {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        let text = |run: fn() -> Result<()>| guarded("it", run).unwrap_err().to_string();
        assert!(text(|| panic!("seven")).contains("it panicked: seven"));
        assert!(text(|| panic!("{}", 7)).contains("it panicked: 7"));
        assert!(text(|| std::panic::panic_any(Bad)).contains("without a message"));
        assert_eq!(guarded("it", || Ok(5)).unwrap(), 5);
    }
}
