//! The last few results that each thread used, so that threads that use the same result don't contend for the shared map and
//! for the reference count.
//!
//! `benches/call.rs` has the figures.

use std::cell::RefCell;
use std::sync::Arc;

use crate::engine::memory_tier::memory_entry::{Lookup, MemoryEntry};
use crate::key::digest::Key;

/// Results that a thread keeps.
const SLOTS: usize = 8;

/// Larger ones are not kept: a thread may live much longer than the cache.
const LARGEST: usize = 4 << 10;

struct ThreadSlot {
    /// The hash of the last call that was looked up here. When it comes again, its result is kept.
    last: u64,
    kept: Option<Kept>,
}

struct Kept {
    cache: u64,
    hash: u64,
    function: Key,
    encoding: Box<[u8]>,
    entry: Arc<MemoryEntry>,
}

impl Kept {
    fn is(&self, cache: u64, lookup: &Lookup<'_>) -> bool {
        self.hash == lookup.hash
            && self.cache == cache
            && *self.encoding == *lookup.encoding
            && self.function == *lookup.function
    }
}

thread_local! {
    static THREAD_SLOTS: RefCell<[ThreadSlot; SLOTS]> =
        const { RefCell::new([const { ThreadSlot { last: 0, kept: None } }; SLOTS]) };
}

/// Passes a result of the cache with this number to `with`: the one that the thread keeps, else the one that `find` finds, if
/// it is valid.
#[inline]
pub(super) fn get<R>(
    cache: u64,
    lookup: &Lookup<'_>,
    is_valid: impl Fn(&MemoryEntry) -> bool,
    find: impl FnOnce() -> Option<Arc<MemoryEntry>>,
    with: impl FnOnce(&MemoryEntry) -> Option<R>,
) -> Option<R> {
    let index = usize::from(lookup.hash.to_le_bytes()[0]) % SLOTS;
    let mut with = Some(with);
    // It is borrowed while a result is decoded: if that calls a memoized function, the thread keeps nothing for it.
    let kept = THREAD_SLOTS.try_with(|slots| {
        let slots = slots.try_borrow().ok()?;
        let kept = slots[index].kept.as_ref().filter(|kept| kept.is(cache, lookup) && is_valid(&kept.entry))?;
        with.take().map(|with| with(&kept.entry))
    });
    if let Ok(Some(result)) = kept {
        return result;
    }
    let entry = find().filter(|entry| is_valid(entry))?;
    keep(index, cache, lookup, &entry);
    with?(&entry)
}

fn keep(index: usize, cache: u64, lookup: &Lookup<'_>, entry: &Arc<MemoryEntry>) {
    let _ = THREAD_SLOTS.try_with(|slots| {
        let Ok(mut slots) = slots.try_borrow_mut() else { return };
        let slot = &mut slots[index];
        if slot.last == lookup.hash && entry.document.len() + lookup.encoding.len() <= LARGEST {
            slot.kept = Some(Kept {
                cache,
                hash: lookup.hash,
                function: *lookup.function,
                encoding: lookup.encoding.into(),
                entry: entry.clone(),
            });
        }
        slot.last = lookup.hash;
    });
}
