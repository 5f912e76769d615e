//! Segments: files that hold many small results of one function each.
//!
//! The first results of a function are files. Once a process has stored more than a few dozen, it appends further small
//! ones to a segment of its own, in a folder beside the function's: `<function>.packed/<id>.segment`. Read in this order:
//! `format` (every byte), `segment` (one file), `function_segments` (all files of a function), `tidy` (merging them),
//! `registry` (those of all functions). `store/tiered.rs` decides what is stored where.

pub(crate) mod format;
pub(crate) mod function_segments;
pub(crate) mod registry;
pub(crate) mod segment;
mod tidy;
