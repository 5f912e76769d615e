//! Attributes of the language.

use larder::memoize;

use crate::CACHE;

#[inline]
#[must_use]
#[memoize(cache = &CACHE)]
pub fn above(n: u8) -> u8 {
    n
}

#[memoize(cache = &CACHE)]
#[cold]
#[inline(never)]
#[must_use]
#[doc = "Documented."]
#[cfg_attr(all(), track_caller)]
pub fn below(n: u8) -> u8 {
    n
}

#[unsafe(no_mangle)]
#[memoize(cache = &CACHE)]
pub fn exported_above(n: u8) -> u8 {
    n
}

#[memoize(cache = &CACHE)]
#[unsafe(no_mangle)]
pub fn exported_below(n: u8) -> u8 {
    n
}

#[deprecated]
#[memoize(cache = &CACHE)]
pub fn deprecated(n: u8) -> u8 {
    n
}

#[cfg_attr(all(), memoize(cache = &CACHE))]
pub fn conditional(n: u8) -> u8 {
    n
}

#[cfg(target_arch = "x86_64")]
#[memoize(cache = &CACHE, companion = false)]
#[target_feature(enable = "sse4.2")]
pub fn vectorized(n: u8) -> u8 {
    #[target_feature(enable = "sse4.2")]
    fn with_feature(n: u8) -> u8 {
        n
    }
    with_feature(n)
}

#[test]
#[allow(deprecated)]
fn each_is_memoized() {
    for (function, name) in [
        (above as fn(u8) -> u8, "above"),
        (below, "below"),
        (exported_above, "exported_above"),
        (exported_below, "exported_below"),
        (deprecated, "deprecated"),
        (conditional, "conditional"),
    ] {
        assert_eq!((function(1), function(1)), (1, 1));
        assert_eq!(crate::entries(&format!("attributes::builtin::{name}")), 1, "{name}");
    }
}
