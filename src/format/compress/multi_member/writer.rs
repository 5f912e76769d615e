//! Writes a value as members one after another.

use std::io::{self, Write};

use crate::format::compress::backend::Finish;
use crate::format::compress::multi_member::format::{MemberEncoder, MemberFormat};
use crate::format::target::Target;
use crate::sys::worker_pool::{Job, Pool};

/// Returns a writer that cuts content into segments, and compresses them with this number of threads. With `None`, the
/// content is one segment.
pub(crate) fn new<'w>(
    format: &'static dyn MemberFormat,
    level: i32,
    threads: Option<usize>,
    target: Box<dyn Write + 'w>,
) -> io::Result<Box<dyn Finish + 'w>> {
    let size = threads.map_or(usize::MAX, |_| format.segment(level));
    let threads = threads.unwrap_or(1);
    if threads == 1 && !format.stores_size() {
        let encoder = Some(format.encoder(level, None, target)?);
        return Ok(Box::new(Inline { format, level, size, encoder, filled: 0, alone: true }));
    }
    Ok(Box::new(Collecting {
        format,
        level,
        size,
        threads,
        target,
        segment: Vec::new(),
        several: false,
        pool: None,
        spare: Vec::new(),
    }))
}

/// Writer that compresses on the calling thread, as bytes are written.
struct Inline<'w> {
    format: &'static dyn MemberFormat,
    level: i32,
    size: usize,
    /// `None` after an error.
    encoder: Option<Box<dyn MemberEncoder<'w> + 'w>>,
    /// Number of bytes in the current segment.
    filled: usize,
    /// Whether the current segment is the first one.
    alone: bool,
}

fn broken() -> io::Error {
    io::Error::other("writing has failed before")
}

impl Write for Inline<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filled == self.size && !bytes.is_empty() {
            let target = self.encoder.take().ok_or_else(broken)?.finish(false)?;
            self.encoder = Some(self.format.encoder(self.level, None, target)?);
            (self.filled, self.alone) = (0, false);
        }
        let count = bytes.len().min(self.size - self.filled);
        self.encoder.as_mut().ok_or_else(broken)?.write_all(&bytes[..count])?;
        self.filled += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Inline<'_> {}

impl Finish for Inline<'_> {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.encoder.take().ok_or_else(broken)?.finish(self.alone).map(drop)
    }
}

/// Writer that collects segments, and writes the members. Other threads compress them, unless there is only one.
struct Collecting<'w> {
    format: &'static dyn MemberFormat,
    level: i32,
    size: usize,
    threads: usize,
    target: Box<dyn Write + 'w>,
    segment: Vec<u8>,
    /// Whether the calling thread has compressed a segment.
    several: bool,
    /// Created when the second segment begins.
    pool: Option<Pool>,
    spare: Vec<Job>,
}

impl Collecting<'_> {
    /// Compresses the segment on the calling thread.
    fn compress(&mut self, alone: bool) -> io::Result<()> {
        let size = Some(self.segment.len() as u64);
        let mut encoder = self.format.encoder(self.level, size, Box::new(&mut *self.target))?;
        encoder.write_all(&self.segment)?;
        encoder.finish(alone)?;
        self.segment.clear();
        Ok(())
    }

    /// Submits the segment, and begins the next one.
    fn hand_over(&mut self) -> io::Result<()> {
        if self.threads == 1 {
            self.several = true;
            return self.compress(false);
        }
        if self.pool.as_ref().is_some_and(Pool::is_full) {
            self.write_oldest()?;
        }
        let (format, level, threads) = (self.format, self.level, self.threads);
        let pool = self.pool.get_or_insert_with(|| {
            Pool::new(threads, move |segment, member| {
                member.clear();
                // Reserve room for content that does not compress, but not twice the content.
                member.reserve_exact(segment.len() + segment.len() / 16);
                let mut encoder = format.encoder(level, Some(segment.len() as u64), Box::new(member))?;
                encoder.write_all(segment)?;
                encoder.finish(false).map(drop)
            })
        });
        let mut job = self.spare.pop().unwrap_or_default();
        job.input.clear();
        std::mem::swap(&mut job.input, &mut self.segment);
        pool.submit(job)
    }

    /// Writes the oldest member that is not written yet. Returns false if there is none.
    fn write_oldest(&mut self) -> io::Result<bool> {
        let Some((job, result)) = self.pool.as_mut().and_then(Pool::next) else { return Ok(false) };
        result?;
        self.target.write_all(&job.output)?;
        self.spare.push(job);
        Ok(true)
    }
}

impl Write for Collecting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.segment.len() == self.size && !bytes.is_empty() {
            self.hand_over()?;
        }
        let count = bytes.len().min(self.size - self.segment.len());
        // `Vec` doubles its room, which would exceed the segment.
        if self.segment.len() + count > self.size / 2 {
            self.segment.reserve_exact(self.size - self.segment.len());
        }
        self.segment.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Collecting<'_> {}

impl Finish for Collecting<'_> {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.pool.is_none() {
            return self.compress(!self.several);
        }
        self.hand_over()?;
        while self.write_oldest()? {}
        Ok(())
    }
}
