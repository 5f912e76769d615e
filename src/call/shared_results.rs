//! Results in an `Arc`: as long as this process has one, a hit returns the same allocation.
//!
//! Whether a stored result may be used is decided as for any other one. Only its decoding is saved. A result that can
//! be changed through a shared reference, such as a `Mutex`, is not shared, as far as the name of its type shows that.

use std::any::{Any, type_name};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::SystemTime;

use crate::key::digest::Key;
use crate::sys::locked::locked;

type Value = dyn Any + Send + Sync;

/// The results of one function in one cache that are still in use, by key.
#[derive(Default)]
pub(crate) struct SharedResults(Mutex<Known>);

#[derive(Default)]
struct Known {
    results: HashMap<Key, Shared>,
    /// Those that are no longer in use are removed when there are this many.
    cleaned_at: usize,
}

struct Shared {
    /// When the entry was created. If it is another one now, so is the result.
    created: SystemTime,
    value: Weak<Value>,
}

/// Converts the stored part of a result from and to an `Arc` of any type.
pub(crate) struct Sharing<T> {
    share: fn(&T) -> Arc<Value>,
    unshare: fn(Arc<Value>) -> Option<T>,
}

/// Returns the conversion. A pointer to a function takes less space in the rules of a call.
pub(crate) type MakeSharing<T> = fn() -> Sharing<T>;

impl<T: Send + Sync + 'static> Sharing<Arc<T>> {
    /// Returns the conversion of an `Arc`.
    pub(crate) fn of_arc() -> Self {
        Sharing { share: |value| Arc::clone(value) as Arc<Value>, unshare: |value| value.downcast().ok() }
    }
}

impl SharedResults {
    /// Returns the result of the entry that was created then, if this process still has it.
    pub(crate) fn get<T>(&self, sharing: MakeSharing<T>, key: &Key, created: SystemTime) -> Option<T> {
        let known = locked(&self.0);
        let shared = known.results.get(key).filter(|shared| shared.created == created)?;
        (sharing().unshare)(shared.value.upgrade()?)
    }

    /// Remembers the result of the entry that was created then, until it is dropped everywhere.
    pub(crate) fn insert<T>(&self, sharing: MakeSharing<T>, key: &Key, created: SystemTime, value: &T) {
        /// Number of results before any is removed.
        const FEW: usize = 64;

        // After a change, a hit would return another value than was stored.
        if ["Mutex<", "Lock<", "Cell<", "::Atomic"].iter().any(|name| type_name::<T>().contains(name)) {
            return;
        }
        let shared = Shared { created, value: Arc::downgrade(&(sharing().share)(value)) };
        let mut known = locked(&self.0);
        if known.results.len() >= known.cleaned_at.max(FEW) {
            known.results.retain(|_, shared| shared.value.strong_count() > 0);
            known.cleaned_at = 2 * known.results.len();
        }
        known.results.insert(*key, shared);
    }
}
