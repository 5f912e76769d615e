//! The commands, one file each.

pub(crate) mod clear;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod ls;
pub(crate) mod path;
pub(crate) mod recompress;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod trim;
pub(crate) mod verify;

mod transfer;
