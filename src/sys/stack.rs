//! How much is left of the stack of this thread.
#![expect(unsafe_code, reason = "only the system knows where a stack ends")]

use std::cell::Cell;
use std::ptr;

/// Left to the function, and what a call needs of the stack before and after it: files are read and written, values encoded
/// and compressed.
const LITTLE: usize = (64 << 10) + NEEDED;

const NEEDED: usize = if cfg!(debug_assertions) { 128 << 10 } else { 64 << 10 };

/// On a small stack, a smaller part is little.
const SHARE: usize = 4;

/// Addresses from the first one on of which little is left: how many, and the first.
type Last = (usize, usize);

/// Not asked yet. No address is in it.
const UNKNOWN: Last = (usize::MAX, usize::MAX);
const NONE: Last = (0, 0);

thread_local! {
    static LAST: Cell<Last> = const { Cell::new(UNKNOWN) };
}

/// Whether so little is left that the function should have it for itself. Where somebody has changed to another stack, as
/// coroutines do, that is not known.
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

/// The lowest address of this thread's stack, and its length.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn bounds() -> Option<(usize, usize)> {
    let mut attributes = std::mem::MaybeUninit::uninit();
    let (mut first, mut len, mut guard) = (ptr::null_mut(), 0, 0);
    // SAFETY: `pthread_getattr_np` initialises the attributes unless it fails; they are read while they are, and then
    // destroyed once. The thread is this one, which exists.
    let failed = unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let failed = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut first, &raw mut len) != 0
            || libc::pthread_attr_getguardsize(attributes.as_ptr(), &raw mut guard) != 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        failed
    };
    // Some C libraries count the guard as a part of the stack.
    (!failed && len > guard).then(|| (first.addr() + guard, len - guard))
}

#[cfg(target_vendor = "apple")]
fn bounds() -> Option<(usize, usize)> {
    // SAFETY: the thread is this one, which exists.
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
    // SAFETY: both are written to during the call only.
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

    /// Asks when the stack has come down to this address.
    #[inline(never)]
    fn at(end: usize) -> bool {
        let some = std::hint::black_box([0_u8; 512]);
        let little = if here() < end { is_little_left() } else { at(end) };
        std::hint::black_box(some);
        little
    }

    #[test]
    fn it_is_known_when_little_is_left() {
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
