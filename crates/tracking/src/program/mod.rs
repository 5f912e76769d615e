//! The sources of a program: its crates, modules and items, and what a name in them means.
//!
//! ```text
//! manifest        `Cargo.toml`: editions, renamed crates, larder's settings
//! sources         files, modules and items, read crate by crate
//! resolver        what a path means in a module
//! extern_crates   which library of the build a crate name means
//! ```

pub(crate) mod extern_crates;
pub(crate) mod manifest;
pub(crate) mod resolver;
pub(crate) mod sources;
