//! Shuffling with the widest vectors that the processor has.
#![expect(unsafe_code, reason = "vector loads and stores, without which shuffling takes longer than packing")]

#[cfg(target_arch = "aarch64")]
pub(crate) mod arm;
pub(crate) mod steps;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::uint8x16_t as Baseline;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m128i as Baseline;

use crate::shuffle::vector::steps::{shuffle_with, unshuffle_with};

/// Shuffles elements from the front. Returns how many.
pub(crate) fn shuffle<const WIDTH: usize>(elements: &[[u8; WIDTH]], planes: &mut [&mut [u8]; WIDTH]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as the condition says.
        return unsafe { x86::shuffle_avx2(elements, planes) };
    }
    // SAFETY: every processor of this architecture has these vectors.
    unsafe { shuffle_with::<Baseline, WIDTH>(elements, planes) }
}

/// Unshuffles elements from the front. Returns how many.
pub(crate) fn unshuffle<const WIDTH: usize>(planes: &[&[u8]; WIDTH], elements: &mut [[u8; WIDTH]]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as the condition says.
        return unsafe { x86::unshuffle_avx2(planes, elements) };
    }
    // SAFETY: every processor of this architecture has these vectors.
    unsafe { unshuffle_with::<Baseline, WIDTH>(planes, elements) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test of `shuffle` alone would reach only the widest vectors of the processor.
    fn the_baseline_agrees<const WIDTH: usize>() {
        let elements: Vec<[u8; WIDTH]> =
            (0..133).map(|n| std::array::from_fn(|j| ((n * 31 + j * 7) % 251).try_into().unwrap_or(0))).collect();
        let mut planes: [Vec<u8>; WIDTH] = std::array::from_fn(|_| vec![0; elements.len()]);
        let [one, other] = {
            let mut slices = planes.each_mut().map(Vec::as_mut_slice);
            // SAFETY: every processor of this architecture has these vectors.
            let done = unsafe { shuffle_with::<Baseline, WIDTH>(&elements, &mut slices) };
            let mut back = vec![[0; WIDTH]; elements.len()];
            let slices = planes.each_ref().map(Vec::as_slice);
            // SAFETY: as above.
            let undone = unsafe { unshuffle_with::<Baseline, WIDTH>(&slices, &mut back) };
            assert_eq!(back[..undone], elements[..undone]);
            [done, undone]
        };
        assert_eq!((one, other), (128, 128));
        for (j, plane) in planes.iter().enumerate() {
            assert!(plane[..one].iter().zip(&elements).all(|(byte, element)| *byte == element[j]));
        }
    }

    #[test]
    fn the_baseline_does_the_same() {
        the_baseline_agrees::<2>();
        the_baseline_agrees::<4>();
        the_baseline_agrees::<8>();
        the_baseline_agrees::<16>();
    }
}
