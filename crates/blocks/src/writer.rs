//! Content to blocks.

use std::io::{self, Write};
use std::num::NonZeroUsize;

use crate::block::Worker;
use crate::codec::Codec;
use crate::header::{end, start};
use crate::in_order::in_order;

/// Bytes of content in a block. With its planes, it fits into a small second-level cache.
pub(crate) const BLOCK_LEN: usize = 256 << 10;

/// Blocks that are gathered before several threads are started for them.
const GATHERED: usize = 16;

/// Spawning a thread takes about as long as packing a block.
const BLOCKS_WORTH_A_THREAD: usize = 2;

/// Packs the bytes that are written into it.
///
/// [`finish`](Writer::finish) ends the stream; without it, the stream is cut off. `flush` writes no block that is not
/// full, so a reader can not read all bytes that were written before it. After an error, the stream is torn: each later
/// call is an error too.
pub struct Writer<W> {
    target: W,
    codec: Codec,
    threads: usize,
    /// As many as threads were needed so far.
    workers: Vec<Worker>,
    /// Memory of packed blocks, to be used again.
    spare: Vec<Vec<u8>>,
    /// Content that is not packed yet.
    gathered: Vec<u8>,
    /// Length and width of each block in `gathered` but the last.
    cuts: Vec<(usize, usize)>,
    /// Where in `gathered` the last block begins.
    last_at: usize,
    /// Bytes of an element of the current array, and the bytes of the array that have not been written.
    width: usize,
    array: u64,
    blocks: u64,
    total: u64,
    /// Whether a call has failed. The target may then hold a part of a block.
    failed: bool,
}

impl<W: Write> Writer<W> {
    /// Creates a writer, and writes the start of a stream into `target`.
    ///
    /// # Errors
    /// What `target` reports, or that the codec is not in this build.
    pub fn new(codec: Codec, threads: NonZeroUsize, mut target: W) -> io::Result<Self> {
        let workers = vec![Worker::new(codec)?];
        target.write_all(&start(codec))?;
        Ok(Writer {
            target,
            codec,
            threads: threads.get(),
            workers,
            spare: Vec::new(),
            gathered: Vec::new(),
            cuts: Vec::new(),
            last_at: 0,
            width: 1,
            array: 0,
            blocks: 0,
            total: 0,
            failed: false,
        })
    }

    /// Runs one step of the stream, unless an earlier one has failed or panicked.
    fn step<T>(&mut self, step: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        if self.failed {
            return Err(io::Error::other(
                "an earlier write into this stream of blocks failed, so it can't be continued",
            ));
        }
        self.failed = true;
        let done = step(self)?;
        self.failed = false;
        Ok(done)
    }

    /// Announces that the next `bytes` bytes are an array of numbers, `width` bytes each. A block then has elements of one
    /// width, and begins with a whole one. Widths other than 2, 4, 8 and 16 are packed as bytes.
    ///
    /// # Errors
    /// What the target reports for a block that this completes, or that an earlier call failed.
    pub fn array_ahead(&mut self, width: usize, bytes: u64) -> io::Result<()> {
        self.step(|writer| {
            writer.cut()?;
            writer.width = if matches!(width, 2 | 4 | 8 | 16) { width } else { 1 };
            writer.array = bytes;
            Ok(())
        })
    }

    /// Writes the remaining blocks and the end of the stream. Returns the target.
    ///
    /// # Errors
    /// What the target reports, or that an earlier call failed.
    pub fn finish(mut self) -> io::Result<W> {
        self.step(|writer| {
            writer.cut()?;
            writer.pack_gathered()?;
            writer.target.write_all(&end(writer.blocks, writer.total))
        })?;
        Ok(self.target)
    }

    /// Returns how many bytes are gathered before they are packed.
    fn enough(&self) -> usize {
        if self.threads > 1 { GATHERED * BLOCK_LEN } else { BLOCK_LEN }
    }

    /// Ends the block that is being gathered.
    fn cut(&mut self) -> io::Result<()> {
        let len = self.gathered.len() - self.last_at;
        if len > 0 {
            self.cuts.push((len, self.width));
            self.last_at = self.gathered.len();
        }
        if self.gathered.len() >= self.enough() { self.pack_gathered() } else { Ok(()) }
    }

    fn pack_gathered(&mut self) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        let cuts = std::mem::take(&mut self.cuts);
        let mut rest = gathered.as_slice();
        let blocks = cuts.iter().map(|&(len, width)| {
            let (block, after) = rest.split_at(len);
            rest = after;
            (block, width)
        });
        self.pack_all(gathered.len().div_ceil(BLOCK_LEN), blocks)?;
        (self.gathered, self.cuts, self.last_at) = (gathered, cuts, 0);
        self.gathered.clear();
        self.cuts.clear();
        Ok(())
    }

    /// Packs and writes blocks; `count` whole blocks of content decide how many threads are worth it.
    fn pack_all<'b>(&mut self, count: usize, blocks: impl Iterator<Item = (&'b [u8], usize)>) -> io::Result<()> {
        let threads = self.threads.min(count / BLOCKS_WORTH_A_THREAD).max(1);
        while self.workers.len() < threads {
            self.workers.push(Worker::new(self.codec)?);
        }
        let Writer { target, workers, spare, blocks: number, total, .. } = self;
        let spare = std::cell::RefCell::new(spare);
        let mut blocks = blocks.fuse();
        in_order(
            &mut workers[..threads],
            &mut || {
                Ok(blocks.next().map(|(block, width)| {
                    let index = *number;
                    *number += 1;
                    *total += block.len() as u64;
                    (block, width, index, spare.borrow_mut().pop().unwrap_or_default())
                }))
            },
            &|worker, (block, width, index, mut packed)| -> io::Result<_> {
                let stored = worker.pack(block, width, index, &mut packed)?;
                Ok((packed, if stored { block } else { &[] }))
            },
            &mut |result| {
                let (packed, stored) = result?;
                target.write_all(&packed)?;
                target.write_all(stored)?;
                spare.borrow_mut().push(packed);
                Ok(())
            },
        )
    }

    /// Adds content of one array, or content outside of arrays.
    fn write_alike(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let gathering = self.gathered.len() - self.last_at;
            if gathering == 0 && bytes.len() >= self.enough() {
                self.pack_gathered()?;
                let width = self.width;
                let (whole, rest) = bytes.split_at(bytes.len() / BLOCK_LEN * BLOCK_LEN);
                self.pack_all(whole.len() / BLOCK_LEN, whole.chunks_exact(BLOCK_LEN).map(|block| (block, width)))?;
                bytes = rest;
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_LEN - gathering));
            self.gathered.extend_from_slice(now);
            if gathering + now.len() == BLOCK_LEN {
                self.cut()?;
            }
            bytes = later;
        }
        Ok(())
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.step(|writer| {
            let in_array = usize::try_from(writer.array).unwrap_or(usize::MAX).min(bytes.len());
            let (array, rest) = bytes.split_at(in_array);
            writer.write_alike(array)?;
            writer.array -= array.len() as u64;
            if writer.array == 0 && writer.width > 1 {
                writer.cut()?;
                writer.width = 1;
            }
            writer.write_alike(rest)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.step(|writer| writer.target.flush())
    }
}
