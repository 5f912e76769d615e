//! Content to blocks.

use std::io::{self, Write};

use crate::format::compress::backend::Finish;
use crate::format::compress::blocks::block::Worker;
use crate::format::compress::blocks::codec::Choice;
use crate::format::compress::blocks::end::end;
use crate::format::compress::blocks::header::{FORMAT_VERSION, MAGIC_END, MAGIC_START};
use crate::format::compress::blocks::in_order::in_order;
use crate::format::target::Target;
use crate::sys::workers::threads;

/// Content of a block. Half of a small second-level cache, for there it is shuffled and packed.
pub(super) const BLOCK_LEN: usize = 256 << 10;

/// Blocks that are gathered before several threads are started for them.
const GATHERED: usize = 16;

/// Bytes that are worth packing at once.
fn enough() -> usize {
    if threads() > 1 { GATHERED * BLOCK_LEN } else { BLOCK_LEN }
}

/// Spawning a thread takes about as long as packing a block.
const BLOCKS_WORTH_A_THREAD: usize = 2;

/// Packs what is written into it.
pub(super) struct Writer<'w> {
    target: &'w mut dyn Write,
    choice: Choice,
    workers: Vec<Worker>,
    /// Packed blocks that have been written: their memory is used again.
    spare: Vec<Vec<u8>>,
    /// Content that is not packed yet.
    gathered: Vec<u8>,
    /// The blocks that it makes, but for the last: length and width.
    cuts: Vec<(usize, usize)>,
    /// Where in `gathered` the last begins.
    last_at: usize,
    /// Bytes of an element, and how many bytes of the array are still to come.
    width: usize,
    array: u64,
    blocks: u64,
    total: u64,
}

impl<'w> Writer<'w> {
    pub(super) fn new(choice: Choice, target: &'w mut dyn Write) -> io::Result<Self> {
        target.write_all(&MAGIC_START)?;
        target.write_all(&[choice.letter()])?;
        target.write_all(&MAGIC_END)?;
        target.write_all(&[FORMAT_VERSION])?;
        Ok(Writer {
            target,
            choice,
            workers: Vec::new(),
            spare: Vec::new(),
            gathered: Vec::new(),
            cuts: Vec::new(),
            last_at: 0,
            width: 1,
            array: 0,
            blocks: 0,
            total: 0,
        })
    }

    /// Ends the block that is being gathered.
    fn cut(&mut self) -> io::Result<()> {
        let len = self.gathered.len() - self.last_at;
        if len > 0 {
            self.cuts.push((len, self.width));
            self.last_at = self.gathered.len();
        }
        if self.gathered.len() >= enough() { self.pack_gathered() } else { Ok(()) }
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

    /// Packs and writes blocks, on as many threads as `count` whole ones are worth.
    fn pack_all<'b>(&mut self, count: usize, blocks: impl Iterator<Item = (&'b [u8], usize)>) -> io::Result<()> {
        let threads = threads().min(count / BLOCKS_WORTH_A_THREAD).max(1);
        while self.workers.len() < threads {
            self.workers.push(Worker::new(self.choice));
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

    /// Up to the end of an array, or of other content.
    fn write_alike(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let gathering = self.gathered.len() - self.last_at;
            if gathering == 0 && bytes.len() >= enough() {
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

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let in_array = usize::try_from(self.array).unwrap_or(usize::MAX).min(bytes.len());
        let (array, rest) = bytes.split_at(in_array);
        self.write_alike(array)?;
        self.array -= array.len() as u64;
        if self.array == 0 && self.width > 1 {
            self.cut()?;
            self.width = 1;
        }
        self.write_alike(rest)
    }

    /// A block is written when it is full.
    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

impl Target for Writer<'_> {
    fn array_ahead(&mut self, width: usize, bytes: u64) -> io::Result<()> {
        self.cut()?;
        self.width = if matches!(width, 2 | 4 | 8 | 16) { width } else { 1 };
        self.array = bytes;
        Ok(())
    }
}

impl Finish for Writer<'_> {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.cut()?;
        self.pack_gathered()?;
        self.target.write_all(&end(self.blocks, self.total))
    }
}
