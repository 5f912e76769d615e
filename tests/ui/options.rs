//! Options that don't exist, or are not written as they should be.

use larder::memoize;

#[memoize(vresion = 2)]
fn misspelt(n: u8) -> u8 {
    n
}

#[memoize(max_aeg = "7d")]
fn misspelt_too(n: u8) -> u8 {
    n
}

#[memoize(frobnicate)]
fn unknown(n: u8) -> u8 {
    n
}

#[memoize(3)]
fn not_a_name(n: u8) -> u8 {
    n
}

#[memoize(version = 1, version = 2)]
fn twice(n: u8) -> u8 {
    n
}

#[memoize(version = 1 name = "x")]
fn no_comma(n: u8) -> u8 {
    n
}

#[memoize(version)]
fn no_value(n: u8) -> u8 {
    n
}

#[memoize(version = -1)]
fn negative(n: u8) -> u8 {
    n
}

#[memoize(version = 1.5)]
fn fraction(n: u8) -> u8 {
    n
}

#[memoize(version = 1_u8)]
fn suffix(n: u8) -> u8 {
    n
}

#[memoize(name = "")]
fn empty_name(n: u8) -> u8 {
    n
}

#[memoize(name = forecast)]
fn name_without_quotes(n: u8) -> u8 {
    n
}

#[memoize(cache = )]
fn no_cache(n: u8) -> u8 {
    n
}

#[memoize(compress = 3)]
fn compressor_as_number(n: u8) -> u8 {
    n
}

#[memoize(crate = "larder")]
fn crate_as_text(n: u8) -> u8 {
    n
}

#[memoize]
#[memoize(version = 2)]
fn two_attributes(n: u8) -> u8 {
    n
}

// The functions themselves exist in spite of the errors.
fn main() {
    misspelt(1) + misspelt_too(1) + unknown(1) + not_a_name(1) + twice(1) + no_comma(1) + no_value(1) + negative(1);
    fraction(1) + suffix(1) + empty_name(1) + name_without_quotes(1) + no_cache(1) + compressor_as_number(1);
    crate_as_text(1) + two_attributes(1);
}
