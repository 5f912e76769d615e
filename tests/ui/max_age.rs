//! Mistakes in durations.

use larder::memoize;

#[memoize(max_age = "a while")]
fn no_number(n: u8) -> u8 {
    n
}

#[memoize(max_age = "7")]
fn no_unit(n: u8) -> u8 {
    n
}

#[memoize(max_age = "7 years")]
fn unknown_unit(n: u8) -> u8 {
    n
}

#[memoize(max_age = "1.5h")]
fn fraction(n: u8) -> u8 {
    n
}

#[memoize(max_age = "-1h")]
fn negative(n: u8) -> u8 {
    n
}

#[memoize(max_age = "")]
fn empty(n: u8) -> u8 {
    n
}

#[memoize(max_age = "0s")]
fn nothing(n: u8) -> u8 {
    n
}

#[memoize(max_age = "99999999999999999999w")]
fn for_ever(n: u8) -> u8 {
    n
}

#[memoize(max_age = 7)]
fn not_a_text(n: u8) -> u8 {
    n
}

#[memoize(max_age = "1h 30m")]
fn right(n: u8) -> u8 {
    n
}

fn main() {
    no_number(1) + no_unit(1) + unknown_unit(1) + fraction(1) + negative(1) + empty(1) + nothing(1) + for_ever(1);
    not_a_text(1) + right(1);
}
