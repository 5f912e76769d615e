//! Entries in a folder.

mod layout;

mod get;
mod put;

mod entries;
mod litter;

pub use entries::{Entries, Entry, FunctionInfo};

pub(crate) use entries::FunctionFile;
pub(crate) use layout::Layout;
pub(crate) use litter::collect as collect_litter;
