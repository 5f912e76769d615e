//! Items that are not functions.

use larder::memoize;

#[memoize]
struct Model;

trait Shape {
    #[memoize]
    fn area(&self) -> u8;
}

unsafe extern "C" {
    #[memoize]
    fn printf(format: *const u8, ...) -> i32;
}

fn main() {
    let _ = Model;
}
