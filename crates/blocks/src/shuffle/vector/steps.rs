//! The steps of shuffling with vectors of 16 bytes, or of twice 16.
//!
//! Both directions repeat the same step, a different number of times. `WIDTH` vectors of 16 bytes are one
//! array of bytes whose index is (vector, lane). Zipping vector *i* with vector *i* + `WIDTH`/2 rotates
//! the bits of that index by one to the left. After log2(`WIDTH`) steps, (plane, element) has become
//! (element, plane); log2(16) = 4 more steps lead back.

/// A vector register.
pub(crate) trait Vector: Copy {
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
pub(crate) unsafe fn shuffle_with<V: Vector, const WIDTH: usize>(
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
pub(crate) unsafe fn unshuffle_with<V: Vector, const WIDTH: usize>(
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
