//! Items whose memory is asked for before they come.
//!
//! The strings of a hash map lie anywhere in memory, and waiting for each of them would take longer than hashing it.
#![expect(unsafe_code, reason = "a value whose type is known to be a string is used as one, and memory is asked for")]

use std::iter::Fuse;

/// So many items are asked for before they come.
const AHEAD: usize = 16;

pub(crate) struct Ahead<I: Iterator, F> {
    items: Fuse<I>,
    fetch: F,
    /// A ring, of which `next` comes next.
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

/// Asks for what a value refers to, if it is a string.
#[inline]
pub(crate) fn fetch<T>(value: &T) {
    if typeid::of::<T>() == typeid::of::<&String>() {
        // SAFETY: `T` is `&String`, but for its lifetime, and the string is used no longer than here.
        prefetch(unsafe { *std::ptr::from_ref(value).cast::<&String>() }.as_ptr());
    }
    if typeid::of::<T>() == typeid::of::<&&str>() {
        // SAFETY: likewise.
        prefetch(unsafe { **std::ptr::from_ref(value).cast::<&&str>() }.as_ptr());
    }
}

/// Asks for the line of the cache that an address lies in.
#[inline]
fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing and may be given for any address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
