//! Stored values, without the types of the program that stored them.
//!
//! In reading order: `tree` (the type `Value`), `read` (decodes it), `numbers` (summarises arrays), `text` and `json`
//! (print it).

pub(crate) mod json;
pub(crate) mod numbers;
pub(crate) mod read;
pub(crate) mod text;
pub(crate) mod tree;
