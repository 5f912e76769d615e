//! Prints to stderr. The library does so only if the user asks for it by a variable.

use std::io::{self, Write as _};

use crate::text::humanize::one_line;

/// Prints one line, with its control characters escaped.
pub(crate) fn print_line(line: &str) {
    // One write, so that lines of several threads and processes don't mix.
    let line = one_line(line) + "\n";
    // An error is ignored: stderr may be closed.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}
