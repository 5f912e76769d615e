//! How many threads may work on one large value.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use crate::sys::env::{Setting, number, text_of, wrong};
use crate::sys::fork::once::Once;

/// More would only wait for memory.
const MOST: usize = 16;

/// The variable that says how many threads.
pub(crate) const THREADS_VARIABLE: Setting<NonZeroUsize> = Setting {
    name: "LARDER_THREADS",
    parse: |text| {
        text_of(text, |text| {
            let count = usize::try_from(number(text)?).ok().and_then(NonZeroUsize::new);
            count.ok_or_else(|| wrong(text, "it must be a number above 0"))
        })
    },
};

/// 0: nobody said anything.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Sets how many threads this process may use for one large value (some MiB and more) while it is
/// written, read, compressed or decompressed. What is written does not depend on it.
///
/// Without this, it is what the variable `LARDER_THREADS` says, else as many as the system lets
/// this process use, at most 16.
///
/// ```
/// // Leave the other processors to others.
/// larder::set_threads(1.try_into()?);
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
pub fn set_threads(count: NonZeroUsize) {
    THREADS.store(count.get(), Ordering::Relaxed);
}

/// How many threads may work on one large value.
pub(crate) fn threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => from_environment(),
        count => count,
    }
}

fn from_environment() -> usize {
    static COUNT: Once<usize> = Once::new();
    *COUNT.get_or_init(|| {
        let available = || available_parallelism().map_or(1, NonZeroUsize::get).min(MOST);
        THREADS_VARIABLE.get().map_or_else(available, NonZeroUsize::get)
    })
}
