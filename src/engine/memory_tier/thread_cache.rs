//! The last few results that a thread used: threads that use the same one don't wait for each other's locks and
//! reference counts.

use std::cell::RefCell;
use std::sync::Arc;

use crate::engine::memory_tier::{Sought, Warm};
use crate::key::digest::Key;

/// Results that a thread keeps at hand.
const PLACES: usize = 8;

/// Larger ones are not kept: a thread may end long after the cache.
const LARGEST: usize = 4 << 10;

struct Near {
    /// The hash of the last call that was looked for here. When it comes again, it is kept.
    last: u64,
    kept: Option<Kept>,
}

struct Kept {
    cache: u64,
    hash: u64,
    function: Key,
    call: Box<[u8]>,
    warm: Arc<Warm>,
}

impl Kept {
    fn is(&self, cache: u64, sought: &Sought<'_>) -> bool {
        self.hash == sought.hash
            && self.cache == cache
            && *self.call == *sought.call
            && self.function == *sought.function
    }
}

thread_local! {
    static NEAR: RefCell<[Near; PLACES]> = const { RefCell::new([const { Near { last: 0, kept: None } }; PLACES]) };
}

/// Lets `take` have a result of the cache with this number that may be used: the one at hand, else what `find` finds.
#[inline]
pub(super) fn get<R>(
    cache: u64,
    sought: &Sought<'_>,
    may_be_used: impl Fn(&Warm) -> bool,
    find: impl FnOnce() -> Option<Arc<Warm>>,
    take: impl FnOnce(&Warm) -> Option<R>,
) -> Option<R> {
    let index = usize::from(sought.hash.to_le_bytes()[0]) % PLACES;
    let mut take = Some(take);
    // It is borrowed while a result is decoded: should that call a memoized function, nothing is at hand for it.
    let at_hand = NEAR.try_with(|near| {
        let near = near.try_borrow().ok()?;
        let kept = near[index].kept.as_ref().filter(|kept| kept.is(cache, sought) && may_be_used(&kept.warm))?;
        take.take().map(|take| take(&kept.warm))
    });
    if let Ok(Some(taken)) = at_hand {
        return taken;
    }
    let warm = find().filter(|warm| may_be_used(warm))?;
    keep(index, cache, sought, &warm);
    take?(&warm)
}

fn keep(index: usize, cache: u64, sought: &Sought<'_>, warm: &Arc<Warm>) {
    let _ = NEAR.try_with(|near| {
        let Ok(mut near) = near.try_borrow_mut() else { return };
        let near = &mut near[index];
        if near.last == sought.hash && warm.document.len() + sought.call.len() <= LARGEST {
            let call = sought.call.into();
            near.kept = Some(Kept { cache, hash: sought.hash, function: *sought.function, call, warm: warm.clone() });
        }
        near.last = sought.hash;
    });
}
