//! Files and folders as arguments, identified by their content.
//!
//! In reading order: `digest` (the public type), `read` (retries while a file changes), `file` and `folder` (compute
//! digests), `state` (detects changes), `remembered` (digests of this process), `inputs` (files that a key depends on).

pub(crate) mod digest;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod inputs;
pub(crate) mod read;
pub(crate) mod remembered;
pub(crate) mod state;
