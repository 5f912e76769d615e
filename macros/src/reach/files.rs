//! Files that code includes: their bytes count.

use std::path::{Path, PathBuf};

use super::paths::{label as path_label, normal};
use crate::fingerprint;

/// How a file is called in the list of items: by its path from the package's folder on, or from `OUT_DIR`.
pub(crate) fn label(path: &Path, base: &Path, package: &str, is_own: bool) -> String {
    let path = normal(path);
    // That folder has another name for each profile and each set of features.
    let out_dir = is_own.then(|| std::env::var_os("OUT_DIR")).flatten().map(|dir| normal(Path::new(&dir)));
    let path = match out_dir.as_deref().and_then(|dir| path.strip_prefix(dir).ok()) {
        Some(written) => format!("OUT_DIR/{}", path_label(written, Path::new(""))),
        None => path_label(&path, &normal(base)),
    };
    if is_own { format!("file {path}") } else { format!("file {package}/{path}") }
}

/// The digest of a file's bytes; zero if it can't be read, as when the code that includes it is
/// switched off.
pub(crate) fn digest(path: &Path) -> u128 {
    std::fs::read(path).map_or(0, |bytes| fingerprint::of_bytes(&bytes))
}

/// One digest of all Rust files in a folder, for code that runs in the compiler.
pub(crate) fn digest_of_sources(dir: &Path) -> u128 {
    let mut paths = Vec::new();
    gather(dir, &mut paths);
    paths.sort();
    let mut bytes = Vec::new();
    for path in paths {
        bytes.extend_from_slice(path_label(&path, dir).as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&digest(&path).to_be_bytes());
    }
    fingerprint::of_bytes(&bytes)
}

fn gather(dir: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}
