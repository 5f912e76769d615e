//! Everything that larder promises, in one binary.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

/// Functions under the attribute, and their companions.
mod memoize;
