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

/// How a path is called in a list of items: from the package's folder on, with forward slashes. Two files
/// never have one label, or a change of the one would go unseen behind the other.
pub(crate) fn label(path: &Path, base: &Path) -> String {
    let shared = base.ancestors().enumerate().find_map(|(up, base)| Some((up, path.strip_prefix(base).ok()?)));
    let (up, path) = shared.unwrap_or((0, path));
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    let parts: Vec<_> = std::iter::repeat_n("..".into(), up).chain(parts).collect();
    parts.join("/")
}
