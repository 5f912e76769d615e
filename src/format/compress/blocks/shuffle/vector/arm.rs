//! NEON.

use std::arch::aarch64::*;

use crate::format::compress::blocks::shuffle::vector::Vector;

/// Every processor that this target stands for has them.
impl Vector for uint8x16_t {
    const GROUPS: usize = 1;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's.
        unsafe { vld1q_u8(from) }
    }

    #[inline(always)]
    unsafe fn load_groups(from: *const u8, _: usize) -> Self {
        // SAFETY: the caller's.
        unsafe { Self::load(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller's.
        unsafe { vst1q_u8(to, self) }
    }

    #[inline(always)]
    unsafe fn store_groups(self, to: *mut u8, _: usize) {
        // SAFETY: the caller's.
        unsafe { self.store(to) }
    }

    #[inline(always)]
    unsafe fn zip(self, other: Self) -> (Self, Self) {
        // SAFETY: the caller vouches for NEON.
        unsafe { (vzip1q_u8(self, other), vzip2q_u8(self, other)) }
    }
}
