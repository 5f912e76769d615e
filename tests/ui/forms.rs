//! Forms that can't be memoized.

use larder::memoize;

#[memoize]
const fn constant(n: u8) -> u8 {
    n
}

#[memoize]
extern "C" fn foreign(n: u8) -> u8 {
    n
}

#[memoize]
fn unnamed_result(n: u8) -> impl Iterator<Item = u8> {
    0..n
}

#[memoize]
fn boxed_unnamed_result(n: u8) -> Option<Vec<impl Sized>> {
    Some(vec![n])
}

#[memoize]
fn borrowed_result(text: &str) -> &str {
    text
}

#[memoize]
fn borrowed_within(text: &str) -> Result<Vec<&str>, String> {
    Ok(vec![text])
}

#[memoize]
fn never(n: u8) -> ! {
    panic!("{n}")
}

fn main() {
    constant(1) + foreign(1) + unnamed_result(1).count() as u8 + boxed_unnamed_result(1).is_some() as u8;
    borrowed_result("").len() + borrowed_within("").unwrap().len();
    if false {
        never(1);
    }
}
