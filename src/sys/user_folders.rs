//! The folders of the user who runs the program.

use std::path::PathBuf;

/// Returns the user's home folder.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

/// Returns the folder for files that programs can create again: `$XDG_CACHE_HOME` or `~/.cache`, and on Apple's systems
/// `~/Library/Caches`.
#[cfg(unix)]
pub(crate) fn cache() -> Option<PathBuf> {
    if cfg!(target_vendor = "apple") {
        return Some(home()?.join("Library").join("Caches"));
    }
    // The specification ignores relative paths.
    let chosen = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    chosen.or_else(|| Some(home()?.join(".cache")))
}

/// Returns the folder for files that programs can create again. Windows has to be asked for it.
#[cfg(not(unix))]
pub(crate) fn cache() -> Option<PathBuf> {
    dirs::cache_dir()
}
