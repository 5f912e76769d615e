//! Tests memoized methods of traits and of their implementations.

use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use larder::{Cache, memoize};
use serde::Serialize;

use super::CACHE;

static AREA_RUNS: AtomicU32 = AtomicU32::new(0);
static NEW_RUNS: AtomicU32 = AtomicU32::new(0);
static DOUBLED_RUNS: AtomicU32 = AtomicU32::new(0);

trait Shape: Serialize {
    fn area(&self, scale: f64) -> Result<f64, String>;
    fn unit(n: u8) -> f64;
    fn consumed(self, n: u8) -> f64;
    fn shared(self: Rc<Self>, n: u8) -> f64;

    #[memoize(cache = &CACHE, in_trait)]
    fn doubled(&self) -> f64 {
        count!(DOUBLED_RUNS);
        self.area(2.0).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Square(f64);

#[derive(Serialize)]
struct Circle(f64);

macro_rules! shape {
    ($name:ident, $factor:expr) => {
        impl Shape for $name {
            /// Its documentation.
            #[memoize(cache = &CACHE, in_trait)]
            fn area(&self, mut scale: f64) -> Result<f64, String> {
                count!(AREA_RUNS);
                if self.0 < 0.0 {
                    return Err("no shape".to_owned());
                }
                let number: f64 = "1".parse().map_err(|_| "no number".to_owned())?;
                scale *= number;
                Ok(self.0 * self.0 * $factor * scale)
            }

            #[memoize(cache = &CACHE, in_trait)]
            fn unit(n: u8) -> f64 {
                count!(NEW_RUNS);
                Self(f64::from(n)).area(1.0).unwrap_or_default()
            }

            #[memoize(cache = &CACHE, in_trait)]
            fn consumed(mut self, n: u8) -> f64 {
                struct Inner(f64);
                impl Inner {
                    fn get(&self) -> f64 {
                        self.0
                    }
                }
                self.0 += f64::from(n);
                let moved = self;
                Inner(moved.0).get()
            }

            #[memoize(cache = &CACHE, in_trait)]
            fn shared(self: Rc<Self>, n: u8) -> f64 {
                let closure = move || self.0 * f64::from(n);
                closure()
            }
        }
    };
}
shape!(Square, 1.0);
shape!(Circle, 3.0);

#[test]
fn methods_of_trait_impls_are_memoized() {
    for _ in 0..2 {
        assert_eq!(Square(2.0).area(1.0), Ok(4.0));
        assert_eq!(Circle(2.0).area(1.0), Ok(12.0));
        assert!(Square(-1.0).area(1.0).is_err());
    }
    // An error is never stored.
    assert_eq!(runs!(AREA_RUNS), 4);

    let before = runs!(AREA_RUNS);
    for _ in 0..2 {
        assert_eq!((Square::unit(3), Circle::unit(3)), (9.0, 27.0));
        assert_eq!((Square(1.0).consumed(2), Circle(1.0).consumed(2)), (3.0, 3.0));
        assert_eq!(Rc::new(Square(2.5)).shared(2), 5.0);
        assert_eq!((Square(1.5).doubled(), Circle(1.5).doubled()), (4.5, 13.5));
    }
    assert_eq!((runs!(NEW_RUNS), runs!(DOUBLED_RUNS)), (2, 2));
    assert_eq!(runs!(AREA_RUNS), before + 4);
}

#[test]
fn a_method_of_a_trait_can_be_found_by_its_name() {
    trait Named {
        fn of(n: u8, cache: &Cache) -> u8;
    }
    struct Thing;
    impl Named for Thing {
        #[memoize(cache = cache, ignore(cache), in_trait)]
        fn of(n: u8, cache: &Cache) -> u8 {
            let _ = cache;
            n
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    assert_eq!((Thing::of(1, &cache), Thing::of(2, &cache), Thing::of(1, &cache)), (1, 2, 1));
    let [function] = cache.functions().unwrap().try_into().unwrap();
    assert_eq!(function.entries, 2);
    let here = "it::memoize::traits::a_method_of_a_trait_can_be_found_by_its_name";
    assert_eq!(function.name, format!("it::memoize::traits::<impl {here}::Named for {here}::Thing>::of"));
    assert!(folder.path().join("v1/it@larder/memoize/traits/Thing/Named/of").is_dir());
    assert_eq!(cache.stats().unwrap().hits, 1);
    assert!(cache.clear_function(&function.name).unwrap());
    assert!(cache.entries().unwrap().is_empty());
}

trait Convert<T> {
    fn width(&self) -> usize;
    fn both<const N: usize, U>(&self) -> [usize; 3];
}

#[derive(Serialize)]
struct Any;

impl<T> Convert<T> for Any {
    #[memoize(cache = &CACHE, in_trait)]
    fn width(&self) -> usize {
        size_of::<T>()
    }

    #[memoize(cache = &CACHE, in_trait)]
    fn both<const N: usize, U>(&self) -> [usize; 3] {
        [size_of::<T>(), N, size_of::<U>()]
    }
}

/// These parameters appear only in the `impl`, not in an argument or in `Self`.
#[test]
fn the_parameters_of_an_impl_are_part_of_the_key() {
    for _ in 0..2 {
        assert_eq!((Convert::<u8>::width(&Any), Convert::<u64>::width(&Any)), (1, 8));
        assert_eq!(Convert::<u8>::both::<7, u16>(&Any), [1, 7, 2]);
        assert_eq!(Convert::<u16>::both::<7, u16>(&Any), [2, 7, 2]);
        assert_eq!(Convert::<u8>::both::<8, u16>(&Any), [1, 8, 2]);
        assert_eq!(Convert::<u8>::both::<7, u32>(&Any), [1, 7, 4]);
    }
}

trait Inner {
    fn value(n: u8) -> u8;
}

/// Blocks do not appear in a function's path.
#[test]
fn methods_of_types_with_one_name_in_two_blocks_are_different() {
    let first = {
        struct Local;
        impl Inner for Local {
            #[memoize(cache = &CACHE, in_trait)]
            fn value(n: u8) -> u8 {
                helper(n)
            }
        }
        fn helper(n: u8) -> u8 {
            n + 1
        }
        Local::value(1)
    };
    let second = {
        struct Local;
        impl Inner for Local {
            #[memoize(cache = &CACHE, in_trait)]
            fn value(n: u8) -> u8 {
                helper(n)
            }
        }
        fn helper(n: u8) -> u8 {
            n + 2
        }
        Local::value(1)
    };
    assert_eq!((first, second), (2, 3));
}

/// A provided method of the trait, called through `dyn`. `Self` is the concrete type.
#[test]
fn a_trait_with_memoized_methods_can_be_an_object() {
    trait Animal {
        fn legs(&self) -> u8;

        #[memoize(cache = &CACHE, key(self = self.legs()), in_trait)]
        fn shoes(&self) -> u8 {
            self.legs() * 10
        }
    }
    struct Hen;
    struct Cow;
    impl Animal for Hen {
        fn legs(&self) -> u8 {
            2
        }
    }
    impl Animal for Cow {
        fn legs(&self) -> u8 {
            4
        }
    }
    for _ in 0..2 {
        let animals: [&dyn Animal; 2] = [&Hen, &Cow];
        assert_eq!(animals.map(|animal| animal.shoes()), [20, 40]);
    }
}

mod moved {
    use super::CACHE;

    pub(super) trait Tall {
        fn tall(&self) -> u8;
    }

    // The line of the attribute is not part of the function's identity.
    impl Tall for f64 {
        #[larder::memoize(cache = &CACHE, in_trait)]
        fn tall(&self) -> u8 {
            1
        }
    }
}

#[test]
fn an_impl_can_move_within_its_module() {
    use moved::Tall as _;
    assert_eq!(2.0_f64.tall(), 1);
    let entry = CACHE.entries().unwrap().find(|entry| entry.function.ends_with("::tall")).unwrap();
    let here = "it::memoize::traits::moved";
    assert_eq!(entry.function, format!("{here}::<impl {here}::Tall for f64>::tall"));
}

#[test]
#[allow(unsafe_code, reason = "to see whether unsafe functions stay unsafe")]
fn unsafe_methods_stay_unsafe() {
    trait Risky {
        unsafe fn get(&self, n: u8) -> u8;
    }
    unsafe fn helper(n: u8) -> u8 {
        n
    }
    impl Risky for u8 {
        #[memoize(cache = &CACHE, in_trait)]
        unsafe fn get(&self, n: u8) -> u8 {
            #![allow(clippy::needless_return, reason = "an attribute within the body")]
            // SAFETY: the function has no requirements.
            return unsafe { helper(n) + self };
        }
    }
    // SAFETY: the method has no requirements.
    assert_eq!(unsafe { (1_u8.get(2), 1_u8.get(2)) }, (3, 3));
}
