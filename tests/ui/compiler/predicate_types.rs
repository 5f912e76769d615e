//! `valid` with functions of a wrong type.

use larder::memoize;

fn takes_text(_: &str) -> bool {
    true
}

fn gives_nothing(_: &f64) {}

#[memoize(valid = takes_text)]
fn of_another_type(n: u8) -> f64 {
    f64::from(n)
}

#[memoize(valid = gives_nothing)]
fn of_no_answer(n: u8) -> f64 {
    f64::from(n)
}

#[memoize(valid = |value: &u32| *value > 3)]
fn closure_of_another_type(n: u8) -> f64 {
    f64::from(n)
}

fn main() {
    of_another_type(1) + of_no_answer(1) + closure_of_another_type(1);
}
