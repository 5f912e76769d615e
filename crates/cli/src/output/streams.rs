//! JSON on stdout, messages on stderr.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Writes one JSON value, which is what `--json` promises. If it can't be serialized, nothing is written.
pub(crate) fn write_json<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::Failed(format!("can't write as JSON: {error}")))?;
    Ok(writeln!(out, "{json}")?)
}

/// Writes a line to stderr. A closed stderr is ignored, as no message could reach the user.
pub(crate) fn print_message(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
