//! Compiler messages for results that can't be stored and arguments that can't be part of the key: one message each,
//! at the type.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::result_shape::{FallibleResult, Nothing, PlainResult, Unfit};
use crate::call::shared_results::MakeSharing;
use crate::files::equality::Compare;

/// An argument that is a part of the key.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` can't be a part of the key: it does not implement `serde::Serialize`",
    label = "does not implement `serde::Serialize`",
    note = "derive `serde::Serialize` for it and for what it holds; a type parameter needs the bound `T: serde::Serialize`",
    note = "or write `ignore(name)` if the result does not depend on it, or `key(name = ..)` with what stands for it",
    note = "an array `[T; N]` implements it only if `N` is a number up to 32: take a slice, or write `key(name = name.as_slice())`"
)]
pub trait KeyPart: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {}

/// Checks that a value can be a part of the key, and returns it.
pub fn key_part<T: KeyPart + ?Sized>(value: &T) -> &T {
    value
}

/// Describes an argument: `(&&&&&Part(value)).__larder_argument(..)`, with the traits of `checks` in scope. If its type
/// is unfit, this gives no further compiler message.
pub struct Part<'a, T: ?Sized>(pub &'a T);

/// A result that can be stored and loaded.
#[diagnostic::on_unimplemented(
    message = "a result of type `{Self}` can't be kept: it implements neither `serde::Serialize` nor \
               `serde::de::DeserializeOwned`",
    label = "implements neither `serde::Serialize` nor `serde::de::DeserializeOwned`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it and for what it holds; a type parameter needs both \
            as bounds",
    note = "an array `[T; N]` implements them only if `N` is a number up to 32: return a `Vec<T>`"
)]
pub trait Storable {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Storable for T {}

/// A result that can be stored.
#[diagnostic::on_unimplemented(
    message = "a result of type `{Self}` can't be kept: it does not implement `serde::Serialize`",
    label = "does not implement `serde::Serialize`",
    note = "derive `serde::Serialize` for it and for what it holds; a type parameter needs the bound `T: serde::Serialize`"
)]
pub trait Writable {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Writable for T {}

/// A result that can be loaded.
#[diagnostic::on_unimplemented(
    message = "a result of type `{Self}` can't be given back: it does not implement `serde::de::DeserializeOwned`",
    label = "does not implement `serde::de::DeserializeOwned`",
    note = "derive `serde::Deserialize` for it and for what it holds, without borrowing; a type parameter needs the bound \
            `T: serde::de::DeserializeOwned`"
)]
pub trait Readable {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Readable for T {}

/// Names the part of a result that is stored.
pub trait Wants {
    /// The type of the part that should be stored.
    type Wanted;

    /// The type that is stored: the same, if it can be stored.
    type Stored;
}

impl<R> Wants for PlainResult<R> {
    type Wanted = R;
    type Stored = R;
}

impl<T, E> Wants for FallibleResult<T, E> {
    type Wanted = T;
    type Stored = T;
}

impl<W> Wants for Unfit<W> {
    type Wanted = W;
    type Stored = Nothing;
}

/// Checks whether `W` can be stored: `(&&&&wanted(shape)).__larder_check()`, with the traits of `checks` in scope.
pub struct Wanted<W>(PhantomData<W>);

/// Returns the check for the stored part of a result of this shape.
#[must_use]
pub fn wanted<S: Wants>(_: PhantomData<S>) -> Wanted<S::Wanted> {
    Wanted(PhantomData)
}

/// Finds out how the stored part of a result of this shape is compared.
#[must_use]
pub fn stored<S: Wants>(_: PhantomData<S>) -> Wanted<S::Stored> {
    Wanted(PhantomData)
}

/// How results of type `W` are compared, if they can be: `(&&&&stored(shape)).__larder_comparable()`.
pub struct Comparable<W>(pub(crate) Option<Compare<W>>);

/// How results of type `W` are shared, if they can be: `(&&stored(shape)).__larder_shareable()`.
pub struct Shareable<W>(pub(crate) Option<MakeSharing<W>>);

/// The traits that method resolution chooses from. The bounds of a method are checked only when it is chosen.
pub(crate) mod checks {
    use std::fmt::Debug;
    use std::sync::Arc;

    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Serialize};

    use super::{Comparable, Part, Readable, Shareable, Storable, Wanted, Writable};
    use crate::call::shared_results::Sharing;
    use crate::files::equality::{compare, compare_and_show, compare_shown};
    use crate::key::call_key::Describe;

    /// `W` implements both traits.
    pub trait Fit {
        /// Compiles.
        fn __larder_check(&self) {}
    }

    impl<W: Serialize + DeserializeOwned> Fit for &&&Wanted<W> {}

    /// `W` implements `Serialize` only.
    pub trait LacksDeserialize {
        /// The checked type.
        type Wanted;

        /// Fails to compile with the message of `Readable`.
        fn __larder_check(&self)
        where
            Self::Wanted: Readable,
        {
        }
    }

    impl<W: Serialize> LacksDeserialize for &&Wanted<W> {
        type Wanted = W;
    }

    /// `W` implements `DeserializeOwned` only.
    pub trait LacksSerialize {
        /// The checked type.
        type Wanted;

        /// Fails to compile with the message of `Writable`.
        fn __larder_check(&self)
        where
            Self::Wanted: Writable,
        {
        }
    }

    impl<W: DeserializeOwned> LacksSerialize for &Wanted<W> {
        type Wanted = W;
    }

    /// `W` implements neither trait.
    pub trait LacksBoth {
        /// The checked type.
        type Wanted;

        /// Fails to compile with the message of `Storable`.
        fn __larder_check(&self)
        where
            Self::Wanted: Storable,
        {
        }
    }

    impl<W> LacksBoth for Wanted<W> {
        type Wanted = W;
    }

    /// `W` can be compared and shown.
    pub trait ComparableAndShown<W> {
        /// Returns the comparison.
        fn __larder_comparable(&self) -> Comparable<W>;
    }

    impl<W: PartialEq + Debug> ComparableAndShown<W> for &&&Wanted<W> {
        fn __larder_comparable(&self) -> Comparable<W> {
            Comparable(Some(compare_and_show))
        }
    }

    /// `W` can be compared.
    pub trait OnlyComparable<W> {
        /// Returns the comparison.
        fn __larder_comparable(&self) -> Comparable<W>;
    }

    impl<W: PartialEq> OnlyComparable<W> for &&Wanted<W> {
        fn __larder_comparable(&self) -> Comparable<W> {
            Comparable(Some(compare))
        }
    }

    /// `W` can be shown.
    pub trait OnlyShown<W> {
        /// Returns the comparison.
        fn __larder_comparable(&self) -> Comparable<W>;
    }

    impl<W: Debug> OnlyShown<W> for &Wanted<W> {
        fn __larder_comparable(&self) -> Comparable<W> {
            Comparable(Some(compare_shown))
        }
    }

    /// `W` can neither be compared nor shown.
    pub trait NotComparable<W> {
        /// Returns no comparison.
        fn __larder_comparable(&self) -> Comparable<W>;
    }

    impl<W> NotComparable<W> for Wanted<W> {
        fn __larder_comparable(&self) -> Comparable<W> {
            Comparable(None)
        }
    }

    /// `W` is an `Arc` that threads can share.
    pub trait SharedArc<W> {
        /// Returns how it is shared.
        fn __larder_shareable(&self) -> Shareable<W>;
    }

    impl<T: Send + Sync + 'static> SharedArc<Arc<T>> for &Wanted<Arc<T>> {
        fn __larder_shareable(&self) -> Shareable<Arc<T>> {
            Shareable(Some(Sharing::of_arc))
        }
    }

    /// `W` is anything else.
    pub trait NotShared<W> {
        /// Returns that it is not shared.
        fn __larder_shareable(&self) -> Shareable<W>;
    }

    impl<W> NotShared<W> for Wanted<W> {
        fn __larder_shareable(&self) -> Shareable<W> {
            Shareable(None)
        }
    }

    macro_rules! readable {
        ($(#[$doc:meta])* $name:ident: $decoded:ty, $($part:tt)*) => {
            $(#[$doc])*
            ///
            /// The lifetime is free, so a type that borrows is no error here. It can't be decoded when the time comes.
            pub trait $name<'de> {
                /// Describes the argument.
                fn __larder_argument(&self, description: &mut Describe<'_>, name: &'static str);
            }

            impl<'de, T: Serialize + Deserialize<'de>> $name<'de> for $($part)* {
                fn __larder_argument(&self, description: &mut Describe<'_>, name: &'static str) {
                    description.readable_argument::<_, $decoded>(name, self.0);
                }
            }
        };
    }

    readable!(
        /// An argument that can be a part of the key, and can be decoded.
        ReadableArgument: T, &&&&Part<'_, T>
    );
    readable!(
        /// A reference to what can be decoded.
        ReadableReference: T, &&&Part<'_, &T>
    );
    readable!(
        /// A slice of what can be decoded.
        ReadableSlice: Vec<T>, &&Part<'_, &[T]>
    );

    /// An argument that can be a part of the key.
    pub trait KeyedArgument {
        /// Describes the argument.
        fn __larder_argument(&self, description: &mut Describe<'_>, name: &'static str);
    }

    impl<T: Serialize + ?Sized> KeyedArgument for &Part<'_, T> {
        fn __larder_argument(&self, description: &mut Describe<'_>, name: &'static str) {
            description.argument(name, self.0);
        }
    }

    /// An argument that can't be part of the key. `KeyPart` gives the message.
    pub trait UnfitArgument {
        /// Never called.
        fn __larder_argument(&self, _: &mut Describe<'_>, _: &'static str) {}
    }

    impl<T: ?Sized> UnfitArgument for Part<'_, T> {}
}
