//! text.

pub(crate) mod humanize;
pub(crate) mod json;
pub(crate) mod preview;
