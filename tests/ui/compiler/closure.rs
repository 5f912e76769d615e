//! The result of a closure is checked where it is passed.

struct NotAnError;

fn main() {
    let cache = larder::Cache::disabled();
    let _ = cache.get_or_compute("load", &1, || Ok::<u8, NotAnError>(1));
    let _ = cache.get_or_try_compute("load", &1, || Ok::<u8, NotAnError>(1));
}
