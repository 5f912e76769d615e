//! Reads a source that holds only one value: other threads decompress its members.

use std::io::{self, BufRead, Read};

use crate::error::Result;
use crate::format::compress::decompressed::{Decompressed, more_in_stream};
use crate::format::compress::multi_member::format::{MemberEnd, MemberFormat};
use crate::format::compress::multi_member::members::Members;
use crate::format::compress::unread::Unread;
use crate::sys::worker_pool::{Job, Pool};

/// Smaller sources, in bytes, are read by the calling thread alone.
const SMALLEST: usize = 1 << 20;

/// Limit on the bytes that are read from the source at once.
const STEP: usize = 256 << 10;

/// Content of a value that several threads decompress while the ends of its members can be found. At a member without a
/// known end, or one that a thread fails to decompress, the calling thread continues alone.
pub(crate) struct Whole<'r> {
    format: &'static dyn MemberFormat,
    name: &'static str,
    /// `None` when the calling thread reads alone; then `rest` has the source.
    source: Option<&'r mut dyn BufRead>,
    /// Bytes read from the source that are in no job yet.
    ahead: Vec<u8>,
    /// Whether more members are cut off for other threads.
    cutting: bool,
    pool: Pool,
    spare: Vec<Job>,
    /// The job whose output is being read, and how much of it was read.
    current: Job,
    at: usize,
    rest: Option<Decompressed<Members<'r>>>,
}

impl<'r> Whole<'r> {
    pub(crate) fn new(
        format: &'static dyn MemberFormat,
        name: &'static str,
        threads: usize,
        source: &'r mut dyn BufRead,
    ) -> io::Result<Self> {
        let largest = format.largest();
        let pool = Pool::new(threads, move |member, content| format.decompress(member, largest, content));
        let mut whole = Whole {
            format,
            name,
            source: Some(source),
            ahead: Vec::new(),
            cutting: threads > 1,
            pool,
            spare: Vec::new(),
            current: Job::default(),
            at: 0,
            rest: None,
        };
        while whole.cutting && whole.ahead.len() < SMALLEST {
            whole.cutting = whole.read_ahead()?;
        }
        Ok(whole)
    }

    /// Reads more bytes from the source. Returns false at its end.
    fn read_ahead(&mut self) -> io::Result<bool> {
        let Some(source) = &mut self.source else { return Ok(false) };
        let bytes = loop {
            match source.fill_buf() {
                Ok(bytes) => break bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        let count = bytes.len().min(STEP);
        // Reserve exactly, because several of these buffers are kept and reused.
        self.ahead.reserve_exact(count);
        self.ahead.extend_from_slice(&bytes[..count]);
        source.consume(count);
        Ok(count > 0)
    }

    /// Cuts off the next member. Returns `None` if its end can't be found.
    fn cut(&mut self) -> io::Result<Option<Job>> {
        let limit = self.format.largest() + self.format.largest() / 8;
        let mut from = 0;
        let end = loop {
            match self.format.find_end(&self.ahead, &mut from) {
                MemberEnd::At(end) if end > limit => return Ok(None),
                MemberEnd::At(end) if end <= self.ahead.len() => break end,
                MemberEnd::At(_) | MemberEnd::Later if self.ahead.len() <= limit => {
                    // At the end of the source, the rest is the last member.
                    if !self.read_ahead()? {
                        break self.ahead.len();
                    }
                }
                _ => return Ok(None),
            }
        };
        if end == 0 {
            return Ok(None);
        }
        let mut job = self.spare.pop().unwrap_or_default();
        job.input.clear();
        job.input.extend_from_slice(&self.ahead[end..]);
        self.ahead.truncate(end);
        std::mem::swap(&mut job.input, &mut self.ahead);
        Ok(Some(job))
    }

    /// Waits until `current` has content, or the calling thread reads alone.
    fn fill(&mut self) -> io::Result<()> {
        while self.rest.is_none() && self.at == self.current.output.len() {
            while self.cutting && !self.pool.is_full() {
                match self.cut()? {
                    Some(job) => self.pool.submit(job)?,
                    None => self.cutting = false,
                }
            }
            match self.pool.next() {
                Some((job, Ok(()))) => {
                    self.spare.push(std::mem::replace(&mut self.current, job));
                    self.at = 0;
                }
                Some((job, Err(error))) => {
                    tracing::debug!(%error, "reading on with one thread");
                    self.read_on_alone(job.input);
                }
                None => self.read_on_alone(Vec::new()),
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn is_alone(&self) -> bool {
        self.rest.is_some()
    }

    /// Puts back all members whose content was not returned yet, and continues without other threads.
    fn read_on_alone(&mut self, mut head: Vec<u8>) {
        while let Some((job, _)) = self.pool.next() {
            head.extend_from_slice(&job.input);
        }
        head.append(&mut self.ahead);
        self.cutting = false;
        if let Some(source) = self.source.take() {
            let members = Members::new(self.format, Box::new(Unread::new(head, source)));
            self.rest = Some(Decompressed::new(self.name, members, true));
        }
    }

    /// Reads to the end of the source. After the value, it may have bytes and members without content.
    pub(crate) fn expect_end(&mut self) -> Result<()> {
        if self.at < self.current.output.len() {
            return Err(more_in_stream());
        }
        self.read_on_alone(Vec::new());
        self.rest.as_mut().map_or(Ok(()), Decompressed::expect_end_of_source)
    }
}

impl Read for Whole<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Whole<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill()?;
        match &mut self.rest {
            Some(rest) => rest.fill_buf(),
            None => Ok(&self.current.output[self.at..]),
        }
    }

    fn consume(&mut self, count: usize) {
        match &mut self.rest {
            Some(rest) => rest.consume(count),
            None => self.at += count,
        }
    }
}
