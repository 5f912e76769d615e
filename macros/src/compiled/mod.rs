//! What the compiler and cargo leave behind of the build that is going on: which crates were compiled, from which
//! files, with which features.
//!
//! ```text
//! invocation   the compiler's command line: the crate's root file, and the libraries it uses
//! units        each library: its sources, where they come from, and the libraries that it uses itself
//! dep_info     the list of sources that the compiler writes beside a library
//! metadata     the libraries and the digests of sources in a library's metadata
//! notes        what cargo notes of each library: features, build scripts
//! clock        whether a file changed after a compilation began
//! native       libraries of C that a build script made
//! ```
//!
//! Manifests, lock files and configuration say what the next build will use. What this build did use is only
//! in what was compiled, so that is what is read here.

pub(crate) mod clock;
mod dep_info;
pub(crate) mod invocation;
mod md5;
mod metadata;
pub(crate) mod native;
mod notes;
pub(crate) mod paths;
pub(crate) mod units;
