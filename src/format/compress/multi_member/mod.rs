//! Values as several members, in formats that allow it: gzip's members, the streams of bzip2 and xz, the frames of LZ4
//! and Zstandard. Every tool reads the members as one content, and each of them can be compressed and decompressed by
//! another thread.
//!
//! The method and its level decide where a value is cut, so the bytes do not depend on the number of threads. A value
//! that fits into one segment has one member.

pub(crate) mod backend;
pub(crate) mod filler;
pub(crate) mod format;
pub(crate) mod members;
#[cfg(test)]
mod tests;
pub(crate) mod whole;
pub(crate) mod writer;
