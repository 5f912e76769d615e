//! A stream whose bytes differ in a few bits only: each of these bits by itself, eight to a byte.

/// The bits of each byte, one to a byte.
const SPREAD: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            table[byte] |= ((byte as u64 >> bit) & 1) << (8 * bit);
            bit += 1;
        }
        byte += 1;
    }
    table
};

/// Returns the bits that differ between bytes, and those that are set in all.
pub(crate) fn varying(bytes: &[u8]) -> (u8, u8) {
    let (mut any, mut all) = ([0_u8; 64], [0xff_u8; 64]);
    let (chunks, rest) = bytes.as_chunks::<64>();
    for chunk in chunks {
        for (index, byte) in chunk.iter().enumerate() {
            any[index] |= byte;
            all[index] &= byte;
        }
    }
    let any = any.iter().chain(rest).fold(0, |any, byte| any | byte);
    let all = all.iter().chain(rest).fold(0xff, |all, byte| all & byte);
    (any & !all, all)
}

/// Appends the varying bits.
pub(crate) fn pack(bytes: &[u8], varying: u8, target: &mut Vec<u8>) {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let last = if rest.is_empty() { None } else { Some(&last) };
    for bit in (0..8).filter(|bit| varying >> bit & 1 == 1) {
        target.extend(chunks.iter().chain(last).map(|chunk| {
            let ones = u64::from_le_bytes(*chunk) >> bit & 0x0101_0101_0101_0101;
            // The multiplication gathers the eight bits in the highest byte.
            (ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
        }));
    }
}

/// Reverses [`pack`]. `packed` has the length that `target` and `varying` ask for.
pub(crate) fn unpack(packed: &[u8], varying: u8, base: u8, target: &mut [u8]) {
    let base = u64::from(base) * 0x0101_0101_0101_0101;
    let count = target.len().div_ceil(8);
    let mut rows = [&[][..]; 8];
    let mut shifts = [0; 8];
    let mut used = 0;
    for bit in (0..8).filter(|bit| varying >> bit & 1 == 1) {
        rows[used] = &packed[used * count..][..count];
        shifts[used] = bit;
        used += 1;
    }
    match used {
        1 => unpack_rows::<1>(&rows, &shifts, base, target),
        2 => unpack_rows::<2>(&rows, &shifts, base, target),
        3 => unpack_rows::<3>(&rows, &shifts, base, target),
        4 => unpack_rows::<4>(&rows, &shifts, base, target),
        5 => unpack_rows::<5>(&rows, &shifts, base, target),
        6 => unpack_rows::<6>(&rows, &shifts, base, target),
        7 => unpack_rows::<7>(&rows, &shifts, base, target),
        _ => unpack_rows::<8>(&rows, &shifts, base, target),
    }
}

fn unpack_rows<const N: usize>(rows: &[&[u8]; 8], shifts: &[u32; 8], base: u64, target: &mut [u8]) {
    let count = target.len().div_ceil(8);
    let rows: [&[u8]; N] = std::array::from_fn(|row| &rows[row][..count.min(rows[row].len())]);
    let shifts: [u32; N] = std::array::from_fn(|row| shifts[row]);
    let at = |index: usize| {
        let bytes = (0..N).fold(base, |bytes, row| bytes | SPREAD[usize::from(rows[row][index])] << (shifts[row] & 7));
        bytes.to_le_bytes()
    };
    let (chunks, rest) = target.as_chunks_mut::<8>();
    for (index, chunk) in chunks.iter_mut().enumerate() {
        *chunk = at(index);
    }
    if !rest.is_empty() {
        let last = at(count - 1);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}
