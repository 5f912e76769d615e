//! What of a function's return value is stored.
//!
//! Of a `Result`, only what `Ok` holds: an `Err` is never stored, and need not be serialisable.
//! Everything else is stored as it is. Which of the two a type is, the compiler finds out: the
//! attribute asks a [`Probe`] of the return type, and method resolution prefers [`Fallible`] if the
//! type is a `Result`, whatever name it goes by.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::key::bare_type_name;
use crate::preview::preview;

/// How a return value `R` is taken apart for storing, and put together again.
pub trait Shape<R> {
    /// What is stored.
    type Stored: Serialize + DeserializeOwned;

    /// The part to store; `None` if this value is not to be stored.
    fn stored(value: &R) -> Option<&Self::Stored>;

    /// The value that a stored part came from.
    fn restored(stored: Self::Stored) -> R;
}

/// Stored as it is.
pub struct Plain<R>(PhantomData<R>);

impl<R: Serialize + DeserializeOwned> Shape<R> for Plain<R> {
    type Stored = R;

    fn stored(value: &R) -> Option<&R> {
        // In a generic function the type may turn out to be a `Result` all the same.
        let is_result = bare_type_name::<R>() == bare_type_name::<Result<(), ()>>();
        if is_result && preview(value).starts_with("Err(") { None } else { Some(value) }
    }

    fn restored(stored: R) -> R {
        stored
    }
}

/// A `Result`, of which `Ok` is stored.
pub struct Fallible<T, E>(PhantomData<(T, E)>);

impl<T: Serialize + DeserializeOwned, E> Shape<Result<T, E>> for Fallible<T, E> {
    type Stored = T;

    fn stored(value: &Result<T, E>) -> Option<&T> {
        value.as_ref().ok()
    }

    fn restored(stored: T) -> Result<T, E> {
        Ok(stored)
    }
}

/// Asks for the shape of `R`: `(&Probe::<R>::NEW).__larder_shape()`, with both traits in scope.
pub struct Probe<R>(PhantomData<R>);

impl<R> Probe<R> {
    /// The probe.
    pub const NEW: Self = Probe(PhantomData);
}

/// Found first, for a `Result`.
pub trait FallibleShape {
    /// The shape.
    type Shape;

    /// Names the shape.
    fn __larder_shape(&self) -> PhantomData<Self::Shape>;
}

impl<T, E> FallibleShape for Probe<Result<T, E>> {
    type Shape = Fallible<T, E>;

    fn __larder_shape(&self) -> PhantomData<Self::Shape> {
        PhantomData
    }
}

/// Found after one more reference, for every type.
pub trait PlainShape {
    /// The shape.
    type Shape;

    /// Names the shape.
    fn __larder_shape(&self) -> PhantomData<Self::Shape>;
}

impl<R> PlainShape for &Probe<R> {
    type Shape = Plain<R>;

    fn __larder_shape(&self) -> PhantomData<Self::Shape> {
        PhantomData
    }
}
