//! gzip compression, by flate2.
//!
//! If there are several members, each has an extra field with its length (RFC 1952, section 2.3.1.1), as in BGZF. It shows
//! where the member ends before it is decompressed:
//!
//! ```text
//! "L" "R"  04 00  the bytes of the member, from 1f 8b to the end of its checksums: u32, little-endian
//! ```
//!
//! A single member has no such field.

use std::io::{self, BufRead, Write};

use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use crate::format::compress::backend::Backends;
use crate::format::compress::method::Method;
use crate::format::compress::multi_member::filler::Filler;
use crate::format::compress::multi_member::format::{MemberDecoder, MemberEncoder, MemberEnd, MemberFormat};

struct Gzip;

pub(super) const BACKENDS: Backends = &[(Method::Gzip, &Gzip)];

const SEGMENT: usize = 1 << 20;
const MAGIC: &[u8] = Method::Gzip.magic();

/// Size of a header without extra fields, the offset of its flags, and the flag for extra fields.
const HEADER: usize = 10;
const FLAGS: usize = 3;
const EXTRA: u8 = 4;

/// The bytes between the header and the length, if there are several members: the total length of the extra fields,
/// then name and length of this one.
const LENGTH_FOLLOWS: [u8; 6] = [8, 0, b'L', b'R', 4, 0];
const LABEL: usize = LENGTH_FOLLOWS.len() + 4;

impl MemberFormat for Gzip {
    fn segment(&self, _: i32) -> usize {
        SEGMENT
    }

    fn encoder_memory(&self, _: i32) -> usize {
        1 << 20
    }

    fn encoder<'w>(
        &self,
        level: i32,
        _: Option<u64>,
        target: Box<dyn Write + 'w>,
    ) -> io::Result<Box<dyn MemberEncoder<'w> + 'w>> {
        let encoder = GzEncoder::new(Vec::new(), super::zlib::deflate_level(level));
        Ok(Box::new(Labelling { encoder, piece: Vec::new(), target }))
    }

    fn decoder<'r>(&self, source: Box<dyn BufRead + 'r>, _: usize) -> io::Result<Box<dyn MemberDecoder<'r> + 'r>> {
        Ok(Box::new(GzDecoder::new(source)))
    }

    fn filler(&self) -> Filler {
        Filler::Zeros(1)
    }

    fn largest(&self) -> usize {
        SEGMENT
    }

    fn find_end(&self, bytes: &[u8], _: &mut usize) -> MemberEnd {
        let Some(header) = bytes.get(..HEADER + LABEL) else { return MemberEnd::Later };
        let (header, label) = header.split_at(HEADER);
        match label.split_first_chunk::<6>() {
            Some((&LENGTH_FOLLOWS, &[a, b, c, d])) if header.starts_with(MAGIC) && header[FLAGS] == EXTRA => {
                usize::try_from(u32::from_le_bytes([a, b, c, d])).map_or(MemberEnd::Unknown, MemberEnd::At)
            }
            _ => MemberEnd::Unknown,
        }
    }
}

/// Size of each piece of input, in bytes. The output of deflate depends on how its input is cut, so the pieces are
/// fixed.
const PIECE: usize = 64 << 10;

/// Writer that buffers the member until its length is known.
struct Labelling<'w> {
    encoder: GzEncoder<Vec<u8>>,
    /// The bytes of the current, incomplete piece.
    piece: Vec<u8>,
    target: Box<dyn Write + 'w>,
}

impl Write for Labelling<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.is_empty() && bytes.len() >= PIECE {
            self.encoder.write_all(&bytes[..PIECE])?;
            return Ok(PIECE);
        }
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == PIECE {
            self.encoder.write_all(&self.piece)?;
            self.piece.clear();
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MemberEncoder<'w> for Labelling<'w> {
    fn finish(self: Box<Self>, alone: bool) -> io::Result<Box<dyn Write + 'w>> {
        let Labelling { mut encoder, piece, mut target } = *self;
        encoder.write_all(&piece)?;
        let mut member = encoder.finish()?;
        let len = u32::try_from(member.len() + LABEL);
        if let (false, Ok(len)) = (alone, len) {
            member[FLAGS] |= EXTRA;
            target.write_all(&member[..HEADER])?;
            target.write_all(&LENGTH_FOLLOWS)?;
            target.write_all(&len.to_le_bytes())?;
            member.drain(..HEADER);
        }
        target.write_all(&member)?;
        Ok(target)
    }
}

impl<'r> MemberDecoder<'r> for GzDecoder<Box<dyn BufRead + 'r>> {
    fn into_source(self: Box<Self>) -> Box<dyn BufRead + 'r> {
        self.into_inner()
    }
}
