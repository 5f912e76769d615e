//! A crate without `std` that gives larder another name.
#![no_std]

use memory::memoize;

#[memoize(name = "named", max_age = "1d")]
pub fn named(n: u8) -> u8 {
    n
}

#[derive(serde::Serialize)]
pub struct Number(pub u8);

impl Number {
    #[memoize(store_if = |n| *n > 1)]
    pub fn get(&self) -> u8 {
        self.0
    }
}

/// ```
/// #[memory::memoize(companion = false)]
/// fn in_documentation(n: u8) -> u8 {
///     n
/// }
/// # let _ = in_documentation;
/// ```
pub struct Documented;
