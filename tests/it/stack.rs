//! Tests the stack use of memoized functions.

use std::cell::Cell;
use std::sync::LazyLock;
use std::thread::Builder;

use larder::{Cache, Outcome, Reason, memoize};
use tempfile::{TempDir, tempdir};

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());

/// Stack bytes that a recursion level may take in addition to the function itself, as documented for `#[memoize]`.
const A_LEVEL: usize = if cfg!(debug_assertions) { 2 << 10 } else { 1 << 10 };

thread_local! {
    static LAST: Cell<usize> = const { Cell::new(0) };
    static LEVEL: Cell<usize> = const { Cell::new(0) };
}

/// Returns an address in the current stack frame.
#[inline(never)]
fn here() -> usize {
    let mark = 0_u8;
    std::hint::black_box(&raw const mark).addr()
}

/// Records the distance to the stack position of the last call.
fn measure() {
    let here = here();
    LEVEL.set(LAST.replace(here).abs_diff(here));
}

/// Returns the stack bytes that the last level of a recursion took.
fn level(recurse: impl FnOnce()) -> usize {
    recurse();
    LEVEL.get()
}

fn on_stack<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    Builder::new().stack_size(bytes).spawn(work).unwrap().join().unwrap()
}

type Lists = Result<(Vec<f64>, String), String>;

#[memoize(cache = &CACHE, track = "none")]
fn sum(n: u64) -> u64 {
    measure();
    if n == 0 { 0 } else { sum(n - 1) + n }
}

#[inline(never)]
fn plain_sum(n: u64) -> u64 {
    measure();
    if n == 0 { 0 } else { plain_sum(n - 1) + n }
}

#[memoize(cache = &CACHE, track = "none", max_age = "7d", store_if = |_: &(Vec<f64>, String)| true)]
fn lists(n: usize, numbers: Vec<f64>, text: String) -> Lists {
    measure();
    if n == 0 { Ok((numbers, text)) } else { lists(n - 1, numbers, text) }
}

#[inline(never)]
fn plain_lists(n: usize, numbers: Vec<f64>, text: String) -> Lists {
    measure();
    if n == 0 { Ok((numbers, text)) } else { plain_lists(n - 1, numbers, text) }
}

fn closure(n: u64) -> u64 {
    measure();
    if n == 0 { 0 } else { CACHE.get_or_compute("closure", &n, || closure(n - 1) + n) }
}

#[memoize(cache = &CACHE, track = "none")]
fn by_handle(n: u64) -> u64 {
    measure();
    if n == 0 { 0 } else { by_handle::call(n - 1).run() + n }
}

/// A level of a memoized recursion takes little more than one of the plain function.
#[test]
fn a_level_of_a_recursion_takes_little_stack() {
    on_stack(8 << 20, || {
        let plain = level(|| assert_eq!(plain_sum(10), 55));
        let levels = [
            ("sum", level(|| assert_eq!(sum(10), 55))),
            ("closure", level(|| assert_eq!(closure(10), 55))),
            ("in hand", level(|| assert_eq!(by_handle(10), 55))),
        ];
        for (name, level) in levels {
            assert!(level > plain && level - plain <= A_LEVEL, "{name}: {level} bytes, and the plain one {plain}");
        }
        let plain = level(|| assert!(plain_lists(10, vec![1.0], "a".to_owned()).is_ok()));
        let level = level(|| assert!(lists(10, vec![1.0], "a".to_owned()).is_ok()));
        assert!(level - plain <= A_LEVEL, "{level} bytes, and the plain one {plain}");
    });
}

/// These recursions used to overflow the stack.
#[test]
fn deep_recursions_work() {
    assert_eq!(on_stack(8 << 20, || sum(3000)), 3000 * 3001 / 2);
    assert_eq!(on_stack(2 << 20, || lists(700, vec![2.0], "b".to_owned())), Ok((vec![2.0], "b".to_owned())));
}

/// larder leaves the last part of the stack to the function.
#[test]
fn the_end_of_the_stack_is_left_to_the_function() {
    /// Larger than the stack of any other test, because the C library reuses freed stacks, also for smaller requests.
    const STACK: usize = 16 << 20;
    /// Free stack at the beginning and at the end. The end is less than larder leaves to the function.
    const BEGIN: usize = 600 << 10;
    const END: usize = 40 << 10;

    #[memoize(cache = &CACHE, track = "none", ignore(end))]
    fn deep(n: u64, end: usize) -> u64 {
        if here() < end { n } else { deep(n + 1, end) }
    }

    #[memoize(cache = &CACHE, track = "none", ignore(end))]
    fn deep_by_handle(n: u64, end: usize) -> u64 {
        if here() < end {
            return n;
        }
        let (value, outcome) = deep_by_handle::call(n + 1, end).outcome();
        if value == n + 1 {
            assert!(matches!(outcome, Outcome::Bypassed { reason: Reason::LittleStack, .. }), "{outcome:?}");
        }
        value
    }

    /// Calls `work` when the stack is used up to `end`.
    #[inline(never)]
    fn deeper(end: usize, work: fn(usize) -> u64) -> u64 {
        let some = std::hint::black_box([0_u8; 32 << 10]);
        let value = if here() < end { work(end - (BEGIN - END)) } else { deeper(end, work) };
        std::hint::black_box(some);
        value
    }

    let levels = on_stack(STACK, || deeper(here() - (STACK - BEGIN), |end| deep(0, end)));
    let stats = deep::memo().stats().unwrap();
    assert!(stats.bypasses > 0 && stats.misses > stats.bypasses && stats.errors == 0, "{stats:?}");
    assert_eq!(stats.misses + stats.bypasses, levels + 1, "{stats:?}");
    on_stack(STACK, || deeper(here() - (STACK - BEGIN), |end| deep_by_handle(0, end)));
    // A small stack does not bypass the cache.
    assert_eq!(on_stack(256 << 10, || (sum(1), sum::call(1).is_cached())), (1, true));
}

/// Tasks that wait for each other are polled in nested calls.
#[cfg(feature = "async")]
#[test]
fn deep_recursions_of_tasks_work() {
    use std::pin::Pin;

    #[memoize(cache = &CACHE, track = "none")]
    async fn later(n: u64) -> u64 {
        next(n).await
    }

    fn next(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move { if n == 0 { 0 } else { later(n - 1).await + n } })
    }

    assert_eq!(on_stack(2 << 20, || smol::block_on(later(300))), 300 * 301 / 2);
}
