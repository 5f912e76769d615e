//! What a codec does with one stream of a block.

use std::io;

/// Packs and unpacks streams of a few KiB, each by itself. One is kept per thread, so that its tables are made once.
pub(crate) trait StreamCodec: Send {
    /// Packs `stream`. Returns `None` if the result has more than `limit` bytes.
    fn pack(&mut self, stream: &[u8], limit: usize) -> io::Result<Option<&[u8]>>;

    /// Fills `target` with the content of `packed`; an error if the content has another length.
    fn unpack(&mut self, packed: &[u8], target: &mut [u8]) -> io::Result<()>;
}

/// Makes `buffer` at least `len` bytes long.
#[cfg(any(feature = "lz4", feature = "zstd"))]
pub(crate) fn grow(buffer: &mut Vec<u8>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
}
