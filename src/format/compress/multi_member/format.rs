//! What a format with several members provides.

use std::io::{self, BufRead, Read, Write};

/// A format that reads several members, one after another, as one content.
pub(crate) trait MemberFormat: Sync {
    /// Returns the bytes of content in each member but the last.
    fn segment(&self, level: i32) -> usize;

    /// Returns about how many bytes of memory one encoder needs.
    fn encoder_memory(&self, level: i32) -> usize;

    /// Returns an encoder of one member. The pieces in which it is given the content do not change its output.
    fn encoder<'w>(&self, level: i32, target: Box<dyn Write + 'w>) -> io::Result<Box<dyn MemberEncoder<'w> + 'w>>;

    /// Returns a decoder of one member. It reads no byte of `source` after the member, gives
    /// 0 bytes at its end, and `UnexpectedEof` if the source ends first. A member that needs
    /// more than about `memory` bytes is an error.
    fn decoder<'r>(&self, source: Box<dyn BufRead + 'r>, memory: usize) -> io::Result<Box<dyn MemberDecoder<'r> + 'r>>;

    /// Decompresses exactly one member with at most `largest` bytes of content. Replaces what `content` holds.
    fn decompress(&self, member: &[u8], largest: usize, content: &mut Vec<u8>) -> io::Result<()> {
        read_whole(self.decoder(Box::new(member), 2 * largest)?, largest, content)
    }

    /// Returns a limit: members with more content or more bytes are not decompressed by other threads.
    fn largest(&self) -> usize;

    /// Looks for the end of the member that `bytes` begins with. `from` is 0 at first, and keeps its value for the next
    /// call with more bytes. A wrong end costs time, but changes no result.
    fn find_end(&self, bytes: &[u8], from: &mut usize) -> MemberEnd;
}

/// Where a member ends.
#[cfg_attr(
    not(any(feature = "zlib", feature = "bz2", feature = "xz", feature = "lz4", feature = "zstd")),
    expect(dead_code, reason = "such a build has no format with members")
)]
pub(crate) enum MemberEnd {
    /// After this number of bytes, which may not be read yet.
    At(usize),
    /// More bytes are needed to say.
    Later,
    /// The member does not show it.
    Unknown,
}

/// Writes one member.
pub(crate) trait MemberEncoder<'w>: Write {
    /// Ends the member and begins the next one in the same target. Returns false, and does nothing, if it can't.
    fn restart(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    /// Writes the rest and the end of the member. Returns the target. `alone` says that the
    /// value has no other member.
    fn finish(self: Box<Self>, alone: bool) -> io::Result<Box<dyn Write + 'w>>;
}

/// Reads one member.
pub(crate) trait MemberDecoder<'r>: Read {
    /// Returns the source, which stands after the last byte that was read.
    fn into_source(self: Box<Self>) -> Box<dyn BufRead + 'r>;
}

/// The least room for content.
const STEP: usize = 256 << 10;

/// Reads the one member that `decoder`'s source holds, with at most `largest` bytes of content. Overwrites
/// `content`: filling it with zeros for each member would cost as much time as some decoders take.
fn read_whole<'r>(
    mut decoder: Box<dyn MemberDecoder<'r> + 'r>,
    largest: usize,
    content: &mut Vec<u8>,
) -> io::Result<()> {
    let mut len = 0;
    loop {
        if len < content.len() {
            let count = decoder.read(&mut content[len..])?;
            len += count;
            if count == 0 {
                break;
            }
            continue;
        }
        // Most members have the same size, so this one probably ends here.
        let mut more = [0; 64];
        let count = decoder.read(&mut more)?;
        if count == 0 {
            break;
        }
        if len + count > largest {
            return Err(io::Error::other("the member is too large to be held in memory"));
        }
        let room = (2 * (len + count)).clamp(STEP, largest);
        content.reserve_exact(room - len);
        content.extend_from_slice(&more[..count]);
        len = content.len();
        content.resize(room, 0);
    }
    content.truncate(len);
    if !decoder.into_source().fill_buf()?.is_empty() {
        return Err(io::Error::other("the member ends early"));
    }
    Ok(())
}
