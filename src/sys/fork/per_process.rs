//! A value that each process has one of.
#![expect(unsafe_code, reason = "a value is replaced while others may hold references to the one before")]

use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::sys::fork::generation::Born;
use crate::sys::fork::lock_file::notice;

/// A value that is made afresh where it is first asked for after a fork. The parent's is never dropped there.
///
/// Several threads may make it at one time; one of their values is kept.
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
    /// Of which nothing is made yet.
    pub(crate) const fn new() -> Self {
        PerProcess { kept: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// The value of this process, if there is one.
    #[inline]
    pub(crate) fn here(&self) -> Option<&T> {
        self.any().filter(|kept| kept.born.is_here()).map(|kept| &kept.value)
    }

    /// The value of this process, which `make` makes if there is none. `make` is given the parent's value, of which
    /// another thread of the parent may have been changing what it has locked.
    #[inline]
    pub(crate) fn get_or(&self, make: impl FnOnce(Option<&T>) -> T) -> &T {
        match self.here() {
            Some(value) => value,
            None => self.make(make),
        }
    }

    /// The value of this process, or the default.
    #[inline]
    pub(crate) fn get(&self) -> &T
    where
        T: Default,
    {
        self.get_or(|_| T::default())
    }

    #[inline]
    fn any(&self) -> Option<&Kept<T>> {
        // SAFETY: it is null, or a box that `make` leaked with a complete value in it. It is freed only when `self` is
        // dropped, and the reference does not live longer than `self`: one that is replaced is never freed.
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
            // SAFETY: it is the box that was just leaked; see `any` for how long it lives.
            Ok(_) => unsafe { &(*new).value },
            Err(other) => {
                // SAFETY: `new` comes from `Box::into_raw` above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
                // SAFETY: as in `any`; it is not null, since it is never set to null.
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
        // SAFETY: it is null or a leaked box, as in `any`, and nobody has a reference any more.
        if unsafe { kept.as_ref() }.is_some_and(|kept| kept.born.is_here()) {
            // SAFETY: it comes from `Box::into_raw`, and is not used after this.
            drop(unsafe { Box::from_raw(kept) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn threads_that_make_it_at_one_time_share_one() {
        let (value, made) = (PerProcess::<Arc<()>>::new(), Arc::new(()));
        assert!(value.here().is_none());
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| ptr::from_ref(value.get_or(|_| made.clone())).addr())).collect();
            let places: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert!(places.iter().all(|place| *place == places[0]));
        });
        assert_eq!(Arc::strong_count(&made), 2, "one that lost was not dropped");
        drop(value);
        assert_eq!(Arc::strong_count(&made), 1, "the value was not dropped");
    }
}
