//! `MemberFormat`: the interface of a format whose values may have several members.

use std::io::{self, BufRead, Read, Write};

use crate::format::compress::multi_member::filler::Filler;

/// A format in which several members, one after another, form one content.
pub(crate) trait MemberFormat: Sync {
    /// Returns the size of the content of each member except the last, in bytes.
    fn segment(&self, level: i32) -> usize;

    /// Returns the approximate memory of one encoder, in bytes.
    fn encoder_memory(&self, level: i32) -> usize;

    /// Returns whether a member begins with the size of its content.
    fn stores_size(&self) -> bool {
        false
    }

    /// Returns an encoder of one member. Its output must not depend on how the content is cut into writes. `size` is
    /// the size of the content, if it is known; it is if the format [stores it](MemberFormat::stores_size).
    fn encoder<'w>(
        &self,
        level: i32,
        size: Option<u64>,
        target: Box<dyn Write + 'w>,
    ) -> io::Result<Box<dyn MemberEncoder<'w> + 'w>>;

    /// Returns what may be between members and after the last one, besides members without content.
    fn filler(&self) -> Filler;

    /// Returns a decoder of one member. It reads no byte of `source` after the member. At the member's end it returns 0
    /// bytes; if the source ends first, `UnexpectedEof`. A member that needs more than about `memory` bytes is an
    /// error.
    fn decoder<'r>(&self, source: Box<dyn BufRead + 'r>, memory: usize) -> io::Result<Box<dyn MemberDecoder<'r> + 'r>>;

    /// Decompresses exactly one member with at most `largest` bytes of content. Overwrites `content`.
    fn decompress(&self, member: &[u8], largest: usize, content: &mut Vec<u8>) -> io::Result<()> {
        read_whole(self.decoder(Box::new(member), 2 * largest)?, largest, content)
    }

    /// Returns the size limit, in bytes, of members that other threads decompress, and of their content.
    fn largest(&self) -> usize;

    /// Searches for the end of the member that `bytes` begins with. `from` is 0 at first, and keeps its value for the
    /// next call with more bytes. A wrong result costs time, but does not change the content.
    fn find_end(&self, bytes: &[u8], from: &mut usize) -> MemberEnd;
}

/// Result of searching for the end of a member.
#[cfg_attr(
    not(any(feature = "zlib", feature = "bz2", feature = "xz", feature = "lz4", feature = "zstd")),
    expect(dead_code, reason = "such a build has no format with members")
)]
pub(crate) enum MemberEnd {
    /// The member has this number of bytes, of which some may not be read yet.
    At(usize),
    /// More bytes are needed.
    Later,
    /// The end can't be found.
    Unknown,
}

/// Writes one member.
pub(crate) trait MemberEncoder<'w>: Write {
    /// Writes the rest and the end of the member. Returns the target. `alone` says that the value has no other member.
    fn finish(self: Box<Self>, alone: bool) -> io::Result<Box<dyn Write + 'w>>;
}

/// Reads one member.
pub(crate) trait MemberDecoder<'r>: Read {
    /// Returns the source, positioned after the last byte of the member that was read.
    fn into_source(self: Box<Self>) -> Box<dyn BufRead + 'r>;
}

/// Minimum room for content, in bytes.
const STEP: usize = 256 << 10;

/// Reads the one member that `decoder`'s source holds, with at most `largest` bytes of content. Overwrites `content`
/// without clearing it: filling it with zeros for each member would cost as much time as some decoders take.
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
