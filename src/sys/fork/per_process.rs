//! `PerProcess`: a value that each process has its own copy of.
#![expect(unsafe_code, reason = "a value is replaced while others may hold references to the one before")]

use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::sys::fork::generation::Born;
use crate::sys::fork::lock_file::notice;

/// A value that is created again on first use after a fork. The child never drops the parent's value.
///
/// Several threads may create it at the same time; one of their values is kept.
pub(crate) struct PerProcess<T> {
    /// Null, or from `Box::into_raw`.
    kept: AtomicPtr<Kept<T>>,
    owns: PhantomData<Kept<T>>,
}

struct Kept<T> {
    born: Born,
    value: T,
}

impl<T: Send + Sync> PerProcess<T> {
    /// Creates an empty cell.
    pub(crate) const fn new() -> Self {
        PerProcess { kept: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// Returns the value of this process, if it exists.
    #[inline]
    pub(crate) fn here(&self) -> Option<&T> {
        self.any().filter(|kept| kept.born.is_here()).map(|kept| &kept.value)
    }

    /// Returns the value of this process. If it does not exist, calls `make` with the parent's value. Anything behind a
    /// lock in the parent's value may be half changed, because another thread of the parent may have held the lock.
    #[inline]
    pub(crate) fn get_or(&self, make: impl FnOnce(Option<&T>) -> T) -> &T {
        match self.here() {
            Some(value) => value,
            None => self.make(make),
        }
    }

    /// Returns the value of this process; creates the default if it does not exist.
    #[inline]
    pub(crate) fn get(&self) -> &T
    where
        T: Default,
    {
        self.get_or(|_| T::default())
    }

    #[inline]
    fn any(&self) -> Option<&Kept<T>> {
        // SAFETY: the pointer is null, or a box that `make` leaked with a complete value in it. A replaced value is
        // never freed. The current one is freed only when `self` is dropped, and the reference does not outlive `self`.
        unsafe { self.kept.load(Ordering::Acquire).as_ref() }
    }

    #[cold]
    #[inline(never)]
    fn make(&self, make: impl FnOnce(Option<&T>) -> T) -> &T {
        notice();
        let before = self.any();
        let value = make(before.map(|kept| &kept.value));
        let new = Box::into_raw(Box::new(Kept { born: Born::here(), value }));
        let expected = before.map_or(ptr::null_mut(), |kept| ptr::from_ref(kept).cast_mut());
        match self.kept.compare_exchange(expected, new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it is the box that was just leaked; see `any` for its lifetime.
            Ok(_) => unsafe { &(*new).value },
            Err(other) => {
                // SAFETY: `new` comes from `Box::into_raw` above, and was never shared.
                drop(unsafe { Box::from_raw(new) });
                // SAFETY: as in `any`. It is not null, because it is never set to null.
                unsafe { &(*other).value }
            }
        }
    }
}

impl<T: Send + Sync> Default for PerProcess<T> {
    fn default() -> Self {
        PerProcess::new()
    }
}

impl<T: Send + Sync> From<T> for PerProcess<T> {
    fn from(value: T) -> Self {
        let made = PerProcess::new();
        made.get_or(|_| value);
        made
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let kept = *self.kept.get_mut();
        // SAFETY: the pointer is null or a leaked box, as in `any`. `&mut self` means that no reference is left.
        if unsafe { kept.as_ref() }.is_some_and(|kept| kept.born.is_here()) {
            // SAFETY: the pointer comes from `Box::into_raw`, and is not used after this.
            drop(unsafe { Box::from_raw(kept) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn threads_that_create_it_at_the_same_time_share_one() {
        let (value, made) = (PerProcess::<Arc<()>>::new(), Arc::new(()));
        assert!(value.here().is_none());
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| ptr::from_ref(value.get_or(|_| made.clone())).addr())).collect();
            let places: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert!(places.iter().all(|place| *place == places[0]));
        });
        assert_eq!(Arc::strong_count(&made), 2, "a surplus value was not dropped");
        drop(value);
        assert_eq!(Arc::strong_count(&made), 1, "the value was not dropped");
    }
}
