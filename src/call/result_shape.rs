//! Selects the part of a function's return value that is stored.
//!
//! Of a `Result`, only the value in `Ok` is stored: an `Err` is never stored, and need not be serialisable. Every
//! other type is stored as it is. The compiler decides which case applies: the attribute calls a [`Probe`] of the
//! return type, and method resolution prefers [`FallibleResult`] if the type is a `Result`, even behind an alias. In
//! the same way it is decided whether the type can be stored at all, so that there is only one message if it can't
//! (`type_checks.rs`).

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::key::canonical::hash_containers::bare_type_name;
use crate::text::preview::preview;

/// Splits a return value `R` into the stored part and the rest, and restores it.
pub trait ResultShape<R> {
    /// The type of the stored part.
    type Stored: Serialize + DeserializeOwned;

    /// Returns the part to store; `None` if this value is not to be stored.
    fn stored(value: &R) -> Option<&Self::Stored>;

    /// Returns the return value that the stored part came from.
    fn restored(stored: Self::Stored) -> R;
}

/// A result that is stored as it is.
pub struct PlainResult<R>(PhantomData<R>);

impl<R: Serialize + DeserializeOwned> ResultShape<R> for PlainResult<R> {
    type Stored = R;

    fn stored(value: &R) -> Option<&R> {
        // In a generic function the type may still be a `Result`.
        let is_result = bare_type_name::<R>() == bare_type_name::<Result<(), ()>>();
        if is_result && preview(value).starts_with("Err(") { None } else { Some(value) }
    }

    fn restored(stored: R) -> R {
        stored
    }
}

/// A `Result` whose `Ok` value is stored.
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

/// A result that should store a `W`, which can't be stored. The compiler has already reported that at the return type;
/// this type avoids further messages.
pub struct Unfit<W>(PhantomData<W>);

/// A type without values.
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

/// Finds the shape of `R`: `(&&&&Probe::<R>::NEW).__larder_shape()`, with the traits of `probes` in scope.
pub struct Probe<R>(PhantomData<R>);

impl<R> Probe<R> {
    /// The only value of the probe.
    pub const NEW: Self = Probe(PhantomData);
}

/// The traits that method resolution chooses from. The more references `self` has, the earlier a method is tried.
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

                /// Returns a marker of the shape.
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
        /// A `Result` whose `Ok` value can be stored.
        FallibleShape: [T: Serialize + DeserializeOwned, E] for &&&Probe<Result<T, E>>, FallibleResult<T, E>
    );
    probe!(
        /// Any other `Result`.
        UnfitFallibleShape: [T, E] for &&Probe<Result<T, E>>, Unfit<T>
    );
    probe!(
        /// A type that can be stored.
        PlainShape: [R: Serialize + DeserializeOwned] for &Probe<R>, PlainResult<R>
    );
    probe!(
        /// Any other type.
        UnfitShape: [R] for Probe<R>, Unfit<R>
    );
}
