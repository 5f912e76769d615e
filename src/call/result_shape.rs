//! What of a function's return value is stored.
//!
//! Of a `Result`, only what `Ok` holds: an `Err` is never stored, and need not be serialisable.
//! Everything else is stored as it is. Which of the two a type is, the compiler finds out: the
//! attribute asks a [`Probe`] of the return type, and method resolution prefers [`FallibleResult`] if the
//! type is a `Result`, whatever name it goes by. Whether the type can be stored at all is found out in
//! the same way, so that one message says so (`fit.rs`).

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::key::canonical::hash_containers::bare_type_name;
use crate::text::preview::preview;

/// How a return value `R` is taken apart for storing, and put together again.
pub trait ResultShape<R> {
    /// What is stored.
    type Stored: Serialize + DeserializeOwned;

    /// The part to store; `None` if this value is not to be stored.
    fn stored(value: &R) -> Option<&Self::Stored>;

    /// The value that a stored part came from.
    fn restored(stored: Self::Stored) -> R;
}

/// Stored as it is.
pub struct PlainResult<R>(PhantomData<R>);

impl<R: Serialize + DeserializeOwned> ResultShape<R> for PlainResult<R> {
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
pub struct FallibleResult<T, E>(PhantomData<(T, E)>);

impl<T: Serialize + DeserializeOwned, E> ResultShape<Result<T, E>> for FallibleResult<T, E> {
    type Stored = T;

    fn stored(value: &Result<T, E>) -> Option<&T> {
        value.as_ref().ok()
    }

    fn restored(stored: T) -> Result<T, E> {
        Ok(stored)
    }
}

/// A result that can't be stored, of which `W` is what should be. The compiler has said so, at the
/// return type: this is here so that it says nothing else.
pub struct Unfit<W>(PhantomData<W>);

/// No value.
#[derive(Serialize, Deserialize)]
pub enum Nothing {}

impl<R, W> ResultShape<R> for Unfit<W> {
    type Stored = Nothing;

    fn stored(_: &R) -> Option<&Nothing> {
        None
    }

    fn restored(stored: Nothing) -> R {
        match stored {}
    }
}

/// Asks for the shape of `R`: `(&&&&Probe::<R>::NEW).__larder_shape()`, with the traits of `probes` in scope.
pub struct Probe<R>(PhantomData<R>);

impl<R> Probe<R> {
    /// The probe.
    pub const NEW: Self = Probe(PhantomData);
}

/// What method resolution chooses from: the more references a `self` has, the earlier it is tried.
pub(crate) mod probes {
    use std::marker::PhantomData;

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::{FallibleResult, PlainResult, Probe, Unfit};

    macro_rules! probe {
        ($(#[$doc:meta])* $name:ident: [$($generics:tt)*] for $probe:ty, $shape:ty) => {
            $(#[$doc])*
            pub trait $name {
                /// The shape.
                type ResultShape;

                /// Names the shape.
                fn __larder_shape(&self) -> PhantomData<Self::ResultShape> {
                    PhantomData
                }
            }

            impl<$($generics)*> $name for $probe {
                type ResultShape = $shape;
            }
        };
    }

    probe!(
        /// Of a `Result` whose `Ok` can be stored.
        FallibleShape: [T: Serialize + DeserializeOwned, E] for &&&Probe<Result<T, E>>, FallibleResult<T, E>
    );
    probe!(
        /// Of any other `Result`.
        UnfitFallibleShape: [T, E] for &&Probe<Result<T, E>>, Unfit<T>
    );
    probe!(
        /// Of a type that can be stored.
        PlainShape: [R: Serialize + DeserializeOwned] for &Probe<R>, PlainResult<R>
    );
    probe!(
        /// Of any other type.
        UnfitShape: [R] for Probe<R>, Unfit<R>
    );
}
