//! A crate without the standard library, as far as its own code goes.
#![no_std]
#![deny(warnings)]

use larder::memoize;

#[memoize(name = "named", max_age = "1d", max_idle = "1d", max_bytes = "1 MB", compress = "none", store_if = |n| *n > 1)]
fn named(n: u8) -> u8 {
    n
}

#[memoize(companion = false)]
fn alone(n: u8) -> Result<u8, core::num::TryFromIntError> {
    u16::from(n).try_into()
}

#[derive(serde::Serialize)]
struct Number(u8);

impl Number {
    #[memoize(key(self = self.0))]
    fn get(&self) -> u8 {
        self.0
    }

    #[memoize(in_impl, track = "body")]
    async fn slow(n: u8) -> u8 {
        n
    }
}

fn main() {
    let _ = (named, alone, Number(1), Number::get, Number::slow(1));
}
