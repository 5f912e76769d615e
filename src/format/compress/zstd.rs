//! Zstandard, by the zstd crate, which contains the reference implementation in C.

use std::io::{self, BufRead, Read, Write};

use zstd::Error as ZstdError;
use zstd::bulk::Decompressor;
use zstd::stream::read::Decoder as FrameDecoder;
use zstd::stream::write::Encoder as FrameEncoder;
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

use crate::error::{Error, ErrorKind};
use crate::format::compress::backend::Backends;
use crate::format::compress::decompressed::needs_dictionary;
use crate::format::compress::method::Method;
use crate::format::compress::multi_member::filler::Filler;
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

    fn stores_size(&self) -> bool {
        true
    }

    fn encoder<'w>(
        &self,
        level: i32,
        size: Option<u64>,
        target: Box<dyn Write + 'w>,
    ) -> io::Result<Box<dyn MemberEncoder<'w> + 'w>> {
        let mut encoder = FrameEncoder::new(target, level)?;
        encoder.set_pledged_src_size(size)?;
        encoder.include_checksum(true)?;
        Ok(Box::new(encoder))
    }

    fn decoder<'r>(&self, source: Box<dyn BufRead + 'r>, memory: usize) -> io::Result<Box<dyn MemberDecoder<'r> + 'r>> {
        let mut decoder = FrameDecoder::with_buffer(source)?.single_frame();
        decoder.window_log_max(memory.ilog2().min(LARGEST_WINDOW_LOG))?;
        Ok(Box::new(Frame(decoder)))
    }

    /// Decompresses the whole frame in one step, which needs no window besides the content.
    fn decompress(&self, member: &[u8], largest: usize, content: &mut Vec<u8>) -> io::Result<()> {
        content.clear();
        content.reserve_exact(content_bound(member).unwrap_or(largest).min(largest));
        Decompressor::new()?.decompress_to_buffer(member, content).map(drop)
    }

    fn filler(&self) -> Filler {
        Filler::Frames
    }

    fn largest(&self) -> usize {
        16 << 20
    }

    /// Follows the lengths of the blocks.
    fn find_end(&self, bytes: &[u8], from: &mut usize) -> MemberEnd {
        if *from == 0 {
            match Header::read(bytes) {
                // The decoder of a whole frame has no limit, and no dictionary either.
                Some(header) if header.window > 1 << LARGEST_WINDOW_LOG => return MemberEnd::Unknown,
                Some(header) => *from = header.len,
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

/// The part of a frame before its first block (RFC 8878, section 3.1.1.1).
struct Header {
    /// Its length, in bytes.
    len: usize,
    /// Size of the window, in bytes; 0 if the frame has none besides its content.
    window: u64,
}

impl Header {
    /// Returns `None` if `bytes` are too short.
    fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let descriptor = *rest.first()?;
        let single_segment = descriptor >> 5 & 1 == 1;
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let content_size = match descriptor >> 6 {
            0 => usize::from(single_segment),
            log => 1 << log,
        };
        let window = if single_segment { 0 } else { window(*rest.get(1)?) };
        Some(Header { len: 5 + usize::from(!single_segment) + dictionary + content_size, window })
    }
}

/// Returns the size of a window from its byte (section 3.1.1.1.2).
fn window(byte: u8) -> u64 {
    let base = 1 << (10 + (byte >> 3));
    base + base / 8 * u64::from(byte & 7)
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
    let mut at = Header::read(member)?.len;
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

/// Reader of one frame, whose errors say what to do.
struct Frame<'r>(FrameDecoder<'static, Box<dyn BufRead + 'r>>);

impl Read for Frame<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        self.0.read(target).map_err(failed)
    }
}

fn failed(error: io::Error) -> io::Error {
    let Some(known) = error.get_ref().and_then(|inner| inner.downcast_ref::<ZstdError>()) else { return error };
    if known.is(ZSTD_ErrorCode::ZSTD_error_dictionary_wrong) {
        return needs_dictionary("`zstd -dc -D DICTIONARY`").into();
    }
    if !known.is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        return error;
    }
    let message = format!(
        "its window is larger than {} MiB, which is the limit; decompress it with `zstd -dc --long=31` before it is loaded, \
         or compress it again without `--long` and `--ultra`",
        (1 << LARGEST_WINDOW_LOG) >> 20
    );
    Error::new(ErrorKind::LimitExceeded, message).into()
}

impl<'r> MemberDecoder<'r> for Frame<'r> {
    fn into_source(self: Box<Self>) -> Box<dyn BufRead + 'r> {
        self.0.into_inner()
    }
}
