//! Attributes of test libraries.

use larder::memoize;
use rstest::fixture;

use crate::CACHE;

#[memoize(cache = &CACHE, companion = false)]
#[fixture]
fn table() -> Vec<u8> {
    vec![1, 2]
}

#[memoize(cache = &CACHE, companion = false)]
#[fixture]
#[once]
fn shared() -> u8 {
    5
}

#[memoize(cache = &CACHE, companion = false)]
#[fixture]
fn longer(#[default(3)] last: u8, mut table: Vec<u8>) -> Vec<u8> {
    table.push(last);
    table
}

#[cfg(test)]
#[rstest::rstest]
fn fixtures_are_memoized(
    table: Vec<u8>,
    longer: Vec<u8>,
    #[with(9)]
    #[from(longer)]
    other: Vec<u8>,
    shared: &u8,
) {
    assert_eq!((table, longer, other, shared), (vec![1, 2], vec![1, 2, 3], vec![1, 2, 9], &5));
    let name = |name| format!("attributes::tests::{name}");
    assert_eq!(["table", "longer", "shared"].map(|fixture| crate::entries(&name(fixture))), [1, 2, 1]);
}
