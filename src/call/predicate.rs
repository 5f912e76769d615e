//! What the option `valid` takes.

use crate::store::entries::Entry;

/// A function that says whether a stored value of type `T` may be used. `By` is what it looks at.
#[diagnostic::on_unimplemented(
    message = "`valid` can't ask this function about a stored `{T}`",
    label = "takes something else, or does not give a `bool`",
    note = "`valid` takes `fn(&larder::Entry) -> bool`, `fn(&T) -> bool` or `fn(&T, &larder::Entry) -> bool`, where `T` is \
            what is stored: what the function returns, or what its `Ok` holds"
)]
pub trait Valid<T, By> {
    /// Whether it may be used.
    fn holds(&self, stored: &T, entry: &Entry) -> bool;
}

/// What an entry's header tells.
pub enum ByEntry {}

/// The stored value.
pub enum ByValue {}

/// Both.
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

/// Asks a function, or a closure that says what it takes.
pub fn valid_one<T, By>(stored: &T, entry: &Entry, valid: impl Valid<T, By>) -> bool {
    valid.holds(stored, entry)
}

/// Asks a closure of two parameters, whose types it need not say.
pub fn valid_both<T>(stored: &T, entry: &Entry, valid: impl Fn(&T, &Entry) -> bool) -> bool {
    valid(stored, entry)
}
