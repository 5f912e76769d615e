//! Numbers as the canonical encoding has them: in bulk, from where they lie.

use std::ops::Range;

use super::sink::Tag;
#[cfg(feature = "ndarray")]
use super::tree::PIECE;
use super::tree::{Scratch, Source, Take, index};
use crate::Result;
use crate::numeric::Number;
#[cfg(feature = "ndarray")]
use crate::numeric::Strided;

/// Bytes that are looked through for NaN after they were hashed: they stay in the cache between.
const BLOCK: usize = 256 << 10;

/// A NaN as it is encoded.
const NAN_32: u32 = 0x7fc0_0000;
const NAN_64: u64 = 0x7ff8_0000_0000_0000;

const INFINITY_32: u32 = f32::INFINITY.to_bits();
const INFINITY_64: u64 = f64::INFINITY.to_bits();

/// What follows the two parts of a complex number: it is a tuple of two floats of a run.
const AFTER_C32: [u8; 6] = [2, 1, Tag::F32 as u8, 2, 1, Tag::Tuple as u8];
const AFTER_C64: [u8; 6] = [2, 1, Tag::F64 as u8, 2, 1, Tag::Tuple as u8];

/// The elements of an array, one after another, as they are encoded.
pub(super) struct Numbers<'a> {
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
    /// Numbers that lie one after another, little-endian.
    pub(super) fn in_order(number: Number, bytes: &'a [u8]) -> Self {
        Numbers { number, run: run_of(number), place: Place::InOrder(bytes) }
    }

    /// Booleans are a byte each as well.
    pub(super) fn bools(bools: &'a [bool]) -> Self {
        let place = Place::InOrder(bytemuck::cast_slice(bools));
        Numbers { number: Number::U8, run: Some(Tag::Bool), place }
    }

    #[cfg(feature = "ndarray")]
    pub(super) fn strided(number: Number, elements: Strided<'a>) -> Self {
        Numbers { number, run: run_of(number), place: Place::Strided(elements) }
    }

    /// The number of elements.
    pub(super) fn count(&self) -> usize {
        match &self.place {
            Place::InOrder(bytes) => bytes.len() / self.number.width(),
            #[cfg(feature = "ndarray")]
            Place::Strided(elements) => elements.len(),
        }
    }

    pub(super) fn run(&self) -> Option<Tag> {
        self.run
    }

    /// Bytes that one is encoded in.
    fn encoded_width(&self) -> usize {
        self.number.width()
            + match self.number {
                Number::C32 => AFTER_C32.len(),
                Number::C64 => AFTER_C64.len(),
                _ => 0,
            }
    }

    /// Bytes that are handled at a time.
    fn block(&self) -> usize {
        match &self.place {
            Place::InOrder(_) => BLOCK,
            #[cfg(feature = "ndarray")]
            Place::Strided(_) => PIECE,
        }
    }

    /// Gives some of the bytes.
    fn give(&self, range: Range<usize>, scratch: &mut Scratch, target: &mut impl Take) {
        let width = self.number.width();
        // A part may begin and end within an element.
        let elements = range.start / self.encoded_width()..range.end.div_ceil(self.encoded_width());
        let skipped = range.start - elements.start * self.encoded_width();
        let is_complex = self.number != self.number.part();
        let Scratch { first, second } = scratch;
        match &self.place {
            Place::InOrder(bytes) => {
                let bytes = &bytes[elements.start * width..elements.end * width];
                if !is_complex && target.take_unless(&bytes[skipped..][..range.len()], || has_nan(self.number, bytes)) {
                    return;
                }
                first.clear();
                first.extend_from_slice(bytes);
            }
            #[cfg(feature = "ndarray")]
            Place::Strided(strided) => {
                first.resize(elements.len() * width, 0);
                strided.copy_to(elements.start, first);
            }
        }
        make_nan_one(self.number, first);
        if !is_complex {
            return target.take(&first[skipped..][..range.len()]);
        }
        second.clear();
        let after = if self.number == Number::C32 { AFTER_C32 } else { AFTER_C64 };
        for parts in first.chunks_exact(width) {
            second.extend_from_slice(parts);
            second.extend_from_slice(&after);
        }
        target.take(&second[skipped..][..range.len()]);
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

/// Without a branch before the end, so that the compiler makes it a loop over vectors.
fn has_nan(number: Number, bytes: &[u8]) -> bool {
    // Without its sign, what is greater than infinity is NaN: then the difference is below zero.
    match number.part() {
        Number::F32 => {
            let difference = |x: &[u8; 4]| INFINITY_32.wrapping_sub(u32::from_le_bytes(*x) & (u32::MAX >> 1));
            bytes.as_chunks().0.iter().fold(0, |all, x| all | difference(x)) >> 31 == 1
        }
        Number::F64 => {
            let difference = |x: &[u8; 8]| INFINITY_64.wrapping_sub(u64::from_le_bytes(*x) & (u64::MAX >> 1));
            bytes.as_chunks().0.iter().fold(0, |all, x| all | difference(x)) >> 63 == 1
        }
        _ => false,
    }
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

/// By bits, but for NaN: how one came about must not matter.
#[inline]
pub(super) fn canonical_f32(value: f32) -> u32 {
    if value.is_nan() { NAN_32 } else { value.to_bits() }
}

#[inline]
pub(super) fn canonical_f64(value: f64) -> u64 {
    if value.is_nan() { NAN_64 } else { value.to_bits() }
}
