//! The kinds of predicates that the option `valid` accepts.

use crate::store::entry::Entry;

/// A function that decides whether a stored value of type `T` may be used. `By` names its parameters.
#[diagnostic::on_unimplemented(
    message = "`valid` can't ask this function about a stored `{T}`",
    label = "takes something else, or does not give a `bool`",
    note = "`valid` takes `fn(&larder::Entry) -> bool`, `fn(&T) -> bool` or `fn(&T, &larder::Entry) -> bool`, where `T` is \
            what is stored: what the function returns, or what its `Ok` holds"
)]
pub trait Valid<T, By> {
    /// Returns whether the stored value may be used.
    fn holds(&self, stored: &T, entry: &Entry) -> bool;
}

/// The predicate takes the entry's header.
pub enum ByEntry {}

/// The predicate takes the stored value.
pub enum ByValue {}

/// The predicate takes the value and the header.
pub enum ByBoth {}

#[diagnostic::do_not_recommend]
impl<T, F: Fn(&Entry) -> bool> Valid<T, ByEntry> for F {
    fn holds(&self, _: &T, entry: &Entry) -> bool {
        self(entry)
    }
}

#[diagnostic::do_not_recommend]
impl<T, F: Fn(&T) -> bool> Valid<T, ByValue> for F {
    fn holds(&self, stored: &T, _: &Entry) -> bool {
        self(stored)
    }
}

#[diagnostic::do_not_recommend]
impl<T, F: Fn(&T, &Entry) -> bool> Valid<T, ByBoth> for F {
    fn holds(&self, stored: &T, entry: &Entry) -> bool {
        self(stored, entry)
    }
}

/// Calls a function, or a closure that states the types of its parameters.
pub fn valid_one<T, By>(stored: &T, entry: &Entry, valid: impl Valid<T, By>) -> bool {
    valid.holds(stored, entry)
}

/// Calls a closure with two parameters. It need not state their types.
pub fn valid_both<T>(stored: &T, entry: &Entry, valid: impl Fn(&T, &Entry) -> bool) -> bool {
    valid(stored, entry)
}
