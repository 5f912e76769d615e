//! Zstandard, by the zstd crate, which contains the reference implementation in C.

use std::io::{self, BufRead, Write};

use zstd::bulk::Decompressor;
use zstd::stream::read::Decoder as FrameDecoder;
use zstd::stream::write::Encoder as FrameEncoder;

use crate::format::compress::backend::Backends;
use crate::format::compress::method::Method;
use crate::format::compress::multi_member::format::{MemberDecoder, MemberEncoder, MemberEnd, MemberFormat};

struct Zstd;

pub(super) const BACKENDS: Backends = &[(Method::Zstd, &Zstd)];

/// Logarithm of the window limit: 2^27 bytes is the default limit of `zstd -d`, and enough for levels up to 22.
const LARGEST_WINDOW_LOG: u32 = 27;

/// Maximum content of a block, in bytes (RFC 8878, section 3.1.1.2.4).
const LARGEST_BLOCK: usize = 128 << 10;

const MAGIC: &[u8] = Method::Zstd.magic();

impl MemberFormat for Zstd {
    fn segment(&self, level: i32) -> usize {
        match level {
            // Windows are 2 MiB up to level 4.
            ..=4 => 2 << 20,
            5..=12 => 4 << 20,
            13..=19 => 16 << 20,
            _ => 64 << 20,
        }
    }

    fn encoder_memory(&self, level: i32) -> usize {
        // Windows are 8 MiB up to level 19, then 32, 64 and 128 MiB; tables take several times that.
        match level {
            ..=12 => 32 << 20,
            13..=19 => 96 << 20,
            _ => 768 << 20,
        }
    }

    fn encoder<'w>(&self, level: i32, target: Box<dyn Write + 'w>) -> io::Result<Box<dyn MemberEncoder<'w> + 'w>> {
        let mut encoder = FrameEncoder::new(target, level)?;
        encoder.include_checksum(true)?;
        Ok(Box::new(encoder))
    }

    fn decoder<'r>(&self, source: Box<dyn BufRead + 'r>, memory: usize) -> io::Result<Box<dyn MemberDecoder<'r> + 'r>> {
        let mut decoder = FrameDecoder::with_buffer(source)?.single_frame();
        decoder.window_log_max(memory.ilog2().min(LARGEST_WINDOW_LOG))?;
        Ok(Box::new(decoder))
    }

    /// Decompresses the whole frame in one step, which needs no window besides the content.
    fn decompress(&self, member: &[u8], largest: usize, content: &mut Vec<u8>) -> io::Result<()> {
        content.clear();
        content.reserve_exact(content_bound(member).unwrap_or(largest).min(largest));
        Decompressor::new()?.decompress_to_buffer(member, content).map(drop)
    }

    fn largest(&self) -> usize {
        16 << 20
    }

    /// Follows the lengths of the blocks.
    fn find_end(&self, bytes: &[u8], from: &mut usize) -> MemberEnd {
        if *from == 0 {
            match header_len(bytes) {
                Some(len) => *from = len,
                None if MAGIC.starts_with(bytes) || bytes.starts_with(MAGIC) => return MemberEnd::Later,
                None => return MemberEnd::Unknown,
            }
        }
        let checksum = 4 * usize::from(bytes[4] >> 2 & 1);
        while let Some((last, len)) = block(bytes, *from) {
            *from += len;
            if last {
                return MemberEnd::At(*from + checksum);
            }
        }
        MemberEnd::Later
    }
}

/// Returns the length of a frame before its first block (RFC 8878, section 3.1.1.1); `None` if `bytes` are too short.
fn header_len(bytes: &[u8]) -> Option<usize> {
    let descriptor = *bytes.strip_prefix(MAGIC)?.first()?;
    let single_segment = descriptor >> 5 & 1;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content_size = match descriptor >> 6 {
        0 => usize::from(single_segment),
        log => 1 << log,
    };
    Some(5 + usize::from(1 - single_segment) + dictionary + content_size)
}

/// Returns whether the block at this offset is the last one, and its length (section 3.1.1.2).
fn block(bytes: &[u8], at: usize) -> Option<(bool, usize)> {
    let [a, b, c] = *bytes.get(at..)?.first_chunk()?;
    let head = u32::from_le_bytes([a, b, c, 0]);
    let (last, kind, size) = (head & 1 == 1, head >> 1 & 3, (head >> 3) as usize);
    // A block of one repeated byte stores only that byte.
    Some((last, 3 + if kind == 1 { 1 } else { size }))
}

/// Returns an upper bound of the content of a whole frame, in bytes.
fn content_bound(member: &[u8]) -> Option<usize> {
    let mut at = header_len(member)?;
    let mut blocks = 0;
    loop {
        let (last, len) = block(member, at)?;
        at += len;
        blocks += 1;
        if last {
            return Some(blocks * LARGEST_BLOCK);
        }
    }
}

impl<'w> MemberEncoder<'w> for FrameEncoder<'_, Box<dyn Write + 'w>> {
    fn finish(self: Box<Self>, _: bool) -> io::Result<Box<dyn Write + 'w>> {
        (*self).finish()
    }
}

impl<'r> MemberDecoder<'r> for FrameDecoder<'_, Box<dyn BufRead + 'r>> {
    fn into_source(self: Box<Self>) -> Box<dyn BufRead + 'r> {
        self.into_inner()
    }
}
