//! Vectors of AArch64: NEON.

use std::arch::aarch64::*;

use crate::shuffle::vector::steps::Vector;

/// Every processor of this target has them.
impl Vector for uint8x16_t {
    const GROUPS: usize = 1;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's obligation is the same.
        unsafe { vld1q_u8(from) }
    }

    #[inline(always)]
    unsafe fn load_groups(from: *const u8, _: usize) -> Self {
        // SAFETY: the caller's obligation is the same.
        unsafe { Self::load(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller's obligation is the same.
        unsafe { vst1q_u8(to, self) }
    }

    #[inline(always)]
    unsafe fn store_groups(self, to: *mut u8, _: usize) {
        // SAFETY: the caller's obligation is the same.
        unsafe { self.store(to) }
    }

    #[inline(always)]
    unsafe fn zip(self, other: Self) -> (Self, Self) {
        // SAFETY: the caller promises NEON.
        unsafe { (vzip1q_u8(self, other), vzip2q_u8(self, other)) }
    }
}
