//! What rustc and cargo recorded about the build in progress: which crates were compiled, from which files, with which
//! features.
//!
//! Manifests, lock files and configuration describe the next build. Only the compiled output describes this one, so that
//! is what is read here.
//!
//! ```text
//! rustc_args         the compiler's command line: the root file and the libraries that the crate uses
//! units              each library: its sources, where they come from, and the libraries that it uses
//! dep_info           the list of sources that rustc writes beside a library
//! metadata           the libraries and the source digests in a library's metadata
//! cargo_notes        what cargo records for each library: features, build scripts
//! build_start        whether a file changed after a compilation began
//! native_libraries   C libraries that a build script made
//! ```

pub(crate) mod build_start;
mod cargo_notes;
mod dep_info;
mod md5;
mod metadata;
pub(crate) mod native_libraries;
pub(crate) mod paths;
pub(crate) mod rustc_args;
pub(crate) mod units;
