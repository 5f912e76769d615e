//! Edits of real builds: a package is built by cargo with crates from the registry, run, edited and run again. Each
//! program prints what the memoized function gives and what the same code gives without larder; these must be equal
//! whatever was edited, and when.

mod build;
mod foreign;
mod graph;
mod made;
mod moments;
mod sources;
