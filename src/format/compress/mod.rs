//! Compressors: the methods, their names, and the detection of the method of a stream.

pub(crate) mod compression;
pub(crate) mod parse;
pub(crate) mod raw_stream;

pub(crate) mod lzma_header;
pub(crate) mod method;
pub(crate) mod registry;
pub(crate) mod select;

pub(crate) mod backend;
pub(crate) mod custom;
#[cfg(any(feature = "zlib", feature = "xz"))]
pub(crate) mod decoder_reader;
pub(crate) mod decompressed;
pub(crate) mod multi_member;
pub(crate) mod unread;

#[cfg(feature = "blocks")]
pub(crate) mod blocks;
#[cfg(feature = "bz2")]
pub(crate) mod bz2;
#[cfg(feature = "zlib")]
pub(crate) mod gzip;
#[cfg(feature = "lz4")]
pub(crate) mod lz4;
#[cfg(feature = "xz")]
pub(crate) mod xz;
#[cfg(feature = "zlib")]
pub(crate) mod zlib;
#[cfg(feature = "zstd")]
pub(crate) mod zstd;
