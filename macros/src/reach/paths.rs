//! Paths of files, so that equal ones compare equal.

use std::path::{Component, Path, PathBuf};

/// The path without `.` and `..`, as the file system sees it if it can be asked.
pub(crate) fn normal(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// How a path is called in a list of items: from the package's folder on, with forward slashes.
pub(crate) fn label(path: &Path, base: &Path) -> String {
    let path = path.strip_prefix(base).unwrap_or_else(|_| Path::new(path.file_name().unwrap_or_default()));
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}
