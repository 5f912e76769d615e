//! Shuffling with vectors of 16 bytes, or of twice 16.
//!
//! Both directions repeat the same step, a different number of times. `WIDTH` vectors of 16 bytes are one
//! array of bytes whose index is (vector, lane). Zipping vector *i* with vector *i* + `WIDTH`/2 rotates
//! the bits of that index by one to the left. After log2(`WIDTH`) steps, (plane, element) has become
//! (element, plane); log2(16) = 4 more steps lead back.
#![expect(unsafe_code, reason = "vector loads and stores, without which shuffling takes longer than packing")]

#[cfg(target_arch = "aarch64")]
pub(crate) mod arm;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

/// A vector register.
trait Vector: Copy {
    /// Groups of 16 bytes in it.
    const GROUPS: usize;

    /// # Safety
    /// `16 * GROUPS` bytes at `from` are readable, and the processor has these vectors.
    unsafe fn load(from: *const u8) -> Self;

    /// Loads groups that are `stride` bytes apart.
    ///
    /// # Safety
    /// 16 bytes at each of them are readable, and the processor has these vectors.
    unsafe fn load_groups(from: *const u8, stride: usize) -> Self;

    /// # Safety
    /// `16 * GROUPS` bytes at `to` are writable, and the processor has these vectors.
    unsafe fn store(self, to: *mut u8);

    /// Stores groups `stride` bytes apart.
    ///
    /// # Safety
    /// 16 bytes at each of them are writable, and the processor has these vectors.
    unsafe fn store_groups(self, to: *mut u8, stride: usize);

    /// Interleaves the lower halves of each group, and the upper halves.
    ///
    /// # Safety
    /// The processor has these vectors.
    unsafe fn zip(self, other: Self) -> (Self, Self);
}

/// # Safety
/// The processor has vectors `V`.
#[inline(always)]
unsafe fn rotate<V: Vector, const WIDTH: usize>(vectors: [V; WIDTH], times: u32) -> [V; WIDTH] {
    let mut vectors = vectors;
    for _ in 0..times {
        let before = vectors;
        for index in 0..WIDTH / 2 {
            // SAFETY: the caller promises these vectors.
            let (low, high) = unsafe { before[index].zip(before[index + WIDTH / 2]) };
            vectors[2 * index] = low;
            vectors[2 * index + 1] = high;
        }
    }
    vectors
}

/// Shuffles whole vectors. Returns how many elements these were.
///
/// # Safety
/// The processor has vectors `V`, and each plane has as many bytes as there are elements.
#[inline(always)]
unsafe fn shuffle_with<V: Vector, const WIDTH: usize>(
    elements: &[[u8; WIDTH]],
    planes: &mut [&mut [u8]; WIDTH],
) -> usize {
    let step = 16 * V::GROUPS;
    let mut index = 0;
    while elements.len() - index >= step {
        let from = elements[index..][..step].as_flattened().as_ptr();
        // SAFETY: `step * WIDTH` bytes begin at `from`: `16 * WIDTH` for each of up to two groups. Vector `at` loads the 16
        // bytes from `16 * at` on of each group.
        let vectors: [V; WIDTH] = std::array::from_fn(|at| unsafe { V::load_groups(from.add(16 * at), 16 * WIDTH) });
        // SAFETY: the caller promises these vectors.
        let vectors = unsafe { rotate(vectors, 4) };
        for (vector, plane) in vectors.into_iter().zip(planes.iter_mut()) {
            let to = plane[index..][..step].as_mut_ptr();
            // SAFETY: the slice at `to` has `step` bytes.
            unsafe { vector.store(to) };
        }
        index += step;
    }
    index
}

/// Reverses [`shuffle_with`].
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn unshuffle_with<V: Vector, const WIDTH: usize>(
    planes: &[&[u8]; WIDTH],
    elements: &mut [[u8; WIDTH]],
) -> usize {
    let step = 16 * V::GROUPS;
    let mut index = 0;
    while elements.len() - index >= step {
        // SAFETY: the slice has `step` bytes.
        let vectors: [V; WIDTH] =
            std::array::from_fn(|plane| unsafe { V::load(planes[plane][index..][..step].as_ptr()) });
        // SAFETY: the caller promises these vectors.
        let vectors = unsafe { rotate(vectors, WIDTH.ilog2()) };
        let to = elements[index..][..step].as_flattened_mut().as_mut_ptr();
        for (at, vector) in vectors.into_iter().enumerate() {
            // SAFETY: `step * WIDTH` bytes begin at `to`: `16 * WIDTH` for each of up to two groups. Vector `at` fills the 16
            // bytes from `16 * at` on of each group.
            unsafe { vector.store_groups(to.add(16 * at), 16 * WIDTH) };
        }
        index += step;
    }
    index
}

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::uint8x16_t as Baseline;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m128i as Baseline;

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
