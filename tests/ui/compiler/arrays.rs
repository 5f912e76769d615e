//! serde implements its traits for short arrays only.

use larder::memoize;

#[memoize]
fn of_any_length<const N: usize>(array: [f64; N]) -> f64 {
    array[0]
}

#[memoize]
fn gives_any_length<const N: usize>(n: f64) -> [f64; N] {
    [n; N]
}

#[memoize(key(array = array.as_slice()))]
fn keyed<const N: usize>(array: [f64; N]) -> f64 {
    array[0]
}

fn main() {
    of_any_length([1.0; 40]) + gives_any_length::<40>(1.0)[0] + keyed([1.0; 40]);
}
