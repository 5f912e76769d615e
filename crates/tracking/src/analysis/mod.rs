//! From the names in a function to everything that it can reach.
//!
//! ```text
//! references        the names in a range of tokens
//! macro_uses        which macros in it come from other crates
//! conditions        the `cfg`s, variables and files that it asks for
//! includes          how included files are labelled
//! known_macros      macros of other crates whose expansion is known
//! pure_macros       macros that read nothing but their input
//! impl_index        `impl` blocks by type and by trait
//! program_index     what is found once for a program, for all functions
//! reachability      the walk from a function to all that it reaches
//! roots             where the walk begins
//! fingerprint_list  everything that is reached, as paths and fingerprints
//! ```

pub(crate) mod conditions;
pub(crate) mod fingerprint_list;
pub(crate) mod impl_index;
pub(crate) mod includes;
pub(crate) mod known_macros;
pub(crate) mod macro_uses;
pub(crate) mod program_index;
pub(crate) mod pure_macros;
pub(crate) mod reachability;
pub(crate) mod references;
pub(crate) mod roots;

#[cfg(test)]
mod fixture;
