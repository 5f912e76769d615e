//! text.

pub(crate) mod humanize;
pub(crate) mod json;
pub(crate) mod nearest;
pub(crate) mod preview;
