//! Stored values, without the types of the program that stored them.

pub(crate) mod json;
pub(crate) mod numbers;
pub(crate) mod read;
pub(crate) mod text;
pub(crate) mod tree;
