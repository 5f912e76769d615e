//! Tests that the code of a function is a part of its identity.

use larder::memoize;

use super::{CACHE, FOLDER};

#[test]
fn a_name_and_a_version_replace_the_path() {
    #[memoize(cache = &CACHE, name = "forecast::daily", version = 1)]
    fn one(n: u8) -> u8 {
        n
    }
    mod moved {
        // The same code under the same name in another module is the same function.
        #[larder::memoize(cache = &super::CACHE, name = "forecast::daily", version = 1)]
        pub(super) fn one(n: u8) -> u8 {
            n
        }
        #[larder::memoize(cache = &super::CACHE, name = "forecast::daily", version = 2)]
        pub(super) fn two(n: u8) -> u8 {
            n
        }
    }
    one(1);
    assert!(moved::one::call(1).is_cached());
    assert!(!moved::two::call(1).is_cached());
    assert_eq!(one::memo().name(), "forecast::daily");
    let entry = one::memo().entries().unwrap().next().unwrap();
    assert!(entry.path.starts_with(FOLDER.path().join("v1/forecast@larder/daily")), "{}", entry.path.display());
    assert_eq!(entry.version, 1);
}

#[test]
fn changed_code_is_a_miss_and_reverted_code_is_a_hit() {
    // Three functions with one name act as three versions of the source.
    macro_rules! version {
        ($name:ident, $n:ident => $($body:tt)*) => {
            #[memoize(cache = &CACHE, name = "edited")]
            fn $name($n: u32) -> u32 { $($body)* }
        };
    }
    mod before {
        use super::*;
        version!(f, n => n + 1);
        pub(super) fn run() -> (u32, bool) {
            let hit = f::call(1).is_cached();
            (f(1), hit)
        }
    }
    mod edited {
        use super::*;
        version!(f, n => n + 2);
        pub(super) fn run() -> (u32, bool) {
            let hit = f::call(1).is_cached();
            (f(1), hit)
        }
    }
    mod commented {
        use super::*;
        version!(
            f, n =>
            // Only the formatting differs from the first one.
            n   +   1
        );
        pub(super) fn run() -> (u32, bool) {
            let hit = f::call(1).is_cached();
            (f(1), hit)
        }
    }
    assert_eq!(before::run(), (2, false));
    assert_eq!(edited::run(), (3, false));
    assert_eq!(commented::run(), (2, true));
}

/// Returns whether two versions of a function's source, under one name, have the same code version.
macro_rules! same_code {
    ({ $($first:tt)* } { $($second:tt)* }) => {{
        mod first {
            #[larder::memoize(cache = &super::CACHE, name = "same_code")]
            $($first)*
        }
        mod second {
            #[larder::memoize(cache = &super::CACHE, name = "same_code")]
            $($second)*
        }
        first::f::call(1, 2).key() == second::f::call(1, 2).key()
    }};
}

macro_rules! count_commas {
    ($($x:expr),*) => {
        1
    };
    ($($x:expr),*,) => {
        2
    };
}

#[test]
fn only_changes_of_meaning_change_the_code() {
    assert!(same_code!(
        { pub(crate) fn f(x: u64, y: u64) -> u64 where u64: Copy { x.max(y).max(u64::max(x, y)) + [x, y][0] } }
        {
            /// Documentation.
            pub(crate) fn f(
                x: u64,
                y: u64,
            ) -> u64
            where
                u64: Copy,
            {
                // A comment.
                x.max(y,).max(
                    u64::max(
                        x,
                        y,
                    ),
                ) + [
                    x,
                    y,
                ][0]
            }
        }
    ));
    assert!(
        !same_code!({ pub(crate) fn f(x: u64, y: u64) -> u64 { x - y } } { pub(crate) fn f(x: u64, y: u64) -> u64 { y - x } })
    );
    assert!(!same_code!(
        { pub(crate) fn f(x: u64, y: u64) -> u64 { let _ = (x, y); size_of_val(&(x)) as u64 } }
        { pub(crate) fn f(x: u64, y: u64) -> u64 { let _ = (x, y); size_of_val(&(x,)) as u64 } }
    ));
    assert!(!same_code!(
        { pub(crate) fn f(x: u64, y: u64) -> u64 { let _ = (x, y); count_commas![x, y] } }
        { pub(crate) fn f(x: u64, y: u64) -> u64 { let _ = (x, y); count_commas![x, y,] } }
    ));
    assert!(same_code!(
        { pub(crate) fn f(x: u64, y: u64) -> u64 { vec![x, y][0] } }
        { pub(crate) fn f(x: u64, y: u64) -> u64 { vec![x, y,][0] } }
    ));
    assert!(!same_code!(
        { pub(crate) fn f(x: u64, y: u64) -> u64 { if cfg!(test) { x } else { y } } }
        { pub(crate) fn f(x: u64, y: u64) -> u64 { if cfg!(not(test)) { x } else { y } } }
    ));
}
