//! Vectors of numbers, read at once.

use bytemuck::Pod;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::wire;
use crate::sys::alloc;

/// Bytes that are read at a time into memory that grows with them.
const STEP: usize = 4 << 20;

/// Reads `count` numbers as they lie in memory.
///
/// Memory is taken at once if it is known that as many bytes will come; else it grows as they
/// arrive, so that a length that is a lie costs little.
pub(super) fn read<T: Pod>(input: &mut ByteReader<'_>, count: u64) -> Result<Vec<T>> {
    let width = size_of::<T>();
    let (count, bytes) = usize::try_from(count)
        .ok()
        .and_then(|count| Some((count, count.checked_mul(width)?)))
        .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, format!("{count} numbers do not fit into memory")))?;
    if input.credit(bytes as u64)? >= bytes as u64 {
        let mut vector = alloc::zeroed::<T>(count)?;
        input.read_exact(bytemuck::cast_slice_mut(&mut vector))?;
        return Ok(vector);
    }
    let mut vector = Vec::new();
    while vector.len() < count {
        let credit = usize::try_from(input.credit(bytes as u64)?).unwrap_or(bytes) / width;
        let room = count.min(credit.max(2 * vector.len()).max(1));
        alloc::reserve(&mut vector, room)?;
        // In steps, so that zeros are still in the cache when they are overwritten.
        while vector.len() < vector.capacity().min(count) {
            let start = vector.len();
            vector.resize((start + STEP / width).min(vector.capacity()).min(count), T::zeroed());
            input.read_exact(bytemuck::cast_slice_mut(&mut vector[start..]))?;
        }
    }
    Ok(vector)
}

/// Reads `count` booleans, of which each is one byte.
pub(super) fn read_bools(input: &mut ByteReader<'_>, count: u64) -> Result<Vec<bool>> {
    let bytes = read::<u8>(input, count)?;
    match bytes.iter().find(|byte| !matches!(**byte, wire::FALSE | wire::TRUE)) {
        None => Ok(bytes.into_iter().map(|byte| byte == wire::TRUE).collect()),
        Some(byte) => Err(Error::new(ErrorKind::WrongType, format!("found {byte:#04x} where a boolean was wanted"))),
    }
}
