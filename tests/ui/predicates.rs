//! Mistakes in `valid` and `store_if` that the attribute can detect.

use larder::memoize;

#[memoize(valid = true)]
fn no_function(n: u8) -> u8 {
    n
}

#[memoize(valid = || true)]
fn no_parameter(n: u8) -> u8 {
    n
}

#[memoize(valid = |entry| entry.size > 3)]
fn which_of_the_two(n: u8) -> u8 {
    n
}

#[memoize(valid = |value, entry, more| true)]
fn too_many(n: u8) -> u8 {
    n
}

#[memoize(store_if = |value, entry| true)]
fn too_many_to_store(n: u8) -> u8 {
    n
}

#[memoize(store_if = |value| *value > limit)]
fn uses_an_argument(limit: u8) -> u8 {
    limit
}

#[memoize(valid = |value: &u8| *value > limit)]
fn uses_an_argument_too(limit: u8) -> u8 {
    limit
}

struct Model(u8);

impl Model {
    #[memoize(store_if = |value| *value > self.0)]
    fn uses_self(&self) -> u8 {
        self.0
    }
}

// A closure's parameter may have the name of an argument.
#[memoize(store_if = |limit| *limit > 3)]
fn right(limit: u8) -> u8 {
    limit
}

fn main() {
    no_function(1) + no_parameter(1) + which_of_the_two(1) + too_many(1) + too_many_to_store(1);
    uses_an_argument(1) + uses_an_argument_too(1) + Model(1).uses_self() + right(1);
}
