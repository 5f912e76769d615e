//! LZ4 blocks, written by lz4_flex.

use std::io;

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};

use crate::error::invalid;
use crate::lz4_decoder;
use crate::stream_codec::{StreamCodec, grow};

pub(crate) struct Lz4 {
    table: CompressTable,
    buffer: Vec<u8>,
}

impl Lz4 {
    pub(crate) fn new() -> Self {
        Lz4 { table: CompressTable::small(), buffer: Vec::new() }
    }
}

impl StreamCodec for Lz4 {
    fn pack(&mut self, stream: &[u8], limit: usize) -> io::Result<Option<&[u8]>> {
        // The small table is faster to clear, and lz4_flex does not return to it by itself.
        if stream.len() < usize::from(u16::MAX) && matches!(self.table, CompressTable::Large(_)) {
            self.table = CompressTable::small();
        }
        grow(&mut self.buffer, get_maximum_output_size(stream.len()));
        let packed_len =
            compress_into_with_table(stream, &mut self.buffer, &mut self.table).map_err(io::Error::other)?;
        Ok((packed_len <= limit).then(|| &self.buffer[..packed_len]))
    }

    fn unpack(&mut self, packed: &[u8], target: &mut [u8]) -> io::Result<()> {
        lz4_decoder::unpack(packed, target).ok_or_else(|| invalid("a stream of a block is no LZ4 block of its length"))
    }
}

#[cfg(test)]
mod tests {
    use crate::lz4_decoder::unpack;
    use crate::tests::Random;

    /// Bytes with matches of all distances and lengths.
    fn content(random: &mut Random) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..if cfg!(miri) { 4 } else { 40 } {
            let literals = random.below(40);
            bytes.extend((0..literals).map(|_| random.next().to_le_bytes()[0]));
            let farthest = [3, 20, 300][random.below(3)];
            let distance = 1 + random.below(farthest);
            for _ in 0..random.below(700) {
                if let Some(from) = bytes.len().checked_sub(distance) {
                    bytes.push(bytes[from]);
                }
            }
        }
        bytes
    }

    #[test]
    fn the_own_decoder_reads_blocks_of_lz4_flex() {
        let mut random = Random(21);
        for _ in 0..if cfg!(miri) { 3 } else { 500 } {
            let content = content(&mut random);
            let packed = lz4_flex::block::compress(&content);
            let mut target = vec![0; content.len()];
            assert!(unpack(&packed, &mut target).is_some());
            assert!(target == content);
            assert!(unpack(&packed, &mut vec![0; content.len() + 1]).is_none());
            assert!(content.is_empty() || unpack(&packed, &mut target[1..]).is_none());
        }
    }

    #[test]
    fn the_own_decoder_accepts_a_damaged_block_when_lz4_flex_does() {
        let mut random = Random(22);
        for _ in 0..if cfg!(miri) { 2 } else { 300 } {
            let content = content(&mut random);
            let mut packed = lz4_flex::block::compress(&content);
            for _ in 0..20 {
                let at = random.below(packed.len());
                let before = std::mem::replace(&mut packed[at], random.next().to_le_bytes()[0]);
                let (mut one, mut other) = (vec![0; content.len()], vec![0; content.len()]);
                let expected = lz4_flex::block::decompress_into(&packed, &mut other);
                let whole = matches!(expected, Ok(len) if len == content.len());
                assert_eq!(unpack(&packed, &mut one).is_some(), whole);
                assert!(!whole || one == other);
                unpack(&packed[..at], &mut one);
                packed[at] = before;
            }
        }
    }
}
