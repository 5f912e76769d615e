//! Entries in a folder.

mod layout;

mod get;
mod put;

mod code;
mod entries;
mod history;
mod litter;
mod trim;

pub use entries::{Entries, Entry, FunctionInfo};
pub use trim::Trimmed;

pub(crate) use code::CodeFile;
pub(crate) use entries::FunctionFile;
pub(crate) use get::Peeked;
pub(crate) use history::{Event, Record, brief, brief_code};
pub(crate) use layout::Layout;
pub(crate) use litter::collect as collect_litter;
