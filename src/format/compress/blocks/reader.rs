//! Blocks to content.

use std::io::{self, BufRead, Read};

use crate::format::compress::blocks::block::Worker;
use crate::format::compress::blocks::codec::Choice;
use crate::format::compress::blocks::end::end;
use crate::format::compress::blocks::header::{FORMAT_VERSION, HEADER_LEN, Header, MAGIC_END, MAGIC_START, START_LEN};
use crate::format::compress::blocks::in_order::in_order;
use crate::format::compress::blocks::invalid;
use crate::sys::workers::threads;

/// Spawning a thread takes about as long as unpacking a block.
const BYTES_WORTH_A_THREAD: usize = 512 << 10;

/// Unpacks one stream.
pub(super) struct Reader<'r> {
    source: &'r mut dyn BufRead,
    choice: Choice,
    workers: Vec<Worker>,
    /// Packed blocks that have been unpacked: their memory is used again.
    spare: Vec<Vec<u8>>,
    /// What of a block did not fit where it was asked for.
    buffer: Vec<u8>,
    at: usize,
    next: Next,
    blocks: u64,
    total: u64,
}

/// What comes next in the source.
enum Next {
    Start,
    Header,
    /// The bytes of a block whose header has been read.
    Block(Header),
    Nothing,
    /// An error was found before.
    Damaged,
}

impl<'r> Reader<'r> {
    pub(super) fn new(choice: Choice, source: &'r mut dyn BufRead) -> Self {
        Reader {
            source,
            choice,
            workers: Vec::new(),
            spare: Vec::new(),
            buffer: Vec::new(),
            at: 0,
            next: Next::Start,
            blocks: 0,
            total: 0,
        }
    }

    /// The header of the block that comes next, if there is one.
    fn header(&mut self) -> io::Result<Option<Header>> {
        if let Next::Start = self.next {
            self.read_start()?;
            self.next = Next::Header;
        }
        if let Next::Header = self.next {
            let mut bytes = [0; HEADER_LEN];
            self.source.read_exact(&mut bytes)?;
            self.next = parse(&bytes, self.blocks, self.total)?.map_or(Next::Nothing, Next::Block);
        }
        match self.next {
            Next::Block(header) => Ok(Some(header)),
            Next::Damaged => Err(invalid("it was damaged further up")),
            _ => Ok(None),
        }
    }

    fn read_start(&mut self) -> io::Result<()> {
        let mut start = [0; START_LEN];
        self.source.read_exact(&mut start)?;
        let [magic @ .., version] = start;
        if magic[..5] != MAGIC_START || magic[5] != self.choice.letter() || magic[6..] != MAGIC_END {
            return Err(invalid("it does not begin as such"));
        }
        if version != FORMAT_VERSION {
            return Err(invalid("it is of a newer version, which needs a newer larder"));
        }
        Ok(())
    }

    /// Unpacks whole blocks straight into `target`, at least one; gives their length.
    fn read_blocks(&mut self, first: Header, target: &mut [u8]) -> io::Result<usize> {
        let threads = threads().min(target.len() / BYTES_WORTH_A_THREAD).max(1);
        while self.workers.len() < threads {
            self.workers.push(Worker::new(self.choice));
        }
        let in_place = self.source.fill_buf()?.len() >= first.packed_len;
        if in_place { self.read_in_place(first, target, threads) } else { self.read_copied(first, target, threads) }
    }

    /// The packed blocks are all within the source's buffer.
    fn read_in_place(&mut self, first: Header, target: &mut [u8], threads: usize) -> io::Result<usize> {
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
                        match parse(bytes, blocks, total)? {
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
        (self.blocks, self.total, self.next) = (blocks, total, Next::Header);
        Ok(usize::try_from(made).unwrap_or(usize::MAX))
    }

    /// The packed blocks come bit by bit.
    fn read_copied(&mut self, first: Header, target: &mut [u8], threads: usize) -> io::Result<usize> {
        let (mut rest, before) = (target, self.total);
        let mut header = Some(first);
        // The workers are lent out while `self` reads on.
        let mut workers = std::mem::take(&mut self.workers);
        let spare = std::cell::RefCell::new(std::mem::take(&mut self.spare));
        let result = in_order(
            &mut workers[..threads],
            &mut || {
                let header = match header.take() {
                    Some(header) => header,
                    None => match self.header_unless(rest.is_empty())? {
                        Some(header) if header.raw_len <= rest.len() => header,
                        _ => return Ok(None),
                    },
                };
                let mut packed = spare.borrow_mut().pop().unwrap_or_default();
                let (target, after) = std::mem::take(&mut rest).split_at_mut(header.raw_len);
                rest = after;
                make_pages(target);
                if header.is_stored() {
                    packed.clear();
                    self.read_stored(target)?;
                } else {
                    self.read_packed(&header, &mut packed)?;
                }
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

    fn header_unless(&mut self, full: bool) -> io::Result<Option<Header>> {
        if full { Ok(None) } else { self.header() }
    }

    /// Reads the block whose header has been read.
    fn read_packed(&mut self, header: &Header, packed: &mut Vec<u8>) -> io::Result<()> {
        packed.clear();
        packed.reserve(header.packed_len);
        (&mut *self.source).take(header.packed_len as u64).read_to_end(packed)?;
        if packed.len() < header.packed_len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.count(header.raw_len);
        Ok(())
    }

    /// Reads the content of a block that is stored as it is.
    fn read_stored(&mut self, target: &mut [u8]) -> io::Result<()> {
        self.source.read_exact(target)?;
        self.count(target.len());
        Ok(())
    }

    fn count(&mut self, raw_len: usize) {
        self.blocks += 1;
        self.total += raw_len as u64;
        self.next = Next::Header;
    }

    fn read_some(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.at == self.buffer.len() {
            let Some(header) = self.header()? else { return Ok(0) };
            if header.raw_len <= target.len() {
                return self.read_blocks(header, target);
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.resize(header.raw_len, 0);
            self.read_blocks(header, &mut buffer)?;
            (self.buffer, self.at) = (buffer, 0);
        }
        let count = (&self.buffer[self.at..]).read(target)?;
        self.at += count;
        Ok(count)
    }
}

impl Read for Reader<'_> {
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

/// Lets the system make the pages of fresh memory here: two threads that come upon the same huge page at
/// once both make it, and one is thrown away.
fn make_pages(target: &mut [u8]) {
    if let [first, .., last] = target {
        (*first, *last) = (0, 0);
    }
}

/// The header of a block, or `None` at the end of the stream.
fn parse(bytes: &[u8; HEADER_LEN], blocks: u64, total: u64) -> io::Result<Option<Header>> {
    if bytes[..4] != [0; 4] {
        return Header::parse(bytes, blocks).map(Some);
    }
    if *bytes == end(blocks, total) { Ok(None) } else { Err(invalid("it ends too early or is damaged")) }
}
