use crate::CACHE;
use larder::{Memo, Outcome, memoize};

pub fn holder() -> (&'static Memo, (u64, Outcome)) {
    fn local(n: u64) -> u64 {
        n + LOCAL
    }
    const LOCAL: u64 = 9;
    const UNUSED: u64 = 70;
    #[memoize(cache = &CACHE, name = "nested")]
    fn nested(n: u64) -> u64 {
        local(n)
    }
    assert_eq!(UNUSED % 10, 0);
    (nested::memo(), nested::call(1).outcome())
}
