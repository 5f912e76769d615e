//! Labels of included files.

use std::path::Path;

use crate::compiled::paths::{label as path_label, normal};

/// Returns the label of a file: its path relative to the folder of its package, or to `OUT_DIR`.
pub(crate) fn label(path: &Path, base: &Path, package: &str, out_dir: Option<&str>, is_own: bool) -> String {
    let path = normal(path);
    // The path of `OUT_DIR` depends on the profile and the features.
    let out_dir = out_dir.map(|dir| normal(Path::new(dir)));
    let path = match out_dir.as_deref().and_then(|dir| path.strip_prefix(dir).ok()) {
        Some(written) => format!("OUT_DIR/{}", path_label(written, Path::new(""))),
        None => path_label(&path, &normal(base)),
    };
    if is_own { format!("file {path}") } else { format!("file {package}/{path}") }
}
