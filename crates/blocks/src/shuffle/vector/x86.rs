//! Vectors of x86-64: SSE2 and AVX2.

use std::arch::x86_64::*;

use crate::shuffle::vector::steps::{Vector, shuffle_with, unshuffle_with};

/// Every x86-64 processor has them.
impl Vector for __m128i {
    const GROUPS: usize = 1;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's obligation is the same.
        unsafe { _mm_loadu_si128(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_groups(from: *const u8, _: usize) -> Self {
        // SAFETY: the caller's obligation is the same.
        unsafe { Self::load(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller's obligation is the same.
        unsafe { _mm_storeu_si128(to.cast(), self) }
    }

    #[inline(always)]
    unsafe fn store_groups(self, to: *mut u8, _: usize) {
        // SAFETY: the caller's obligation is the same.
        unsafe { self.store(to) }
    }

    #[inline(always)]
    unsafe fn zip(self, other: Self) -> (Self, Self) {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { (_mm_unpacklo_epi8(self, other), _mm_unpackhi_epi8(self, other)) }
    }
}

/// With AVX2.
impl Vector for __m256i {
    const GROUPS: usize = 2;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's obligation is the same.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_groups(from: *const u8, stride: usize) -> Self {
        // SAFETY: the caller's obligation is the same.
        unsafe { _mm256_loadu2_m128i(from.add(stride).cast(), from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller's obligation is the same.
        unsafe { _mm256_storeu_si256(to.cast(), self) }
    }

    #[inline(always)]
    unsafe fn store_groups(self, to: *mut u8, stride: usize) {
        // SAFETY: the caller's obligation is the same.
        unsafe { _mm256_storeu2_m128i(to.add(stride).cast(), to.cast(), self) }
    }

    #[inline(always)]
    unsafe fn zip(self, other: Self) -> (Self, Self) {
        // SAFETY: the caller promises AVX2.
        unsafe { (_mm256_unpacklo_epi8(self, other), _mm256_unpackhi_epi8(self, other)) }
    }
}

/// # Safety
/// As [`shuffle_with`]; the target feature says which vectors.
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn shuffle_avx2<const WIDTH: usize>(
    elements: &[[u8; WIDTH]],
    planes: &mut [&mut [u8]; WIDTH],
) -> usize {
    // SAFETY: the caller's obligation is the same.
    unsafe { shuffle_with::<__m256i, WIDTH>(elements, planes) }
}

/// # Safety
/// As [`unshuffle_with`]; the target feature says which vectors.
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn unshuffle_avx2<const WIDTH: usize>(
    planes: &[&[u8]; WIDTH],
    elements: &mut [[u8; WIDTH]],
) -> usize {
    // SAFETY: the caller's obligation is the same.
    unsafe { unshuffle_with::<__m256i, WIDTH>(planes, elements) }
}
