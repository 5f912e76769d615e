//! Whether results can be stored and arguments make a key: said in one message, at the type.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::result_shape::{FallibleResult, PlainResult, Unfit};
use crate::key::call_key::Describe;

/// An argument that is a part of the key.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` can't be a part of the key: it does not implement `serde::Serialize`",
    label = "does not implement `serde::Serialize`",
    note = "derive `serde::Serialize` for it and for what it holds; a type parameter needs the bound `T: serde::Serialize`",
    note = "or write `ignore(name)` if the result does not depend on it, or `key(name = ..)` with what stands for it"
)]
pub trait KeyPart: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {}

/// Describes an argument.
pub fn argument<T: KeyPart + ?Sized>(description: &mut Describe<'_>, name: &'static str, value: &T) {
    description.argument(name, value);
}

/// The same where an argument that is unfit has been spoken of already:
/// `(&&Part(value)).__larder_argument(..)`.
pub struct Part<'a, T: ?Sized>(pub &'a T);

/// A result that can be stored and given back.
#[diagnostic::on_unimplemented(
    message = "a result of type `{Self}` can't be kept: it implements neither `serde::Serialize` nor \
               `serde::de::DeserializeOwned`",
    label = "implements neither `serde::Serialize` nor `serde::de::DeserializeOwned`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it and for what it holds; a type parameter needs both \
            as bounds"
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

/// A result that can be given back.
#[diagnostic::on_unimplemented(
    message = "a result of type `{Self}` can't be given back: it does not implement `serde::de::DeserializeOwned`",
    label = "does not implement `serde::de::DeserializeOwned`",
    note = "derive `serde::Deserialize` for it and for what it holds, without borrowing; a type parameter needs the bound \
            `T: serde::de::DeserializeOwned`"
)]
pub trait Readable {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Readable for T {}

/// What of a result is to be stored.
pub trait Wants {
    /// Its type.
    type Wanted;
}

impl<R> Wants for PlainResult<R> {
    type Wanted = R;
}

impl<T, E> Wants for FallibleResult<T, E> {
    type Wanted = T;
}

impl<W> Wants for Unfit<W> {
    type Wanted = W;
}

/// Asks whether `W` can be stored: `(&&&&wanted(shape)).__larder_check()`, with the traits of `checks` in
/// scope.
pub struct Wanted<W>(PhantomData<W>);

/// What of a result of this shape is to be stored.
pub fn wanted<S: Wants>(_: PhantomData<S>) -> Wanted<S::Wanted> {
    Wanted(PhantomData)
}

/// What method resolution chooses from. The conditions of a method are looked at only when it is chosen.
pub(crate) mod checks {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::{Part, Readable, Storable, Wanted, Writable};
    use crate::key::call_key::Describe;

    /// Both are there.
    pub trait Fit {
        /// Is in order.
        fn __larder_check(&self) {}
    }

    impl<W: Serialize + DeserializeOwned> Fit for &&&Wanted<W> {}

    /// `Serialize` is there.
    pub trait LacksDeserialize {
        /// The type.
        type Wanted;

        /// Is not in order.
        fn __larder_check(&self)
        where
            Self::Wanted: Readable,
        {
        }
    }

    impl<W: Serialize> LacksDeserialize for &&Wanted<W> {
        type Wanted = W;
    }

    /// `DeserializeOwned` is there.
    pub trait LacksSerialize {
        /// The type.
        type Wanted;

        /// Is not in order.
        fn __larder_check(&self)
        where
            Self::Wanted: Writable,
        {
        }
    }

    impl<W: DeserializeOwned> LacksSerialize for &Wanted<W> {
        type Wanted = W;
    }

    /// None is there.
    pub trait LacksBoth {
        /// The type.
        type Wanted;

        /// Is not in order.
        fn __larder_check(&self)
        where
            Self::Wanted: Storable,
        {
        }
    }

    impl<W> LacksBoth for Wanted<W> {
        type Wanted = W;
    }

    /// An argument that is a part of the key.
    pub trait KeyedArgument {
        /// Describes it.
        fn __larder_argument(&self, description: &mut Describe<'_>, name: &'static str);
    }

    impl<T: Serialize + ?Sized> KeyedArgument for &Part<'_, T> {
        fn __larder_argument(&self, description: &mut Describe<'_>, name: &'static str) {
            description.argument(name, self.0);
        }
    }

    /// One that can't be, which is said elsewhere.
    pub trait UnfitArgument {
        /// Is never called.
        fn __larder_argument(&self, _: &mut Describe<'_>, _: &'static str) {}
    }

    impl<T: ?Sized> UnfitArgument for Part<'_, T> {}
}
