//! Tests that functions are never confused with each other.

use larder::memoize;
use serde::Serialize;

use super::CACHE;

struct Wrapper<T>(std::marker::PhantomData<T>);

impl<T> Wrapper<T> {
    #[memoize(cache = &CACHE, in_impl)]
    fn size() -> usize {
        size_of::<T>()
    }
}

#[test]
fn generic_functions_with_different_parameters_are_different() {
    #[memoize(cache = &CACHE)]
    fn size_of_generic<T, const N: usize, U>() -> usize {
        size_of::<T>() * N + size_of::<U>()
    }
    assert_eq!(size_of_generic::<u8, 1, ()>(), 1);
    assert_eq!(size_of_generic::<u16, 1, ()>(), 2);
    assert_eq!(size_of_generic::<u16, 3, ()>(), 6);
    assert_eq!(size_of_generic::<u8, 1, ()>(), 1);
    assert_eq!(size_of_generic::memo().entries().unwrap().len(), 3);

    assert_eq!(Wrapper::<u8>::size(), 1);
    assert_eq!(Wrapper::<u64>::size(), 8);
    assert_eq!(Wrapper::<u8>::size(), 1);

    // Newtypes are serialised like their content.
    #[derive(Serialize)]
    struct Celsius(f64);
    #[derive(Serialize)]
    struct Kelvin(f64);
    trait Warm: Serialize {
        fn is_warm(&self) -> bool;
    }
    impl Warm for Celsius {
        fn is_warm(&self) -> bool {
            self.0 > 20.0
        }
    }
    impl Warm for Kelvin {
        fn is_warm(&self) -> bool {
            self.0 > 293.15
        }
    }
    #[memoize(cache = &CACHE)]
    fn is_warm<T: Warm>(temperature: &T) -> bool {
        temperature.is_warm()
    }
    #[memoize(cache = &CACHE)]
    fn is_warm_too(temperature: impl Warm) -> bool {
        temperature.is_warm()
    }
    assert!(is_warm(&Celsius(30.0)));
    assert!(!is_warm(&Kelvin(30.0)));
    assert!(is_warm_too(Celsius(30.0)));
    assert!(!is_warm_too(Kelvin(30.0)));
}

#[test]
fn functions_with_one_name_in_two_functions_are_different() {
    fn first() -> (u8, String) {
        #[memoize(cache = &CACHE)]
        fn inner(n: u8) -> u8 {
            helper(n)
        }
        fn helper(n: u8) -> u8 {
            n + 1
        }
        (inner(1), inner::memo().name().to_owned())
    }
    fn second() -> (u8, String) {
        #[memoize(cache = &CACHE)]
        fn inner(n: u8) -> u8 {
            helper(n)
        }
        fn helper(n: u8) -> u8 {
            n + 2
        }
        (inner(1), inner::memo().name().to_owned())
    }
    let ((a, first), (b, second)) = (first(), second());
    assert_eq!((a, b), (2, 3));
    assert_ne!(first, second);
}

/// Blocks and closures do not appear in a function's path.
#[test]
fn functions_with_one_name_in_two_blocks_are_different() {
    let first = {
        #[memoize(cache = &CACHE)]
        fn inner(n: u8) -> u8 {
            helper(n)
        }
        fn helper(n: u8) -> u8 {
            n + 1
        }
        inner(1)
    };
    let second = || {
        #[memoize(cache = &CACHE)]
        fn inner(n: u8) -> u8 {
            helper(n)
        }
        fn helper(n: u8) -> u8 {
            n + 2
        }
        inner(1)
    };
    let third = {
        #[memoize(cache = &CACHE)]
        fn inner(n: u8) -> u8 {
            helper(n)
        }
        fn helper(n: u8) -> u8 {
            n + 3
        }
        inner(1)
    };
    assert_eq!((first, second(), third), (2, 3, 4));
}

macro_rules! unnamed {
    ($name:ident, $sum:expr) => {
        const _: () = {
            fn helper(n: u8) -> u8 {
                n + $sum
            }
            impl Numbered for [(); $sum] {
                fn run() -> u8 {
                    #[larder::memoize(cache = &CACHE)]
                    fn inner(n: u8) -> u8 {
                        helper(n)
                    }
                    inner(1)
                }
            }
        };
    };
}

trait Numbered {
    fn run() -> u8;
}

unnamed!(one, 1);

unnamed!(two, 2);

#[test]
fn functions_in_unnamed_constants_are_different() {
    assert_eq!((<[(); 1]>::run(), <[(); 2]>::run()), (2, 3));
}
