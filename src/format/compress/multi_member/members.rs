//! Reads members one after another on the calling thread.

use std::io::{self, BufRead, Read};

use crate::format::compress::multi_member::format::{MemberDecoder, MemberFormat};

/// Reads member after member. Returns 0 bytes at the end of each; the next read continues with the next member, which
/// must follow.
pub(crate) struct Members<'r> {
    format: &'static dyn MemberFormat,
    state: State<'r>,
}

enum State<'r> {
    Within(Box<dyn MemberDecoder<'r> + 'r>),
    Between(Box<dyn BufRead + 'r>),
    /// Creating a decoder failed, which lost the source.
    Failed,
}

impl<'r> Members<'r> {
    pub(crate) fn new(format: &'static dyn MemberFormat, source: Box<dyn BufRead + 'r>) -> Self {
        Members { format, state: State::Between(source) }
    }

    /// Returns whether the end of a member was not read yet.
    pub(crate) fn is_within(&self) -> bool {
        matches!(self.state, State::Within(_))
    }

    /// Returns whether the current member has not ended, or another one follows.
    pub(crate) fn anything_follows(&mut self) -> io::Result<bool> {
        match &mut self.state {
            State::Between(source) => {
                self.format.filler().skip(source)?;
                Ok(!source.fill_buf()?.is_empty())
            }
            State::Within(_) | State::Failed => Ok(true),
        }
    }
}

impl Read for Members<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() {
            return Ok(0);
        }
        if matches!(self.state, State::Between(_)) {
            if !self.anything_follows()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let State::Between(source) = std::mem::replace(&mut self.state, State::Failed) {
                self.state = State::Within(self.format.decoder(source, usize::MAX)?);
            }
        }
        let State::Within(decoder) = &mut self.state else {
            return Err(io::Error::other("no decoder could be made"));
        };
        let count = decoder.read(target)?;
        if count == 0
            && let State::Within(decoder) = std::mem::replace(&mut self.state, State::Failed)
        {
            self.state = State::Between(decoder.into_source());
        }
        Ok(count)
    }
}
