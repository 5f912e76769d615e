//! `Once` and `Lazy`: values that are initialised once, also across forks.
#![expect(unsafe_code, reason = "a cell that is written once, by the thread that claimed it")]

use std::cell::UnsafeCell;
use std::mem::{self, MaybeUninit};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::sys::fork::generation::generation;
use crate::sys::fork::lock_file::notice;

/// A `OnceLock` that survives a fork during initialisation. The child lacks the thread that would finish it, so it
/// initialises the value itself.
pub struct Once<T> {
    /// One of the four states below. The last two are combined with the generation of the initialising process.
    state: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

const EMPTY: u64 = 0;
const DONE: u64 = 1;
const MAKING: u64 = 2;
const WRITING: u64 = 3;

/// Returns a state of this process.
fn here(state: u64) -> u64 {
    u64::from(generation()) << 2 | state
}

/// How often a waiting thread yields before it sleeps.
const YIELDS: u32 = 64;
const PAUSE: Duration = Duration::from_micros(100);

// SAFETY: one thread writes the value, and then all share it. So `T` must be `Send` and `Sync`.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    /// Creates an empty cell.
    #[must_use]
    pub const fn new() -> Self {
        Once { state: AtomicU64::new(EMPTY), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Returns the value, if it is initialised.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: `DONE` is stored after the value was written, and nothing is written after that.
        (self.state.load(Ordering::Acquire) == DONE).then(|| unsafe { (*self.value.get()).assume_init_ref() })
    }

    /// Returns the value. If it is not initialised, calls `make`; other threads wait until it returns.
    #[inline]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        match self.get() {
            Some(value) => value,
            None => self.init(make),
        }
    }

    /// Sets the value. Returns `value` as an error if the cell is initialised already.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().unwrap_or_else(|| unreachable!("it is made once")));
        value.map_or(Ok(()), Err)
    }

    #[cold]
    #[inline(never)]
    fn init(&self, make: impl FnOnce() -> T) -> &T {
        // Without the fork handlers, a thread that does not exist here would look like a slow one.
        notice();
        let (mut make, mut made) = (Some(make), None);
        let mut waits = 0;
        loop {
            let seen = self.state.load(Ordering::Acquire);
            if let Some(value) = self.get() {
                return value;
            }
            if seen == here(MAKING) || seen == here(WRITING) {
                waits += 1;
                if waits < YIELDS {
                    thread::yield_now()
                } else {
                    thread::sleep(PAUSE)
                }
                continue;
            }
            // Empty, or a thread that this process does not have is initialising it.
            let mine = here(MAKING);
            if self.state.compare_exchange(seen, mine, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                continue;
            }
            if let Some(make) = make.take() {
                let back = GiveBack { once: self, mine };
                made = Some(make());
                mem::forget(back);
            }
            // If this thread has forked in `make`, another thread of the child may have taken over.
            if self.state.compare_exchange(mine, here(WRITING), Ordering::AcqRel, Ordering::Relaxed).is_ok()
                && let Some(value) = made.take()
            {
                // SAFETY: of all threads of this process, only the one that set `WRITING` writes, and none reads before
                // `DONE`. A value that a thread of the parent has half written is not dropped.
                unsafe { (*self.value.get()).write(value) };
                self.state.store(DONE, Ordering::Release);
            }
        }
    }
}

/// Resets the state if `make` panics, so that the next thread tries.
struct GiveBack<'o, T> {
    once: &'o Once<T>,
    mine: u64,
}

impl<T> Drop for GiveBack<'_, T> {
    fn drop(&mut self) {
        let _ = self.once.state.compare_exchange(self.mine, EMPTY, Ordering::AcqRel, Ordering::Relaxed);
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Once::new()
    }
}

impl<T> Drop for Once<T> {
    fn drop(&mut self) {
        if *self.state.get_mut() == DONE {
            // SAFETY: `DONE` means that the value was written, and `&mut self` means that no reference is left.
            unsafe { self.value.get_mut().assume_init_drop() };
        }
    }
}

/// A `LazyLock` on top of [`Once`].
pub(crate) struct Lazy<T> {
    once: Once<T>,
    make: fn() -> T,
}

impl<T> Lazy<T> {
    pub(crate) const fn new(make: fn() -> T) -> Self {
        Lazy { once: Once::new(), make }
    }
}

impl<T> Deref for Lazy<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.once.get_or_init(self.make)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn only_one_of_many_threads_initialises_it() {
        let (once, runs) = (Once::new(), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let value = once.get_or_init(|| {
                        thread::sleep(Duration::from_millis(20));
                        runs.fetch_add(1, Ordering::Relaxed)
                    });
                    assert_eq!(*value, 0);
                });
            }
        });
        assert_eq!(runs.into_inner(), 1);
        assert_eq!(once.set(7), Err(7));
    }

    #[test]
    fn after_a_panic_the_next_call_initialises_it_and_the_value_is_dropped() {
        let (once, value) = (Once::new(), Arc::new(5));
        assert!(catch_unwind(AssertUnwindSafe(|| once.get_or_init(|| panic!("not now")))).is_err());
        assert!(once.get().is_none());
        assert_eq!(**once.get_or_init(|| value.clone()), 5);
        drop(once);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
