//! Blocks to content.

use std::io::{self, BufRead, Read};
use std::num::NonZeroUsize;

use crate::block::Worker;
use crate::codec::Codec;
use crate::error::invalid;
use crate::header::{HEADER_LEN, Header, START_LEN, parse_next, parse_start};
use crate::in_order::in_order;

/// Spawning a thread takes about as long as unpacking a block.
const BYTES_WORTH_A_THREAD: usize = 512 << 10;

/// Unpacks one stream.
///
/// It gives no byte whose checksum it has not compared, and 0 bytes at the end of the stream. It takes not one byte from
/// the source that is not part of the stream. A damaged stream is an error of kind
/// [`InvalidData`](io::ErrorKind::InvalidData), one that ends early of kind
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
///
/// Only a read of several blocks, with a target of 1 MiB or more, uses more than one thread.
pub struct Reader<R> {
    source: R,
    threads: usize,
    /// As many as threads were needed so far.
    workers: Vec<Worker>,
    /// Memory of packed blocks, to be used again.
    spare: Vec<Vec<u8>>,
    /// A block that did not fit into the target of a read, and how much of it was given.
    buffer: Vec<u8>,
    at: usize,
    next: Next,
    blocks: u64,
    total: u64,
}

/// The next part of the source.
enum Next {
    Start,
    Header(Codec),
    /// The bytes of a block whose header has been read.
    Block(Codec, Header),
    Nothing,
    /// A read has failed before.
    Damaged,
}

impl<R: BufRead> Reader<R> {
    /// Creates a reader of the stream that `source` holds next. Nothing is read from it yet.
    pub fn new(threads: NonZeroUsize, source: R) -> Self {
        Reader {
            source,
            threads: threads.get(),
            workers: Vec::new(),
            spare: Vec::new(),
            buffer: Vec::new(),
            at: 0,
            next: Next::Start,
            blocks: 0,
            total: 0,
        }
    }

    /// Returns the source, which stands after the last block that was read.
    pub fn into_inner(self) -> R {
        self.source
    }

    /// Returns the codec, and the header of the next block, or `None` at the end.
    fn header(&mut self) -> io::Result<Option<(Codec, Header)>> {
        if let Next::Start = self.next {
            let mut start = [0; START_LEN];
            self.source.read_exact(&mut start)?;
            self.next = Next::Header(parse_start(start)?);
        }
        if let Next::Header(codec) = self.next {
            let mut bytes = [0; HEADER_LEN];
            self.source.read_exact(&mut bytes)?;
            let header = parse_next(&bytes, self.blocks, self.total)?;
            self.next = header.map_or(Next::Nothing, |header| Next::Block(codec, header));
        }
        match self.next {
            Next::Block(codec, header) => Ok(Some((codec, header))),
            Next::Damaged => Err(invalid("an earlier part of it was damaged")),
            _ => Ok(None),
        }
    }

    /// Unpacks whole blocks straight into `target`, at least one. Returns their length.
    fn read_blocks(&mut self, codec: Codec, first: Header, target: &mut [u8]) -> io::Result<usize> {
        let threads = self.threads.min(target.len() / BYTES_WORTH_A_THREAD).max(1);
        while self.workers.len() < threads {
            self.workers.push(Worker::new(codec)?);
        }
        let in_place = self.source.fill_buf()?.len() >= first.packed_len;
        let read = if in_place { Self::read_in_place } else { Self::read_copied };
        read(self, codec, first, target, threads)
    }

    /// Unpacks blocks that are all in the source's buffer.
    fn read_in_place(&mut self, codec: Codec, first: Header, target: &mut [u8], threads: usize) -> io::Result<usize> {
        let available = self.source.fill_buf()?;
        let (mut rest, mut used) = (target, 0);
        let (mut blocks, mut total) = (self.blocks, self.total);
        let mut header = Some(first);
        in_order(
            &mut self.workers[..threads],
            &mut || {
                let header = match header.take() {
                    Some(header) => header,
                    None => {
                        let Some(bytes) = available[used..].first_chunk() else { return Ok(None) };
                        match parse_next(bytes, blocks, total)? {
                            Some(header)
                                if header.raw_len <= rest.len()
                                    && header.packed_len <= available.len() - used - HEADER_LEN =>
                            {
                                used += HEADER_LEN;
                                header
                            }
                            _ => return Ok(None),
                        }
                    }
                };
                let packed = &available[used..][..header.packed_len];
                used += header.packed_len;
                blocks += 1;
                total += header.raw_len as u64;
                let (target, after) = std::mem::take(&mut rest).split_at_mut(header.raw_len);
                rest = after;
                make_pages(target);
                Ok(Some((header, packed, target)))
            },
            &|worker, (header, packed, target)| worker.unpack(&header, packed, target),
            &mut |result| result,
        )?;
        let made = total - self.total;
        self.source.consume(used);
        (self.blocks, self.total, self.next) = (blocks, total, Next::Header(codec));
        Ok(usize::try_from(made).unwrap_or(usize::MAX))
    }

    /// Unpacks blocks that are read from the source one by one.
    fn read_copied(&mut self, codec: Codec, first: Header, target: &mut [u8], threads: usize) -> io::Result<usize> {
        let (mut rest, before) = (target, self.total);
        let mut header = Some(first);
        // `self` reads on while the workers are borrowed.
        let mut workers = std::mem::take(&mut self.workers);
        let spare = std::cell::RefCell::new(std::mem::take(&mut self.spare));
        let result = in_order(
            &mut workers[..threads],
            &mut || {
                let header = match header.take() {
                    Some(header) => header,
                    None if rest.is_empty() => return Ok(None),
                    None => match self.header()? {
                        Some((_, header)) if header.raw_len <= rest.len() => header,
                        _ => return Ok(None),
                    },
                };
                let mut packed = spare.borrow_mut().pop().unwrap_or_default();
                let (target, after) = std::mem::take(&mut rest).split_at_mut(header.raw_len);
                rest = after;
                make_pages(target);
                if header.is_stored() {
                    packed.clear();
                    self.source.read_exact(target)?;
                } else {
                    self.read_packed(&header, &mut packed)?;
                }
                self.blocks += 1;
                self.total += header.raw_len as u64;
                self.next = Next::Header(codec);
                Ok(Some((header, packed, target)))
            },
            &|worker, (header, packed, target)| -> io::Result<_> {
                if header.is_stored() {
                    header.verify(&[], target)?;
                } else {
                    worker.unpack(&header, &packed, target)?;
                }
                Ok(packed)
            },
            &mut |packed| {
                spare.borrow_mut().push(packed?);
                Ok(())
            },
        );
        (self.workers, self.spare) = (workers, spare.into_inner());
        result?;
        Ok(usize::try_from(self.total - before).unwrap_or(usize::MAX))
    }

    /// Reads the block whose header has been read.
    fn read_packed(&mut self, header: &Header, packed: &mut Vec<u8>) -> io::Result<()> {
        packed.clear();
        packed.reserve(header.packed_len);
        (&mut self.source).take(header.packed_len as u64).read_to_end(packed)?;
        if packed.len() < header.packed_len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn read_some(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.at == self.buffer.len() {
            let Some((codec, header)) = self.header()? else { return Ok(0) };
            if header.raw_len <= target.len() {
                return self.read_blocks(codec, header, target);
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.resize(header.raw_len, 0);
            self.read_blocks(codec, header, &mut buffer)?;
            (self.buffer, self.at) = (buffer, 0);
        }
        let count = (&self.buffer[self.at..]).read(target)?;
        self.at += count;
        Ok(count)
    }
}

impl<R: BufRead> Read for Reader<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() {
            return Ok(0);
        }
        let result = self.read_some(target);
        if result.is_err() {
            self.next = Next::Damaged;
        }
        result
    }
}

/// Writes to the first and the last byte of `target`, so that this thread makes their pages. Two threads that first
/// touch the same huge page at once would both make it, and the system would discard one.
fn make_pages(target: &mut [u8]) {
    if let [first, .., last] = target {
        (*first, *last) = (0, 0);
    }
}
