//! Files that code includes: their bytes count.

use std::path::Path;

use crate::compiled::paths::{label as path_label, normal};

/// How a file is called in the list of items: by its path from the package's folder on, or from `OUT_DIR`.
pub(crate) fn label(path: &Path, base: &Path, package: &str, out_dir: Option<&str>, is_own: bool) -> String {
    let path = normal(path);
    // That folder has another name for each profile and each set of features.
    let out_dir = out_dir.map(|dir| normal(Path::new(dir)));
    let path = match out_dir.as_deref().and_then(|dir| path.strip_prefix(dir).ok()) {
        Some(written) => format!("OUT_DIR/{}", path_label(written, Path::new(""))),
        None => path_label(&path, &normal(base)),
    };
    if is_own { format!("file {path}") } else { format!("file {package}/{path}") }
}
