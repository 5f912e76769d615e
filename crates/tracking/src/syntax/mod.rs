//! Rust source text as tokens, items and fingerprints, without any knowledge of a program.
//!
//! ```text
//! symbols          names as numbers
//! token, lexer     tokens, and how they are made from text
//! builtin_macros   the macros, derives and attributes of the standard library
//! literal          the values of literals
//! const_strings    text that the compiler puts together: `concat!`, `env!`
//! item_parser      items: functions, types, `impl` blocks, imports
//! notation         format strings, `cfg` predicates, the attribute `#[memoize]`
//! bounds           the traits that a signature demands of its callers' types
//! fingerprint      the fingerprint of tokens
//! ```

pub(crate) mod bounds;
pub(crate) mod builtin_macros;
pub(crate) mod const_strings;
pub(crate) mod fingerprint;
pub(crate) mod item_parser;
pub(crate) mod lexer;
pub(crate) mod literal;
pub(crate) mod notation;
pub(crate) mod symbols;
pub(crate) mod token;
