//! Tests that the attribute preserves the form of a function.

use super::CACHE;

/// Documentation, visibility and other attributes are preserved.
#[allow(unsafe_code, reason = "to see whether unsafe functions stay unsafe")]
mod outer {
    use super::CACHE;
    #[larder::memoize(cache = &CACHE)]
    #[must_use]
    #[inline]
    #[allow(clippy::too_many_arguments, reason = "to see whether it holds for what is made of the function")]
    pub(super) fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u8 {
        a + b + c + d + e + f + g + h
    }

    /// # Safety
    /// There is nothing to it.
    #[larder::memoize(cache = &CACHE)]
    pub(super) unsafe fn risky<'a, 'b: 'a, T>(a: &'a T, b: &'b [T], n: std::sync::Arc<u8>) -> u8
    where
        T: serde::Serialize + Copy,
    {
        let _ = (a, b);
        *n
    }
}

#[test]
#[allow(unsafe_code, reason = "to see whether unsafe functions stay unsafe")]
fn forms_are_preserved() {
    use outer::{many, risky};
    assert_eq!(many(1, 2, 3, 4, 5, 6, 7, 8), 36);
    assert_eq!(many::call(1, 2, 3, 4, 5, 6, 7, 8).run(), 36);
    // SAFETY: the function has no requirements.
    assert_eq!(unsafe { risky(&1, &[2], 3.into()) }, 3);
    // SAFETY: the function has no requirements.
    assert!(unsafe { risky::call(&1, &[2], 3.into()) }.is_cached());
}

/// Names around a function that could conflict with generated names.
mod surroundings {
    #![allow(non_upper_case_globals, dead_code, reason = "to be in the way")]

    use super::CACHE;

    const memo: u8 = 1;
    static cache: u8 = 2;
    const arguments: u8 = 3;
    const description: u8 = 4;
    pub(super) trait Shaped {
        fn shape(&self) -> u8 {
            0
        }
    }
    impl<T: ?Sized> Shaped for T {}

    #[larder::memoize(cache = &CACHE)]
    pub(super) fn quiet(key: u8, args: u8, value: u8) -> u8 {
        #![allow(unused_variables, reason = "an attribute within the body")]
        let unused = memo + cache + arguments + description;
        key + args + value
    }

    #[larder::memoize(cache = &CACHE)]
    #[allow(clippy::too_many_arguments, reason = "that is the point")]
    pub(super) fn fourteen(
        a: u8,
        b: u8,
        c: u8,
        d: u8,
        e: u8,
        f: u8,
        g: u8,
        h: u8,
        i: u8,
        j: u8,
        k: u8,
        l: u8,
        m: u8,
        n: u8,
    ) -> u8 {
        a + b + c + d + e + f + g + h + i + j + k + l + m + n
    }
}

#[test]
fn names_around_a_function_do_not_matter() {
    assert_eq!(surroundings::quiet(1, 2, 3), 6);
    assert!(surroundings::quiet::call(1, 2, 3).is_cached());
    assert_eq!(surroundings::fourteen(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 14);
}

/// No lint reports the generated code: the functions keep their documentation, and the companion items have their
/// own.
mod public {
    #![deny(deprecated, unused, clippy::missing_errors_doc)]

    use larder::memoize;

    use super::CACHE;

    /// A type.
    #[derive(Debug, serde::Serialize)]
    pub(super) struct Model(
        /// Its number.
        pub(super) u8,
    );

    /// A function.
    #[memoize(cache = &CACHE)]
    pub(super) fn documented(n: u8) -> u8 {
        n
    }

    impl Model {
        /// A method.
        #[memoize(cache = &CACHE)]
        #[must_use]
        pub(super) fn method(&self) -> u8 {
            self.0
        }

        /// A function of the type.
        #[memoize(cache = &CACHE, in_impl)]
        #[must_use]
        pub(super) fn new(n: u8) -> u8 {
            Self(n).0
        }

        /// Not to be used.
        #[memoize(cache = &CACHE)]
        #[deprecated(note = "use `method`")]
        pub(super) fn old(&self) -> u8 {
            self.0
        }

        #[memoize(cache = &CACHE)]
        #[cfg(any())]
        pub(super) fn not_there(&self, nothing: Nothing) -> u8 {}
    }

    /// Not to be used.
    #[memoize(cache = &CACHE)]
    #[deprecated(note = "use `documented`")]
    pub(super) fn old(n: u8) -> u8 {
        n
    }

    // The condition may come before or after the attribute.
    #[memoize(cache = &CACHE)]
    #[cfg(any())]
    pub(super) fn not_there(nothing: Nothing) -> u8 {}

    #[cfg(any())]
    #[memoize(cache = &CACHE)]
    pub(super) fn not_there_either(nothing: Nothing) -> u8 {}
}

#[test]
fn attributes_are_preserved_and_have_their_effect() {
    use public::{Model, documented};
    assert_eq!((documented(1), documented::call(1).run(), documented::memo().stats().unwrap().hits), (1, 1, 1));
    assert_eq!((Model(2).method(), Model(2).method_call().run(), Model::new(3)), (2, 2, 3));
    #[expect(deprecated, reason = "that it is, is kept")]
    let old = (public::old(1), Model(1).old());
    #[expect(deprecated, reason = "and its calls are")]
    let calls = (public::old::call(1).run(), Model(1).old_call().run());
    assert_eq!(old, calls);
    #[expect(unused_must_use, reason = "that it must, is kept")]
    {
        Model(2).method();
    }
    assert!(public::old::memo().name().ends_with("public::old"));
}

/// Names include those of the attribute's own variables.
#[test]
fn arguments_may_have_any_name() {
    #[larder::memoize(cache = &CACHE)]
    fn named(
        __larder_0: u8,
        __larder_memo: u8,
        __larder_arguments: u8,
        __larder_self: u8,
        r#type: u8,
        larder: u8,
    ) -> u8 {
        __larder_0 + __larder_memo + __larder_arguments + __larder_self + r#type + larder
    }
    assert_eq!((named(1, 1, 1, 1, 1, 1), named(1, 1, 1, 1, 1, 1)), (6, 6));
    assert_eq!(named::memo().stats().unwrap().hits, 1);
    let entry = named::memo().entries().unwrap().next().unwrap();
    assert_eq!(entry.arguments[4].name, "type");
}

/// Tokens from a macro are in invisible groups.
#[test]
fn functions_can_be_generated_by_macros() {
    macro_rules! make {
        ($(#[$attribute:meta])* $vis:vis $name:ident($argument:ident: $of:ty = $value:expr) -> $output:ty $body:block) => {
            $(#[$attribute])*
            #[larder::memoize(cache = &CACHE, version = 3, key($argument = $value))]
            $vis fn $name($argument: $of) -> $output $body
        };
    }
    make!(
        #[must_use]
        pub(self) made(text: &str = text.len()) -> Result<usize, String> {
            if text.is_empty() {
                return Err("nothing".to_owned());
            }
            Ok(text.len())
        }
    );
    assert_eq!((made("ab"), made("cd"), made("")), (Ok(2), Ok(2), Err("nothing".to_owned())));
    assert_eq!(made::memo().stats().unwrap().hits, 1);
}

/// Bounds in every position, all kinds of lifetimes, patterns, and type aliases.
#[test]
fn any_signature_is_accepted() {
    use std::borrow::Cow;
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    type Pairs<'a> = &'a [(u8, Cow<'a, str>)];

    #[larder::memoize(cache = &CACHE)]
    #[expect(clippy::too_many_arguments, clippy::multiple_bound_locations, reason = "one of each kind")]
    fn generic<'a, 'b: 'a, T, U: Debug + ?Sized, const N: usize>(
        [first, _, last]: [T; 3],
        (pairs, _): (Pairs<'a>, u8),
        &count: &'b usize,
        map: &BTreeMap<&'a str, Vec<Option<&'b U>>>,
        mut all: Vec<T>,
        array: [u8; N],
        _: impl Debug + serde::Serialize,
        (): (),
    ) -> (usize, Vec<T>)
    where
        T: serde::Serialize + for<'d> serde::Deserialize<'d> + Clone,
        U: serde::Serialize,
        [u8; N]: serde::Serialize,
    {
        all.extend([first, last]);
        (pairs.len() + count + map.len() + array.len(), all)
    }

    let pairs = [(1, "x".into())];
    let map = BTreeMap::from([("a", vec![Some("b"), None])]);
    for _ in 0..2 {
        let result =
            generic(["1", "2", "3"].map(String::from), (&pairs, 1), &5, &map, vec!["0".to_owned()], [7; 2], 1, ());
        assert_eq!(result, (9, ["0", "1", "3"].map(String::from).to_vec()));
    }
    assert_eq!(generic::memo().stats().unwrap().hits, 1);
    assert!(
        generic::call(["1", "2", "3"].map(String::from), (&pairs, 1), &5, &map, vec!["0".to_owned()], [7; 2], 1, ())
            .is_cached()
    );
}
