//! A compressor is checked when the function is compiled.

use larder::memoize;

#[memoize(compress = "gzip:99")]
fn level(n: u8) -> u8 {
    n
}

#[memoize(compress = "zstandard")]
fn unknown(n: u8) -> u8 {
    n
}

#[memoize(compress = "blocks")]
fn family(n: u8) -> u8 {
    n
}

fn main() {
    level(1) + unknown(1) + family(1);
}
