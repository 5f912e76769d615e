//! Checks whether numbers contain a NaN.
#![expect(unsafe_code, reason = "a function for wider vectors is called where the processor has them")]

use crate::format::numeric::number::Number;

const INFINITY_32: u32 = f32::INFINITY.to_bits();
const INFINITY_64: u64 = f64::INFINITY.to_bits();

/// Returns whether a number, or a part of one, is NaN. `bytes` must be whole numbers, little-endian.
pub(crate) fn has_nan(number: Number, bytes: &[u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the only requirement of the function.
        return unsafe { has_nan_avx2(number, bytes) };
    }
    has_nan_plain(number, bytes)
}

/// The same code, compiled for vectors of 32 bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn has_nan_avx2(number: Number, bytes: &[u8]) -> bool {
    has_nan_plain(number, bytes)
}

/// Has no branch inside the loop, so that the compiler vectorises it.
#[inline(always)]
fn has_nan_plain(number: Number, bytes: &[u8]) -> bool {
    // Without its sign bit, a NaN is greater than infinity. The difference is then negative, which sets its top bit.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_is_found_at_any_position() {
        let mut numbers: Vec<f32> = (0..1000_u16).map(f32::from).collect();
        numbers[7] = f32::NEG_INFINITY;
        numbers[8] = f32::INFINITY;
        let has = |numbers: &[f32]| {
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| f64::from(*x).to_le_bytes()).collect();
            let narrow: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            let found = has_nan(Number::F64, &bytes);
            assert_eq!(found, has_nan_plain(Number::F64, &bytes));
            assert_eq!(found, has_nan(Number::F32, &narrow));
            assert_eq!(found, has_nan_plain(Number::C32, &narrow));
            assert!(!has_nan(Number::U64, &bytes));
            found
        };
        assert!(!has(&numbers));
        for at in 0..numbers.len() {
            for nan in [f32::NAN, -f32::NAN] {
                let before = std::mem::replace(&mut numbers[at], nan);
                assert!(has(&numbers), "{at}");
                numbers[at] = before;
            }
        }
    }
}
