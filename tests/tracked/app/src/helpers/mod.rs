pub mod deep;
pub mod hidden;
#[path = "elsewhere.rs"]
pub mod switched;

pub const LIMIT: u64 = 10;
pub static TABLE: [u64; 2] = [1, 2];
pub const SAID: u64 = 1;

/// Documented.
pub fn first(n: u64) -> u64 {
    deep::second(n)
}

pub fn plain(n: u64) -> u64 {
    n + 30
}

pub fn unrelated(n: u64) -> u64 {
    n + 40
}

#[cfg(feature = "fast")]
pub fn fast_or_not(n: u64) -> u64 {
    n
}

#[cfg(not(feature = "fast"))]
pub fn fast_or_not(n: u64) -> u64 {
    n
}

pub fn as_text<S: serde::Serializer>(n: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&n.to_string())
}

pub fn made_of(n: u64) -> u64 {
    n + 50
}

macro_rules! textual {
    ($n:expr) => {
        $n + 80
    };
}
pub(crate) use textual as by_path;

macro_rules! define {
    ($name:ident, $value:expr) => {
        pub fn $name(n: u64) -> u64 {
            n + $value
        }
    };
}

pub mod generated {
    define!(defined, 60);
}
