//! Tests edits with real builds: cargo builds and runs a package with crates from the registry, which is then edited
//! and run again. Each program prints the result of the memoized function and the result of the same code without
//! larder. They must be equal after every edit, at any time.

mod build;
mod foreign;
mod graph;
mod made;
mod moments;
mod sources;
