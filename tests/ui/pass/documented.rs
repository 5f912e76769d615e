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
