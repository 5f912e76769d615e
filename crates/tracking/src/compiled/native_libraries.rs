//! Libraries of C and similar languages, which `extern` blocks lead to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::compiled::paths::file_name;
use crate::compiled::paths::{self, is_written_by_build_script};
use crate::digest;

/// The extensions of files that a linker accepts.
const LINKED: [&str; 8] = ["a", "o", "obj", "lib", "so", "dylib", "dll", "tbd"];

/// Returns labels and digests of the libraries in some folders. In a folder that a build script wrote these are all
/// libraries, in others those of the given names. The folders of the system are left out.
pub(crate) fn libraries(folders: &[PathBuf], names: &BTreeSet<String>) -> BTreeSet<(String, u128)> {
    let mut files = Vec::new();
    for folder in folders.iter().filter(|folder| !is_system(folder)) {
        let mut found = Vec::new();
        let is_written = is_written_by_build_script(folder);
        gather(folder, if is_written { 8 } else { 0 }, &mut found);
        let is_named = |path: &PathBuf| {
            let name = file_name(path);
            let name = name.strip_prefix("lib").unwrap_or(&name);
            names.iter().any(|known| name.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with('.')))
        };
        files.extend(found.into_iter().filter(|path| is_written || is_named(path)));
    }
    let named = files.into_iter().map(|path| {
        let name = file_name(&path);
        (format!("library {name}"), digest::of_file(&path))
    });
    named.collect()
}

fn is_system(folder: &Path) -> bool {
    let folder = paths::normal(folder);
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/System", "/usr/local/lib"]
        .iter()
        .any(|system| folder.starts_with(system))
}

fn gather(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_linked = path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| LINKED.contains(&extension))
            || path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so."));
        if is_linked {
            files.push(path);
        } else if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            gather(&path, depth - 1, files);
        }
    }
}

/// Returns the folders that a build script tells the linker to search.
pub(crate) fn search_folders(output: &str) -> Vec<PathBuf> {
    values(output, "rustc-link-search")
        .map(|value| value.split_once('=').map_or(value, |(_, path)| path).into())
        .collect()
}

/// Returns the libraries that a build script tells the linker to link.
pub(crate) fn linked(output: &str) -> impl Iterator<Item = String> {
    values(output, "rustc-link-lib").map(name_of_library)
}

/// Returns the name of a library: `x` for `static=x`, `dylib:+verbatim=x`, `x:y` and `x`.
pub(crate) fn name_of_library(text: &str) -> String {
    let name = text.split_once('=').map_or(text, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name).to_owned()
}

/// Returns the `cfg`s and variables that a build script sets, a line each.
pub(crate) fn settings(output: &str) -> String {
    let set = ["rustc-cfg", "rustc-env"].iter().flat_map(|key| values(output, key).map(move |value| (key, value)));
    let lines: BTreeSet<String> = set.map(|(key, value)| format!("{key}={value}")).collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// Returns the values of `cargo:KEY=` and `cargo::KEY=`.
fn values<'o>(output: &'o str, key: &'o str) -> impl Iterator<Item = &'o str> {
    output.lines().filter_map(move |line| {
        let line = line.strip_prefix("cargo::").or_else(|| line.strip_prefix("cargo:"))?;
        line.strip_prefix(key)?.strip_prefix('=')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_script_prints_is_read() {
        let output = "cargo:rustc-link-search=native=/a b\ncargo::rustc-link-search=/c\nhello\n\
                      cargo:rustc-cfg=x\ncargo::rustc-env=A=b\ncargo:rerun-if-changed=k.c\n";
        assert_eq!(search_folders(output), [Path::new("/a b"), Path::new("/c")]);
        assert_eq!(settings(output), "rustc-cfg=x\nrustc-env=A=b");
    }
}
