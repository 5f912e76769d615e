//! Reads the first bytes of a source without losing them.

use std::io::{self, BufRead, Read};

use crate::error::{Error, Result};

/// Reads up to `count` bytes from `source`, which may return one byte at a time. [`Unread`] puts them back.
pub(crate) fn peek(source: &mut dyn BufRead, count: usize) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(count);
    source.take(count as u64).read_to_end(&mut head).map_err(|e| Error::io(e, "can't read"))?;
    Ok(head)
}

/// Reader that returns some bytes that were put back, and then the rest.
pub(crate) struct Unread<'r> {
    head: Vec<u8>,
    at: usize,
    rest: &'r mut dyn BufRead,
}

impl<'r> Unread<'r> {
    pub(crate) fn new(head: Vec<u8>, rest: &'r mut dyn BufRead) -> Self {
        Unread { head, at: 0, rest }
    }
}

impl Read for Unread<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Unread<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at < self.head.len() { Ok(&self.head[self.at..]) } else { self.rest.fill_buf() }
    }

    fn consume(&mut self, count: usize) {
        if self.at < self.head.len() {
            self.at += count;
            if self.at == self.head.len() {
                (self.head, self.at) = (Vec::new(), 0);
            }
        } else {
            self.rest.consume(count);
        }
    }
}
