//! When a stored result may be used, and when a new one is kept: the options `max_age`, `valid` and
//! `store_if`.

use std::marker::PhantomData;
use std::time::Duration;

use crate::call::result_shape::ResultShape;
use crate::store::entries::Entry;

/// The rules of a function that returns `R`, of which `S` says what is stored.
pub struct Rules<R, S: ResultShape<R>> {
    pub(crate) max_age: Option<Duration>,
    pub(crate) valid: Option<Valid<S::Stored>>,
    pub(crate) store_if: Option<fn(&S::Stored) -> bool>,
    result: PhantomData<fn() -> R>,
}

/// Whether a stored result may be used.
pub(crate) type Valid<T> = fn(&Entry, &T) -> bool;

// What is derived would ask the same of `R` and `S`.
impl<R, S: ResultShape<R>> Clone for Rules<R, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, S: ResultShape<R>> Copy for Rules<R, S> {}

impl<R, S: ResultShape<R>> Rules<R, S> {
    /// No rule: every stored result may be used, and every new one is kept.
    pub fn new(_: PhantomData<S>) -> Self {
        Rules { max_age: None, valid: None, store_if: None, result: PhantomData }
    }

    /// How old a stored result may be.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.max_age
    }

    /// Results are used until they are this old.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// A stored result is used if this says so.
    pub fn valid(mut self, valid: fn(&Entry, &S::Stored) -> bool) -> Self {
        self.valid = Some(valid);
        self
    }

    /// A new result is kept if this says so.
    pub fn store_if(mut self, store_if: fn(&S::Stored) -> bool) -> Self {
        self.store_if = Some(store_if);
        self
    }
}
