//! Cache of the last few results that each thread used, so that threads which use the same result don't contend for the
//! shared map and the reference count.
//!
//! `benches/call.rs` has measurements.

use std::cell::RefCell;
use std::sync::Arc;

use crate::engine::memory_tier::memory_entry::{Lookup, MemoryEntry};
use crate::key::digest::Key;

/// Number of results per thread.
const SLOTS: usize = 8;

/// Size limit in bytes. Larger results are not cached, because a thread may live much longer than the cache.
const LARGEST: usize = 4 << 10;

struct ThreadSlot {
    /// Hash of the last call that was looked up in this slot. A result is cached on its second lookup in a row.
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

/// Passes a result of the cache with this number to `with`, if it is valid: the one in this thread's slot, or else the
/// one that `find` returns.
#[inline]
pub(super) fn get<R>(
    cache: u64,
    lookup: &Lookup<'_>,
    is_valid: impl Fn(&MemoryEntry) -> bool,
    find: impl FnOnce() -> Option<Arc<MemoryEntry>>,
    with: impl FnOnce(&Arc<MemoryEntry>) -> Option<R>,
) -> Option<R> {
    let index = usize::from(lookup.hash.to_le_bytes()[0]) % SLOTS;
    let mut with = Some(with);
    // The slots are borrowed while a result is decoded. If decoding calls a memoized function, that call does not use
    // them.
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
