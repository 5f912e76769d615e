//! Bytes without content, which may be before, between and after members.

use std::io::{self, BufRead};

/// What decoders of a format skip besides members without content.
#[derive(Clone, Copy)]
pub(crate) enum Filler {
    /// Zeros, in multiples of this number of bytes: padding of tapes and disks.
    #[cfg_attr(
        not(any(test, feature = "zlib", feature = "bz2", feature = "xz")),
        expect(dead_code, reason = "such a build has no format with padding")
    )]
    Zeros(u64),
    /// Skippable frames (RFC 8878, section 3.1.2), which Zstandard and LZ4 have in common.
    #[cfg_attr(
        not(any(test, feature = "lz4", feature = "zstd")),
        expect(dead_code, reason = "such a build has no format with skippable frames")
    )]
    Frames,
}

/// Size of the head of a skippable frame, in bytes: its magic, and the length of the rest.
const FRAME_HEAD: usize = 8;

/// Returns whether these bytes begin with the magic of a skippable frame.
pub(crate) fn is_frame(head: &[u8]) -> bool {
    head.len() >= 4 && may_be_frame(head)
}

/// Returns whether these bytes begin with the magic of a skippable frame, or it begins with them.
pub(crate) fn may_be_frame(head: &[u8]) -> bool {
    let Some((0x50..=0x5f, rest)) = head.split_first() else { return false };
    let magic = [0x2a, 0x4d, 0x18];
    rest.starts_with(&magic) || magic.starts_with(rest)
}

impl Filler {
    /// Skips as many of these bytes as follow. Reads nothing else.
    ///
    /// # Errors
    /// If they are incomplete.
    pub(crate) fn skip(self, source: &mut dyn BufRead) -> io::Result<()> {
        match self {
            Filler::Zeros(unit) => skip_zeros(unit, source),
            Filler::Frames => {
                while matches!(buffered(source)?, [0x50..=0x5f, ..]) {
                    skip_frame(source)?;
                }
                Ok(())
            }
        }
    }
}

/// Returns the next bytes of the source; none at its end.
fn buffered(source: &mut dyn BufRead) -> io::Result<&[u8]> {
    while let Err(error) = source.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    source.fill_buf()
}

fn skip_zeros(unit: u64, source: &mut dyn BufRead) -> io::Result<()> {
    let mut skipped = 0;
    loop {
        let bytes = buffered(source)?;
        let zeros = bytes.iter().position(|byte| *byte != 0);
        let count = zeros.unwrap_or(bytes.len());
        let ended = zeros.is_some() || bytes.is_empty();
        source.consume(count);
        skipped += count as u64;
        if !ended {
            continue;
        }
        if skipped % unit == 0 {
            return Ok(());
        }
        let message = format!("the padding has {skipped} bytes, which is no multiple of {unit}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
}

/// Skips a skippable frame.
pub(crate) fn skip_frame(source: &mut dyn BufRead) -> io::Result<()> {
    let mut head = [0; FRAME_HEAD];
    source.read_exact(&mut head)?;
    if !is_frame(&head) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "neither a frame nor a skippable frame follows"));
    }
    let [.., a, b, c, d] = head;
    let mut left = u64::from(u32::from_le_bytes([a, b, c, d]));
    while left > 0 {
        let count = buffered(source)?.len();
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(count);
        source.consume(count);
        left -= count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read as _};

    use super::*;

    /// Returns what is left after skipping, from a source that returns a few bytes at a time.
    fn rest(filler: Filler, bytes: &[u8]) -> Result<Vec<u8>, io::ErrorKind> {
        let mut source = BufReader::with_capacity(3, bytes);
        filler.skip(&mut source).map_err(|error| error.kind())?;
        let mut rest = Vec::new();
        source.read_to_end(&mut rest).unwrap();
        Ok(rest)
    }

    #[test]
    fn skips_nothing_else() {
        let frame = |len: u8| [&[0x5a, 0x2a, 0x4d, 0x18, len, 0, 0, 0][..], &vec![7; len.into()]].concat();
        assert_eq!(rest(Filler::Frames, &[frame(0), frame(9), vec![0x28, 1]].concat()), Ok(vec![0x28, 1]));
        assert_eq!(rest(Filler::Frames, b""), Ok(vec![]));
        assert_eq!(rest(Filler::Frames, &frame(9)[..16]), Err(io::ErrorKind::UnexpectedEof));
        assert_eq!(rest(Filler::Frames, b"Zephyr and more"), Err(io::ErrorKind::InvalidData));
        assert_eq!(rest(Filler::Zeros(1), b"\0\0\0\0\0x\0"), Ok(b"x\0".to_vec()));
        assert_eq!(rest(Filler::Zeros(4), b"\0\0\0\0\0\0\0\0"), Ok(vec![]));
        assert_eq!(rest(Filler::Zeros(4), b"\0\0\0\0\0x"), Err(io::ErrorKind::InvalidData));
    }
}
