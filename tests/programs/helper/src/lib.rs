use larder::Cache;

/// A library that hands on its user's closure, under a name of its own.
pub fn cached(compute: impl FnOnce() -> String) -> String {
    Cache::global().get_or_compute("handed on", &(), || compute())
}

/// A closure of the library's own, which is the same in all programs.
pub fn own(who: &str) -> String {
    Cache::global().get_or_compute("own", &(), || who.to_owned())
}
