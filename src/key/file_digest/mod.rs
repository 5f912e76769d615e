//! Files and folders as arguments, by what they hold.

pub(crate) mod digest;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod inputs;
pub(crate) mod read;
pub(crate) mod remembered;
pub(crate) mod state;
