//! Rules for using and storing results: the options `max_age`, `valid` and `store_if`.

use std::marker::PhantomData;
use std::time::Duration;

use crate::call::result_shape::ResultShape;
use crate::call::shared_results::MakeSharing;
use crate::call::type_checks::{Comparable, Shareable};
use crate::files::equality::Compare;
use crate::store::entry::Entry;

/// The rules of a function that returns `R`. `S` selects the part of the result that is stored.
pub struct Rules<R, S: ResultShape<R>> {
    pub(crate) max_age: Option<Duration>,
    pub(crate) valid: Option<Valid<S::Stored>>,
    pub(crate) store_if: Option<fn(&S::Stored) -> bool>,
    /// Compares a result with what is read back from its encoding, before it is stored.
    pub(crate) compare: Option<Compare<S::Stored>>,
    /// How a result in an `Arc` is shared by the hits of this process.
    pub(crate) sharing: Option<MakeSharing<S::Stored>>,
    result: PhantomData<fn() -> R>,
}

/// Decides whether a stored result may be used.
pub(crate) type Valid<T> = fn(&Entry, &T) -> bool;

// A derived `Clone` would require `R: Clone` and `S: Clone`.
impl<R, S: ResultShape<R>> Clone for Rules<R, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, S: ResultShape<R>> Copy for Rules<R, S> {}

impl<R, S: ResultShape<R>> Rules<R, S> {
    /// Returns rules without conditions: every stored result may be used and every new one is stored.
    #[must_use]
    pub fn new(_: PhantomData<S>) -> Self {
        Rules { max_age: None, valid: None, store_if: None, compare: None, sharing: None, result: PhantomData }
    }

    /// Returns the maximum age of a stored result.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.max_age
    }

    /// Lets stored results be used only up to this age.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Lets a stored result be used only if `valid` returns true.
    #[must_use]
    pub fn valid(mut self, valid: fn(&Entry, &S::Stored) -> bool) -> Self {
        self.valid = Some(valid);
        self
    }

    /// Lets a new result be stored only if it equals what is read back from its encoding, if its type can be compared.
    #[must_use]
    pub fn compared(mut self, comparable: Comparable<S::Stored>) -> Self {
        self.compare = comparable.0;
        self
    }

    /// Lets hits of this process share a result, if its type is an `Arc`.
    #[must_use]
    pub fn shared(mut self, shareable: Shareable<S::Stored>) -> Self {
        self.sharing = shareable.0;
        self
    }

    /// Returns rules for which a result may be older by this time.
    pub(crate) fn older_by(mut self, time: Duration) -> Self {
        self.max_age = self.max_age.map(|max_age| max_age.saturating_add(time));
        self
    }

    /// Lets a new result be stored only if `store_if` returns true.
    #[must_use]
    pub fn store_if(mut self, store_if: fn(&S::Stored) -> bool) -> Self {
        self.store_if = Some(store_if);
        self
    }
}
