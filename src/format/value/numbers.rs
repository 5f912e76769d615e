//! Arrays of numbers: what they are like, however many there are.

use crate::error::{Error, Result};
use crate::format::cbor::reader::ByteReader;
use crate::format::numeric::number::Number;
use crate::format::value::tree::{NumberArray, Value};

/// Numbers that are read at once.
const CHUNK: usize = 4096;

/// Of an axis that is not the last, so many are shown of a large array.
const CORNER: u64 = 3;

/// What has been seen of the elements.
#[derive(Default)]
struct Seen {
    min: f64,
    max: f64,
    sum: f64,
    count: u64,
    nan: u64,
}

impl Seen {
    #[inline]
    fn add(&mut self, number: f64) {
        if number.is_nan() {
            self.nan += 1;
        } else if self.count == 0 {
            *self = Seen { min: number, max: number, sum: number, count: 1, nan: self.nan };
        } else {
            self.min = self.min.min(number);
            self.max = self.max.max(number);
            self.sum += number;
            self.count += 1;
        }
    }
}

/// Which elements are kept: an odometer over the axes.
struct Kept {
    shape: Vec<u64>,
    /// How many of each axis are kept.
    most: Vec<u64>,
    index: Vec<u64>,
    /// Axes but the last whose index is too great.
    beyond: usize,
}

impl Kept {
    fn of(shape: &[u64], count: u64, most: u64) -> Self {
        let last = shape.len().saturating_sub(1);
        let limit = |axis| if axis == last { most } else { CORNER };
        let most = if count <= most { shape.to_vec() } else { (0..shape.len()).map(limit).collect() };
        Kept { shape: shape.to_vec(), index: vec![0; shape.len()], most, beyond: 0 }
    }

    /// Whether the next element is kept; goes on to the one after it.
    #[inline]
    fn next(&mut self) -> bool {
        let Some(last) = self.shape.len().checked_sub(1) else { return true };
        let keep = self.beyond == 0 && self.index[last] < self.most[last];
        self.index[last] += 1;
        if self.index[last] == self.shape[last] {
            self.carry(last);
        }
        keep
    }

    fn carry(&mut self, last: usize) {
        let mut axis = last;
        while axis > 0 && self.index[axis] == self.shape[axis] {
            self.index[axis] = 0;
            axis -= 1;
            self.index[axis] += 1;
        }
        self.beyond = (0..last).filter(|axis| self.index[*axis] >= self.most[*axis]).count();
    }

    /// The lengths of what is kept.
    fn kept(&self) -> Vec<u64> {
        self.shape.iter().zip(&self.most).map(|(len, most)| *len.min(most)).collect()
    }
}

/// Reads `count` numbers, of which at most about `most` of each row are kept.
pub(super) fn read(
    input: &mut ByteReader<'_>,
    number: Number,
    count: u64,
    shape: Option<Vec<u64>>,
    most: usize,
) -> Result<NumberArray> {
    let shape = shape.unwrap_or_else(|| vec![count]);
    if shape.iter().try_fold(1_u64, |all, len| all.checked_mul(*len)) != Some(count) {
        return Err(Error::damaged(format!("{count} elements do not have the shape {shape:?}")));
    }
    let mut kept = Kept::of(&shape, count, most as u64);
    let mut seen = Seen::default();
    let mut elements = Vec::new();
    let width = number.width();
    let mut bytes = vec![0; CHUNK * width];
    let mut left = count;
    while left > 0 {
        let chunk = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        input.fill(&mut bytes[..chunk * width])?;
        for bytes in bytes[..chunk * width].chunks_exact(width) {
            if let Some(number) = real(number, bytes) {
                seen.add(number);
            }
            if kept.next() {
                elements.push(element(number, bytes));
            }
        }
        left -= chunk as u64;
    }
    let of_real = |number: f64| (seen.count > 0).then_some(number);
    // An axis may be as long as it likes where another one is empty.
    let corner = if count == 0 { vec![0] } else { kept.kept() };
    Ok(NumberArray {
        kind: number.name(),
        min: of_real(seen.min),
        mean: of_real(seen.sum / seen.count as f64),
        max: of_real(seen.max),
        nan: seen.nan,
        whole: count == 0 || corner == shape,
        corner: nest(&mut elements.into_iter(), &corner),
        shape,
    })
}

/// Elements in their order as rows of rows.
fn nest(elements: &mut impl Iterator<Item = Value>, shape: &[u64]) -> Value {
    match shape {
        [] => elements.next().unwrap_or(Value::Unit),
        [len, inner @ ..] => {
            let items = (0..*len).map(|_| nest(elements, inner)).collect();
            Value::Seq { items, omitted: 0 }
        }
    }
}

/// The first bytes of a slice that is long enough.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}

/// An element as a float; `None` if it is complex.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "it is for people")]
fn real(number: Number, bytes: &[u8]) -> Option<f64> {
    Some(match number {
        Number::U8 => f64::from(bytes[0]),
        Number::I8 => f64::from(i8::from_le_bytes(array(bytes))),
        Number::U16 => f64::from(u16::from_le_bytes(array(bytes))),
        Number::I16 => f64::from(i16::from_le_bytes(array(bytes))),
        Number::U32 => f64::from(u32::from_le_bytes(array(bytes))),
        Number::I32 => f64::from(i32::from_le_bytes(array(bytes))),
        Number::F32 => f64::from(f32::from_le_bytes(array(bytes))),
        Number::F64 => f64::from_le_bytes(array(bytes)),
        Number::U64 => u64::from_le_bytes(array(bytes)) as f64,
        Number::I64 => i64::from_le_bytes(array(bytes)) as f64,
        Number::C32 | Number::C64 => return None,
    })
}

/// An element as it is; a complex one as a pair.
fn element(number: Number, bytes: &[u8]) -> Value {
    let signed = |value: i64| match u128::try_from(value) {
        Ok(value) => Value::Unsigned(value),
        Err(_) => Value::Negative(value.into()),
    };
    match number {
        Number::U8 => Value::Unsigned(bytes[0].into()),
        Number::U16 => Value::Unsigned(u16::from_le_bytes(array(bytes)).into()),
        Number::U32 => Value::Unsigned(u32::from_le_bytes(array(bytes)).into()),
        Number::U64 => Value::Unsigned(u64::from_le_bytes(array(bytes)).into()),
        Number::I8 => signed(i8::from_le_bytes(array(bytes)).into()),
        Number::I16 => signed(i16::from_le_bytes(array(bytes)).into()),
        Number::I32 => signed(i32::from_le_bytes(array(bytes)).into()),
        Number::I64 => signed(i64::from_le_bytes(array(bytes))),
        Number::F32 => Value::F32(f32::from_le_bytes(array(bytes))),
        Number::F64 => Value::F64(f64::from_le_bytes(array(bytes))),
        Number::C32 | Number::C64 => {
            let (real, imaginary) = bytes.split_at(number.part().width());
            Value::Seq { items: vec![element(number.part(), real), element(number.part(), imaginary)], omitted: 0 }
        }
    }
}
