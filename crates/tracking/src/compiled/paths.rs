//! Canonical paths, and labels of files.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::compiled::metadata::HASH_LENGTH;

/// Returns a path without `.` and `..`. It is canonical if the file exists.
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

/// Returns the label of a path: relative to the folder of the package, with forward slashes. Two files never have the
/// same label: otherwise a change of one would be hidden by the other.
pub(crate) fn label(path: &Path, base: &Path) -> String {
    let shared = base.ancestors().enumerate().find_map(|(up, base)| Some((up, path.strip_prefix(base).ok()?)));
    let (up, path) = shared.unwrap_or((0, path));
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    let parts: Vec<_> = std::iter::repeat_n("..".into(), up).chain(parts).collect();
    parts.join("/")
}

/// Returns the name of a file for messages, without its folder: messages become part of the program.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns whether a path is in the `OUT_DIR` of a package: `build/<package>-<hash>/out`. A build script writes it
/// before rustc starts.
pub(crate) fn is_written_by_build_script(source: &Path) -> bool {
    let parts: Vec<&OsStr> = source.components().map(Component::as_os_str).collect();
    parts.windows(2).any(|pair| pair[0] == "build" && pair[1].to_str().is_some_and(ends_with_hash))
}

fn ends_with_hash(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, hash)| is_hash(hash))
}

/// Returns whether this is a hash that cargo adds to file names.
pub(crate) fn is_hash(text: &str) -> bool {
    text.len() == HASH_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
