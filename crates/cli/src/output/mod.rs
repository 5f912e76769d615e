//! What the program writes, for people and for programs.

pub(crate) mod entry;
pub(crate) mod progress;
pub(crate) mod streams;
pub(crate) mod table;
pub(crate) mod text;
