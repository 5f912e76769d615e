//! Reader for decompressors that work in steps.

use std::io::{self, BufRead, Read};

use crate::format::compress::multi_member::format::MemberDecoder;

/// Decompressor that uses as much input, and writes as much output, as it can in each step.
pub(crate) trait Step {
    /// Reads from `input` and writes to `target`. `at_end` says that no more input will come.
    fn step(&mut self, input: &[u8], target: &mut [u8], at_end: bool) -> io::Result<Progress>;
}

/// The progress of one step.
pub(crate) struct Progress {
    /// Number of input bytes that were used.
    pub(crate) used: usize,
    /// Number of bytes that were written to the target.
    pub(crate) made: usize,
    /// Whether the stream has ended.
    pub(crate) ended: bool,
}

/// Reader of one stream, in steps. It does not read from the source after the stream has ended, because a socket would
/// block then.
pub(crate) struct Stepwise<'r, S> {
    source: Box<dyn BufRead + 'r>,
    step: S,
    ended: bool,
}

impl<'r, S: Step> Stepwise<'r, S> {
    pub(crate) fn new(source: Box<dyn BufRead + 'r>, step: S) -> Self {
        Stepwise { source, step, ended: false }
    }
}

impl<S: Step> Read for Stepwise<'_, S> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !target.is_empty() {
            let input = self.source.fill_buf()?;
            let at_end = input.is_empty();
            let Progress { used, made, ended } = self.step.step(input, target, at_end)?;
            self.source.consume(used);
            self.ended = ended;
            if made > 0 {
                return Ok(made);
            }
            if at_end && !ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if used == 0 && !ended {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the stream makes no progress"));
            }
        }
        Ok(0)
    }
}

impl<'r, S: Step> MemberDecoder<'r> for Stepwise<'r, S> {
    fn into_source(self: Box<Self>) -> Box<dyn BufRead + 'r> {
        self.source
    }
}
