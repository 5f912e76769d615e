//! Allocates memory for large vectors: zeroed by the system, in huge pages, and with an error if there is not enough.
//!
//! The benchmark `optimizations` compares reading with and without huge pages.
#![expect(unsafe_code, reason = "safe code has neither fallible zeroed memory nor huge pages")]

use std::alloc::{Layout, alloc_zeroed};

use bytemuck::Zeroable;

use crate::error::{Error, ErrorKind, Result};

/// Minimum size for huge pages, in bytes. Smaller vectors are not worth a system call.
const SMALLEST_HUGE: usize = 4 << 20;

/// Returns a vector of `count` zeros. A large one takes no memory until it is written to.
///
/// # Errors
/// If there is not enough memory.
pub(crate) fn zeroed<T: Zeroable>(count: usize) -> Result<Vec<T>> {
    let layout = Layout::array::<T>(count).map_err(|_| too_large(usize::MAX))?;
    if layout.size() == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the size of the layout is not zero.
    let pointer = unsafe { alloc_zeroed(layout) }.cast::<T>();
    if pointer.is_null() {
        return Err(too_large(layout.size()));
    }
    // SAFETY: the pointer comes from the global allocator, with the layout of `count` values of type `T`. All of them
    // are initialised, because zeros are a valid `T`.
    let mut vector = unsafe { Vec::from_raw_parts(pointer, count, count) };
    use_huge_pages(&mut vector);
    Ok(vector)
}

/// Ensures a capacity of at least `count` values in total.
///
/// # Errors
/// If there is not enough memory.
pub(crate) fn reserve<T>(vector: &mut Vec<T>, count: usize) -> Result<()> {
    if count > vector.capacity() {
        vector.try_reserve_exact(count - vector.len()).map_err(|_| too_large(count.saturating_mul(size_of::<T>())))?;
        use_huge_pages(vector);
    }
    Ok(())
}

#[cold]
fn too_large(bytes: usize) -> Error {
    Error::new(ErrorKind::LimitExceeded, format!("there is no memory for {bytes} bytes at once"))
}

/// Asks the system for huge pages. With pages of 4 KiB, reading a large file spends most of its time on page faults.
#[cfg(target_os = "linux")]
fn use_huge_pages<T>(vector: &mut Vec<T>) {
    use rustix::mm::{Advice, madvise};

    const PAGE: usize = 4096;

    let bytes = vector.capacity() * size_of::<T>();
    if bytes < SMALLEST_HUGE {
        return;
    }
    let start = vector.as_mut_ptr().cast::<u8>();
    let skipped = start.align_offset(PAGE);
    let len = (bytes - skipped) / PAGE * PAGE;
    // SAFETY: the range is within the vector's own memory, and this advice changes no content.
    // The result does not matter: without huge pages, reading is only slower.
    let _ = unsafe { madvise(start.add(skipped).cast(), len, Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
fn use_huge_pages<T>(_: &mut Vec<T>) {
    let _ = SMALLEST_HUGE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_zeros() {
        for count in [0, 1, 1000, 1 << 20] {
            let vector = zeroed::<u64>(count).unwrap();
            assert_eq!((vector.len(), vector.capacity()), (count, count));
            assert!(vector.iter().all(|x| *x == 0));
        }
    }

    #[test]
    fn too_large_a_size_is_an_error() {
        for count in [usize::MAX, usize::MAX / 16, usize::MAX / 9] {
            assert_eq!(zeroed::<u64>(count).unwrap_err().kind(), ErrorKind::LimitExceeded);
            assert_eq!(reserve(&mut Vec::<u64>::new(), count).unwrap_err().kind(), ErrorKind::LimitExceeded);
        }
    }
}
