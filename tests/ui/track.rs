//! Mistakes in the options `track` and `depends`.

use larder::memoize;

#[memoize(trak = "body")]
fn misspelt(n: u8) -> u8 {
    n
}

#[memoize(track = "reachible")]
fn misspelt_value(n: u8) -> u8 {
    n
}

#[memoize(track = "everything")]
fn no_such_value(n: u8) -> u8 {
    n
}

#[memoize(depends = helper)]
fn no_parentheses(n: u8) -> u8 {
    n
}

#[memoize(track = "none", depends(helper))]
fn nothing_counts(n: u8) -> u8 {
    n
}

fn helper() {}

fn main() {
    misspelt(1);
    misspelt_value(1);
    no_such_value(1);
    no_parentheses(1);
    nothing_counts(1);
}
