//! Iterator that prefetches the memory of items.
//!
//! The strings of a hash map are scattered over memory, and waiting for one takes longer than hashing it. The benchmark
//! `optimizations` compares keys of hash maps with and without this.
#![expect(unsafe_code, reason = "uses a value whose type is known to be a string as one, and prefetches memory")]

use std::iter::Fuse;

/// Number of items between prefetch and use.
const AHEAD: usize = 16;

pub(crate) struct Ahead<I: Iterator, F> {
    items: Fuse<I>,
    fetch: F,
    /// Ring buffer; `next` is the index of the next item.
    waiting: [Option<I::Item>; AHEAD],
    next: usize,
}

impl<I: Iterator, F: Fn(&I::Item)> Ahead<I, F> {
    pub(crate) fn new(items: I, fetch: F) -> Self {
        let mut ahead = Ahead { items: items.fuse(), fetch, waiting: [const { None }; AHEAD], next: 0 };
        (0..AHEAD).for_each(|place| ahead.fill(place));
        ahead
    }

    #[inline]
    fn fill(&mut self, place: usize) {
        self.waiting[place] = self.items.next();
        if let Some(item) = &self.waiting[place] {
            (self.fetch)(item);
        }
    }
}

impl<I: Iterator, F: Fn(&I::Item)> Iterator for Ahead<I, F> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        let item = self.waiting[self.next].take();
        self.fill(self.next);
        self.next = (self.next + 1) % AHEAD;
        item
    }
}

/// Prefetches the bytes of a value, if it is a string.
#[inline]
pub(crate) fn fetch<T>(value: &T) {
    if typeid::of::<T>() == typeid::of::<&String>() {
        // SAFETY: `T` is `&String`, except for its lifetime, and the reference is used only in this expression.
        prefetch(unsafe { *std::ptr::from_ref(value).cast::<&String>() }.as_ptr());
    }
    if typeid::of::<T>() == typeid::of::<&&str>() {
        // SAFETY: `T` is `&&str`, except for its lifetime, and the reference is used only in this expression.
        prefetch(unsafe { **std::ptr::from_ref(value).cast::<&&str>() }.as_ptr());
    }
}

/// Prefetches the cache line of an address.
#[inline]
fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint. It reads nothing, and is valid for any address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
