//! Measures how much stack space this thread has left.
#![expect(unsafe_code, reason = "only the system knows where a stack ends")]

use std::cell::Cell;
use std::ptr;

/// Remaining bytes that count as little: 64 KiB for the memoized function, and the needs of a call.
const LITTLE: usize = (64 << 10) + NEEDED;

/// Stack that a call needs before and after the function, in bytes: it reads and writes files, and encodes and
/// compresses values.
const NEEDED: usize = if cfg!(debug_assertions) { 128 << 10 } else { 64 << 10 };

/// On a small stack, only this fraction counts as little.
const SHARE: usize = 4;

/// The addresses at which little stack is left: their number, and the first of them.
type Last = (usize, usize);

/// Not determined yet. No address is in it.
const UNKNOWN: Last = (usize::MAX, usize::MAX);
const NONE: Last = (0, 0);

thread_local! {
    static LAST: Cell<Last> = const { Cell::new(UNKNOWN) };
}

/// Returns whether so little stack is left that the function should have all of it. False if the program has switched
/// to another stack, as coroutines do, because its bounds are unknown.
#[inline]
pub(crate) fn is_little_left() -> bool {
    let mark = 0_u8;
    let here = ptr::from_ref(&mark).addr();
    let (mut len, mut first) = LAST.get();
    if len == UNKNOWN.0 {
        (len, first) = ask();
    }
    here.wrapping_sub(first) < len
}

#[cold]
fn ask() -> Last {
    let last = bounds().map_or(NONE, |(first, len)| (LITTLE.min(len / SHARE), first));
    LAST.set(last);
    last
}

/// Returns the lowest address of this thread's stack, and its length.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn bounds() -> Option<(usize, usize)> {
    let mut attributes = std::mem::MaybeUninit::uninit();
    let (mut first, mut len, mut guard) = (ptr::null_mut(), 0, 0);
    // SAFETY: `pthread_getattr_np` initialises the attributes unless it fails. They are read only if it succeeded, and
    // then destroyed once. The thread is the current one, so it exists.
    let failed = unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let failed = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut first, &raw mut len) != 0
            || libc::pthread_attr_getguardsize(attributes.as_ptr(), &raw mut guard) != 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        failed
    };
    // Some C libraries count the guard area as a part of the stack.
    (!failed && len > guard).then(|| (first.addr() + guard, len - guard))
}

#[cfg(target_vendor = "apple")]
fn bounds() -> Option<(usize, usize)> {
    // SAFETY: the thread is the current one, so it exists.
    let (end, len) = unsafe {
        let this = libc::pthread_self();
        (libc::pthread_get_stackaddr_np(this).addr(), libc::pthread_get_stacksize_np(this))
    };
    Some((end.checked_sub(len)?, len))
}

#[cfg(windows)]
fn bounds() -> Option<(usize, usize)> {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetCurrentThreadStackLimits(low: *mut usize, high: *mut usize);
    }
    let (mut first, mut end) = (0, 0);
    // SAFETY: both variables are written to only during the call.
    unsafe { GetCurrentThreadStackLimits(&raw mut first, &raw mut end) };
    Some((first, end.checked_sub(first)?))
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)))]
fn bounds() -> Option<(usize, usize)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> usize {
        let mark = 0_u8;
        std::hint::black_box(ptr::from_ref(&mark)).addr()
    }

    /// Asks when the stack has grown down to this address.
    #[inline(never)]
    fn at(end: usize) -> bool {
        let some = std::hint::black_box([0_u8; 512]);
        let little = if here() < end { is_little_left() } else { at(end) };
        std::hint::black_box(some);
        little
    }

    #[test]
    fn little_stack_is_detected() {
        let on = |size: usize, used: usize| {
            let builder = std::thread::Builder::new().stack_size(size << 10);
            builder.spawn(move || at(here() - (used << 10))).unwrap().join().unwrap()
        };
        if cfg!(any(target_os = "linux", target_vendor = "apple", windows)) {
            assert!(!on(4096, 10) && !on(4096, 2000) && on(4096, 3950));
            assert!(!on(256, 20) && on(256, 210));
        }
        assert!(!is_little_left());
    }
}
