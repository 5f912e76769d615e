//! The folders of the user who runs the program.

use std::path::PathBuf;

/// Returns the user's home folder.
pub(crate) fn home() -> Option<PathBuf> {
    dirs::home_dir()
}

/// Returns the folder for files that programs can create again.
pub(crate) fn cache() -> Option<PathBuf> {
    dirs::cache_dir()
}
