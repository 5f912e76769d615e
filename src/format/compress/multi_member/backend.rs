//! Implements `Backend` for every format with members.

use std::io::{self, BufRead, Read, Write};

use crate::format::compress::backend::{Backend, Finish};
use crate::format::compress::multi_member::format::MemberFormat;
use crate::format::compress::multi_member::members::Members;
use crate::format::compress::multi_member::writer;
use crate::sys::workers::threads;

/// Memory limit for all encoders of one value together, in bytes.
const ENCODERS_MEMORY: usize = 1536 << 20;

impl<S: MemberFormat> Backend for S {
    fn writer<'w>(&'static self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        let affordable = (ENCODERS_MEMORY / self.encoder_memory(level)).max(1);
        writer::new(self, level, Some(threads().min(affordable)), Box::new(target))
    }

    fn reader<'r>(&'static self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        Ok(Box::new(Members::new(self, Box::new(source))))
    }

    fn member_format(&'static self) -> Option<&'static dyn MemberFormat> {
        Some(self)
    }
}
