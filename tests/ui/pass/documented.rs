//! No lint reports the generated code: the functions keep their documentation, and the companion items have their
//! own.
#![deny(missing_docs, deprecated, unused, unreachable_pub, missing_debug_implementations)]

/// A public module.
pub mod public {
    use larder::memoize;

    /// A type.
    #[derive(Debug, serde::Serialize)]
    pub struct Model(
        /// Its number.
        pub u8,
    );

    /// A function.
    #[memoize]
    pub fn documented(n: u8) -> u8 {
        n
    }

    impl Model {
        /// A method.
        #[memoize]
        #[must_use]
        pub fn method(&self) -> u8 {
            self.0
        }

        /// A function of the type.
        #[memoize(in_impl)]
        #[must_use]
        pub fn new(n: u8) -> u8 {
            Self(n).0
        }

        /// Not to be used.
        #[memoize]
        #[deprecated(note = "use `method`")]
        pub fn old(&self) -> u8 {
            self.0
        }

        #[memoize]
        #[cfg(any())]
        pub fn not_there(&self, nothing: Nothing) -> u8 {}
    }

    /// A function whose options use arguments that its body does not use.
    #[memoize(cache = cache, ignore(cache), key(n = n / m))]
    pub fn with_options(cache: &larder::Cache, n: u64, m: u64) -> u64 {
        1
    }

    impl Model {
        /// Such a method.
        #[memoize(cache = &this.0, ignore(this))]
        #[must_use]
        pub fn in_cache(&self, this: &(larder::Cache,)) -> u8 {
            self.0
        }
    }

    /// A trait.
    pub trait Fit {
        /// Such a method of a trait.
        #[memoize(in_trait, cache = cache, ignore(cache))]
        fn fit(cache: &larder::Cache, n: u64) -> u64 {
            n
        }
    }

    /// Not to be used.
    #[memoize]
    #[deprecated(note = "use `documented`")]
    pub fn old(n: u8) -> u8 {
        n
    }

    // The condition may come before or after the attribute.
    #[memoize]
    #[cfg(any())]
    pub fn not_there(nothing: Nothing) -> u8 {}

    #[cfg(any())]
    #[memoize]
    pub fn not_there_either(nothing: Nothing) -> u8 {}
}

fn main() {}
