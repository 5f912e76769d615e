//! JSON on stdout, messages on stderr.

use std::io::{self, Write};

use larder::__text::one_line;
use serde::Serialize;

use crate::failure::Failure;

/// Writes one JSON value, which is what `--json` promises. If it can't be serialized, nothing is written.
pub(crate) fn write_json<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::Failed(format!("can't write as JSON: {error}")))?;
    Ok(writeln!(out, "{json}")?)
}

/// Writes lines to stderr, with other control characters escaped. A closed stderr is ignored, as no message could reach
/// the user.
pub(crate) fn print_message(message: &str) {
    let mut stderr = io::stderr().lock();
    for line in message.split('\n') {
        let _ = writeln!(stderr, "{}", one_line(line));
    }
}
