//! Distributes work on one large value over several threads.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder, available_parallelism};

use crate::sys::env::{Setting, number, text_of, wrong};
use crate::sys::fork::once::Once;
use crate::sys::locked::locked;

/// Limit on the default number of threads. More would only wait for memory.
const MOST: usize = 16;

/// Variable that sets the number of threads.
pub(crate) const THREADS_VARIABLE: Setting<NonZeroUsize> = Setting {
    name: "LARDER_THREADS",
    parse: |text| {
        text_of(text, |text| {
            let count = usize::try_from(number(text)?).ok().and_then(NonZeroUsize::new);
            count.ok_or_else(|| wrong(text, "it must be a number above 0"))
        })
    },
};

/// Number of threads; 0 if it was not set.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Sets how many threads this process may use for one large value (some MiB or more) while the value is written, read,
/// compressed or decompressed. The written bytes do not depend on it.
///
/// The default is the variable `LARDER_THREADS`, or else the number of processors that this process may use, at most
/// 16.
///
/// ```
/// // Leave the other processors to other programs.
/// larder::set_threads(1.try_into()?);
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
pub fn set_threads(count: NonZeroUsize) {
    THREADS.store(count.get(), Ordering::Relaxed);
}

/// Returns how many threads may work on one large value.
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

/// Runs `help` on up to `count` other threads while `here` runs on this one. Returns the result of `here` and those of
/// the helpers, which are fewer than `count` if the system has no more threads.
///
/// # Panics
/// If `help` or `here` panics, with the same panic, after all have ended. `help` must end when `here` has ended or
/// panicked.
pub(crate) fn with_helpers<H: Send, R>(
    count: usize,
    help: impl Fn() -> H + Sync,
    here: impl FnOnce() -> R,
) -> (R, Vec<H>) {
    thread::scope(|scope| {
        let spawn = |_| Builder::new().name("larder".to_owned()).spawn_scoped(scope, &help).ok();
        let helpers: Vec<_> = (0..count).map_while(spawn).collect();
        let result = here();
        let join = |helper: thread::ScopedJoinHandle<'_, H>| helper.join().unwrap_or_else(|panic| resume_unwind(panic));
        (result, helpers.into_iter().map(join).collect())
    })
}

/// Applies `work` to each item, on up to `threads` threads including this one. Each thread takes the next item when it
/// is done with one, and makes one `state` that it keeps between items. Returns the results in the order of the items.
///
/// # Errors
/// The error of the first item that fails. Items that no thread has begun by then are skipped.
///
/// # Panics
/// As [`with_helpers`].
pub(crate) fn try_map<I, S, R, E>(
    threads: usize,
    items: I,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, I::Item) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E>
where
    I: Iterator + Send,
    R: Send,
    E: Send,
{
    let items = Mutex::new(Some(items.enumerate()));
    // The lock is poisoned if the iterator has panicked. The other threads may continue, as the panic is resumed at the
    // end.
    let items = || locked(&items);
    let run = || {
        let (mut state, mut results) = (state(), Vec::new());
        loop {
            let next = items().as_mut().and_then(Iterator::next);
            let Some((index, item)) = next else { return results };
            let result = work(&mut state, item);
            if result.is_err() {
                *items() = None;
            }
            results.push((index, result));
        }
    };
    let (mut results, others) = with_helpers(threads.saturating_sub(1), run, run);
    results.extend(others.into_iter().flatten());
    // By index, which takes less code than a sort for each type of result.
    let mut in_order: Vec<_> = results.iter().map(|_| None).collect();
    for (index, result) in results {
        if index >= in_order.len() {
            in_order.resize_with(index + 1, || None);
        }
        in_order[index] = Some(result);
    }
    in_order.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn results_have_the_order_of_the_items() {
        for threads in [1, 2, 5] {
            let squares = try_map(threads, 0..1000_u64, || (), |(), n| Ok::<_, ()>(n * n));
            assert_eq!(squares.unwrap(), (0..1000).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_is_returned_and_the_remaining_items_are_skipped() {
        for threads in [1, 3] {
            let begun = AtomicUsize::new(0);
            let work = |(): &mut (), n: usize| {
                begun.fetch_add(1, Ordering::Relaxed);
                if n >= 10 { Err(n) } else { Ok(()) }
            };
            assert_eq!(try_map(threads, 0..1_000_000, || (), work), Err(10));
            assert!(begun.into_inner() < 1000);
        }
    }

    #[test]
    fn each_thread_has_one_state() {
        let made = AtomicUsize::new(0);
        let state = || made.fetch_add(1, Ordering::Relaxed);
        try_map(3, 0..100, state, |_, _| Ok::<_, ()>(())).unwrap();
        assert!((1..=3).contains(&made.into_inner()));
    }

    #[test]
    fn a_panic_of_a_helper_is_resumed() {
        let panics = || with_helpers(2, || panic!("seven"), || ());
        let panic = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"seven"));
    }

    #[test]
    fn a_panic_here_ends_helpers_that_wait() {
        let (sender, receiver) = channel::<()>();
        let receiver = Mutex::new(receiver);
        let here = move || {
            let _sender = sender;
            panic!("here");
        };
        let help = || receiver.lock().unwrap().recv().is_ok();
        let panics = || with_helpers(2, help, here);
        assert_eq!(catch_unwind(AssertUnwindSafe(panics)).unwrap_err().downcast_ref(), Some(&"here"));
    }
}
