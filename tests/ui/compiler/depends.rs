//! A dependency that does not exist.

use larder::memoize;

#[memoize(depends(helper, absent, inner::CONSTANT))]
fn depends(n: u8) -> u8 {
    n
}

fn helper() {}

mod inner {
    pub const CONSTANT: u8 = 1;
}

fn main() {
    depends(1);
}
