//! Arrays of numbers in the canonical encoding, straight from memory.

use std::ops::Range;

use crate::error::Result;
use crate::format::numeric::nan::has_nan;
use crate::format::numeric::number::Number;
#[cfg(feature = "ndarray")]
use crate::format::numeric::strided::Strided;
use crate::key::canonical::hash_buffer::Tag;
#[cfg(feature = "ndarray")]
use crate::key::hashing::parallel_blake3::PIECE;
use crate::key::hashing::parallel_blake3::{Scratch, Source, Take, index};

/// Bytes that are hashed, then searched for NaN while they are still in the cache.
const BLOCK: usize = 16 << 10;

/// The encoding of every NaN.
const NAN_32: u32 = 0x7fc0_0000;
const NAN_64: u64 = 0x7ff8_0000_0000_0000;

/// The bytes after the two parts of a complex number, which is a tuple with a run of two floats.
const AFTER_C32: [u8; 6] = [2, 1, Tag::F32 as u8, 2, 1, Tag::Tuple as u8];
const AFTER_C64: [u8; 6] = [2, 1, Tag::F64 as u8, 2, 1, Tag::Tuple as u8];

/// The encoded elements of an array, one after another.
pub(crate) struct Numbers<'a> {
    number: Number,
    /// The tag of a run of these; `None` if each is an item by itself.
    run: Option<Tag>,
    place: Place<'a>,
}

enum Place<'a> {
    InOrder(&'a [u8]),
    #[cfg(feature = "ndarray")]
    Strided(Strided<'a>),
}

impl<'a> Numbers<'a> {
    /// Takes numbers that are one after another in memory, little-endian.
    pub(crate) fn in_order(number: Number, bytes: &'a [u8]) -> Self {
        Numbers { number, run: run_of(number), place: Place::InOrder(bytes) }
    }

    /// Takes booleans, which are a byte each.
    pub(crate) fn bools(bools: &'a [bool]) -> Self {
        let place = Place::InOrder(bytemuck::cast_slice(bools));
        Numbers { number: Number::U8, run: Some(Tag::Bool), place }
    }

    #[cfg(feature = "ndarray")]
    pub(crate) fn strided(number: Number, elements: Strided<'a>) -> Self {
        Numbers { number, run: run_of(number), place: Place::Strided(elements) }
    }

    /// Returns the number of elements.
    pub(crate) fn count(&self) -> usize {
        match &self.place {
            Place::InOrder(bytes) => bytes.len() / self.number.width(),
            #[cfg(feature = "ndarray")]
            Place::Strided(elements) => elements.len(),
        }
    }

    pub(crate) fn run(&self) -> Option<Tag> {
        self.run
    }

    /// Returns the bytes of an encoded element.
    fn encoded_width(&self) -> usize {
        self.number.width()
            + match self.number {
                Number::C32 => AFTER_C32.len(),
                Number::C64 => AFTER_C64.len(),
                _ => 0,
            }
    }

    /// Returns how many bytes are processed at a time.
    fn block(&self) -> usize {
        match &self.place {
            Place::InOrder(_) => BLOCK,
            #[cfg(feature = "ndarray")]
            Place::Strided(_) => PIECE,
        }
    }

    /// Passes a range of the encoding to `target`.
    fn give(&self, range: Range<usize>, scratch: &mut Scratch, target: &mut impl Take) {
        let width = self.number.width();
        // A part may begin and end within an element.
        let elements = range.start / self.encoded_width()..range.end.div_ceil(self.encoded_width());
        let skipped = range.start - elements.start * self.encoded_width();
        #[cfg(feature = "ndarray")]
        let first = &mut scratch.first;
        let second = &mut scratch.second;
        let bytes: &[u8] = match &self.place {
            Place::InOrder(bytes) => &bytes[elements.start * width..elements.end * width],
            #[cfg(feature = "ndarray")]
            Place::Strided(strided) => {
                first.resize(elements.len() * width, 0);
                strided.copy_to(elements.start, first);
                first
            }
        };
        if self.number == self.number.part() {
            self.give_parts(bytes, skipped..skipped + range.len(), second, target);
            return;
        }
        second.clear();
        let after = if self.number == Number::C32 { AFTER_C32 } else { AFTER_C64 };
        for parts in bytes.chunks_exact(width) {
            let from = second.len();
            second.extend_from_slice(parts);
            make_nan_one(self.number, &mut second[from..]);
            second.extend_from_slice(&after);
        }
        target.take(&second[skipped..][..range.len()]);
    }

    /// Does the same for numbers that are in order, and no tuples.
    fn give_parts(&self, bytes: &[u8], range: Range<usize>, scratch: &mut Vec<u8>, target: &mut impl Take) {
        let mut at = range.start;
        while at < range.end {
            let until = range.end.min(at + BLOCK);
            let width = self.number.width();
            let whole = &bytes[at / width * width..until.next_multiple_of(width)];
            if !target.take_unless(&bytes[at..until], || has_nan(self.number, whole)) {
                scratch.clear();
                scratch.extend_from_slice(whole);
                make_nan_one(self.number, scratch);
                target.take(&scratch[at % width..][..until - at]);
            }
            at = until;
        }
    }
}

impl Source for Numbers<'_> {
    fn size(&self) -> u64 {
        self.count() as u64 * self.encoded_width() as u64
    }

    fn part(&self, range: Range<u64>, scratch: &mut Scratch, target: &mut impl Take) -> Result<()> {
        let (mut from, to) = (index(range.start), index(range.end));
        while from < to {
            let until = to.min(from + self.block());
            self.give(from..until, scratch, target);
            from = until;
        }
        Ok(())
    }
}

fn run_of(number: Number) -> Option<Tag> {
    Some(match number {
        Number::U8 => Tag::U8,
        Number::U16 => Tag::U16,
        Number::U32 => Tag::U32,
        Number::U64 => Tag::U64,
        Number::I8 => Tag::I8,
        Number::I16 => Tag::I16,
        Number::I32 => Tag::I32,
        Number::I64 => Tag::I64,
        Number::F32 => Tag::F32,
        Number::F64 => Tag::F64,
        Number::C32 | Number::C64 => return None,
    })
}

/// Replaces every NaN.
fn make_nan_one(number: Number, bytes: &mut [u8]) {
    match number.part() {
        Number::F32 => {
            for bytes in bytes.as_chunks_mut().0 {
                *bytes = canonical_f32(f32::from_le_bytes(*bytes)).to_le_bytes();
            }
        }
        Number::F64 => {
            for bytes in bytes.as_chunks_mut().0 {
                *bytes = canonical_f64(f64::from_le_bytes(*bytes)).to_le_bytes();
            }
        }
        _ => {}
    }
}

/// Returns the bits, the same for every NaN.
#[inline]
pub(crate) fn canonical_f32(value: f32) -> u32 {
    if value.is_nan() { NAN_32 } else { value.to_bits() }
}

#[inline]
pub(crate) fn canonical_f64(value: f64) -> u64 {
    if value.is_nan() { NAN_64 } else { value.to_bits() }
}
