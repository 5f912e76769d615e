//! The libraries of a build, and what they were compiled from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::compiled::build_start::BuildStart;
use crate::compiled::cargo_notes::{CargoNotes, UnitNote};
use crate::compiled::dep_info::DepInfo;
use crate::compiled::metadata;
use crate::compiled::paths::{file_name, is_hash, is_written_by_build_script};
use crate::compiled::rustc_args::RustcArgs;
use crate::compiled::{md5, native_libraries, paths};
use crate::digest;

/// A library.
#[derive(Debug)]
pub(crate) struct Unit {
    /// The name of the crate.
    pub(crate) name: String,
    hash: String,
    library: PathBuf,
    is_proc_macro: bool,
    /// The libraries that it uses are unknown.
    is_opaque: bool,
    pub(crate) info: Option<DepInfo>,
    pub(crate) origin: Origin,
    note: Option<Option<UnitNote>>,
    uses: Option<Vec<usize>>,
    checked: Option<Result<(), String>>,
}

/// Where the sources of a crate are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In cargo's folder for registries or git checkouts, where the path identifies the content.
    Fixed(String),
    /// In a folder that may change: a path dependency, a patch, a vendored crate.
    Folder(PathBuf),
    /// Unknown: rustc left no list of sources.
    Unknown,
}

/// The libraries of a build.
#[derive(Debug, Default)]
pub(crate) struct Units {
    list: Vec<Unit>,
    by_hash: HashMap<String, usize>,
    /// The libraries in the folders that rustc searches, by hash, or by name if they have none.
    files: Option<HashMap<String, PathBuf>>,
    notes: HashMap<PathBuf, CargoNotes>,
    folders: Vec<PathBuf>,
    /// The working directory of rustc.
    dir: PathBuf,
    /// The digests of sources in the metadata are not MD5.
    other_digests: bool,
}

/// Variables that contain paths, which differ between machines.
const PLACES: [&str; 6] =
    ["OUT_DIR", "CARGO", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_TARGET_TMPDIR", "CARGO_PRIMARY_PACKAGE"];

impl Units {
    pub(crate) fn of(rustc_args: &RustcArgs) -> Self {
        let mut folders = rustc_args.dependency_dirs.clone();
        folders.extend(rustc_args.externs.iter().filter_map(|(_, file)| file.parent().map(Path::to_owned)));
        folders.sort();
        folders.dedup();
        // On Windows with the MSVC tools they are SHA-256.
        let other_digests = cfg!(target_env = "msvc") || rustc_args.other_digests;
        Units { folders, dir: rustc_args.dir.clone(), other_digests, ..Units::default() }
    }

    pub(crate) fn get(&self, unit: usize) -> &Unit {
        &self.list[unit]
    }

    /// Returns the library in a file.
    pub(crate) fn at(&mut self, library: &Path) -> usize {
        let (name, hash) = name_and_hash(library);
        // A crate that is also a C library has no hash in its file name.
        let id = if hash.is_empty() { library.with_extension("").to_string_lossy().into_owned() } else { hash.clone() };
        if let Some(known) = self.by_hash.get(&id) {
            return *known;
        }
        let stem = if hash.is_empty() { name.clone() } else { format!("{name}-{hash}") };
        let file = library.with_file_name(format!("{stem}.d"));
        let info = DepInfo::read(&file, &self.dir);
        let origin = info.as_ref().and_then(|info| info.sources.first()).map_or(Origin::Unknown, |root| origin(root));
        let unit = self.list.len();
        self.by_hash.insert(id, unit);
        let library = library.to_owned();
        let is_proc_macro = is_shared(&library) && !is_dylib(&origin);
        self.list.push(Unit {
            name,
            hash,
            library,
            is_proc_macro,
            is_opaque: false,
            info,
            origin,
            note: None,
            uses: None,
            checked: None,
        });
        unit
    }

    fn files(&mut self) -> &HashMap<String, PathBuf> {
        let folders = &self.folders;
        self.files.get_or_insert_with(|| {
            let mut files = HashMap::new();
            for file in folders.iter().flat_map(std::fs::read_dir).flatten().flatten() {
                let path = file.path();
                let is_library = path
                    .extension()
                    .and_then(OsStr::to_str)
                    .is_some_and(|extension| matches!(extension, "rlib" | "rmeta" | "so" | "dylib" | "dll"));
                let (name, hash) = name_and_hash(&path);
                if is_library {
                    files.insert(if hash.is_empty() { name } else { hash }, path);
                }
            }
            files
        })
    }

    fn notes_of(&mut self, unit: usize) -> &mut CargoNotes {
        let folder = self.list[unit].library.parent().unwrap_or(Path::new("")).to_owned();
        self.notes.entry(folder.clone()).or_insert_with(|| CargoNotes::beside(&folder))
    }

    /// Returns the hash of a library, even if its file name has none.
    fn hash(&mut self, unit: usize) -> String {
        let Unit { name, hash, .. } = &self.list[unit];
        let (name, hash) = (name.clone(), hash.clone());
        if hash.is_empty() { self.notes_of(unit).hash_of(&name).unwrap_or_default() } else { hash }
    }

    pub(crate) fn note(&mut self, unit: usize) -> Option<UnitNote> {
        if self.list[unit].note.is_none() {
            let name = self.list[unit].name.clone();
            let hash = self.hash(unit);
            let note = self.notes_of(unit).of(&hash, &name);
            self.list[unit].note = Some(note);
        }
        self.list[unit].note.clone().flatten()
    }

    /// Returns the features of a library, or a text that changes when they do.
    pub(crate) fn features(&mut self, unit: usize) -> String {
        // The hash depends on the features.
        let Unit { hash, .. } = &self.list[unit];
        let hash = hash.clone();
        self.note(unit).map_or(hash, |note| note.features)
    }

    /// Returns the name of the package that a library belongs to.
    pub(crate) fn package(&mut self, unit: usize) -> String {
        let hash = self.hash(unit);
        let noted = self.notes_of(unit).package(&hash);
        noted.unwrap_or_else(|| self.list[unit].name.clone())
    }

    /// Returns the output of the build script of a library's package, and its `OUT_DIR`.
    pub(crate) fn build_script(&mut self, unit: usize) -> Option<(String, PathBuf)> {
        let (package, note) = (self.package(unit), self.note(unit));
        self.notes_of(unit).build_script(&package, note.as_ref())
    }

    /// Returns the same, if the record of the library says that there is a build script.
    fn noted_build_script(&mut self, unit: usize) -> Option<(String, PathBuf)> {
        let note = self.note(unit).filter(UnitNote::has_build_script)?;
        let package = self.package(unit);
        self.notes_of(unit).build_script(&package, Some(&note))
    }

    /// Returns all libraries that a library uses, directly or not.
    pub(crate) fn uses(&mut self, unit: usize) -> Vec<usize> {
        if let Some(known) = &self.list[unit].uses {
            return known.clone();
        }
        let hashes = if is_shared(&self.list[unit].library) {
            // The table of crates is not at the start of its metadata. It was complete before it was used, so its
            // record exists.
            match self.note(unit) {
                Some(note) => self.notes_of(unit).uses(&note),
                None => {
                    self.list[unit].is_opaque = true;
                    Vec::new()
                }
            }
        } else {
            let bytes = metadata::read(&self.list[unit].library).unwrap_or_default();
            self.list[unit].is_opaque = bytes.is_empty();
            let names: Vec<String> = self.files().keys().filter(|key| !is_hash(key)).cloned().collect();
            let mut uses = metadata::hashes(&bytes);
            uses.extend(names.into_iter().filter(|name| metadata::names(&bytes, name)));
            uses
        };
        let own = self.list[unit].hash.clone();
        let mut uses = BTreeSet::new();
        let own_name = self.list[unit].name.clone();
        for hash in hashes.into_iter().filter(|hash| *hash != own && *hash != own_name) {
            let Some(file) = self.files().get(&hash).cloned() else { continue };
            uses.insert(self.at(&file));
        }
        let uses: Vec<usize> = uses.into_iter().collect();
        self.list[unit].uses = Some(uses.clone());
        uses
    }

    /// Returns the names of the crates that a library uses, if they are known by now.
    pub(crate) fn known_uses(&self, unit: usize) -> impl Iterator<Item = String> {
        let uses = self.list[unit].uses.iter().flatten();
        uses.map(|unit| self.list[*unit].name.clone())
    }

    /// Returns a library and all that it uses, macro crates included.
    pub(crate) fn closure(&mut self, unit: usize) -> BTreeSet<usize> {
        let (mut closure, mut todo) = (BTreeSet::new(), vec![unit]);
        while let Some(unit) = todo.pop() {
            if closure.insert(unit) {
                todo.extend(self.uses(unit));
            }
        }
        closure
    }

    pub(crate) fn is_proc_macro(&self, unit: usize) -> bool {
        self.list[unit].is_proc_macro
    }

    /// Returns one digest for a library and all that it uses: versions, features, and sources that may change.
    pub(crate) fn digest(&mut self, unit: usize) -> Result<u128, String> {
        let mut lines = BTreeSet::new();
        for unit in self.closure(unit) {
            let mut line = self.identity(unit)?;
            if self.list[unit].is_opaque {
                return Err(format!("what crate `{}` uses", self.list[unit].name));
            }
            if self.hash(unit).is_empty() {
                return Err(format!("the features of crate `{}`", self.list[unit].name));
            }
            line.push_str(&self.features(unit));
            lines.insert(line);
        }
        Ok(digest::of_bytes(lines.into_iter().collect::<Vec<_>>().join("\n").as_bytes()))
    }

    fn identity(&mut self, unit: usize) -> Result<String, String> {
        let Unit { name, hash, origin, info, .. } = &self.list[unit];
        let (name, origin, info) = (name.clone(), origin.clone(), info.clone());
        let mut line = match (&origin, &info) {
            // The hash depends on the version, the source and the features of the crate and of all that it uses.
            (Origin::Unknown, _) | (_, None) if !hash.is_empty() => return Ok(format!("{name} {hash} ")),
            (Origin::Unknown, _) | (_, None) => return Err(format!("what crate `{name}` was compiled from")),
            (Origin::Fixed(id), _) => format!("{name} {id} "),
            (Origin::Folder(_), _) => format!("{name} "),
        };
        if matches!(origin, Origin::Folder(_)) {
            self.check(unit)?;
        }
        let info = info.unwrap_or_default();
        for source in &info.sources {
            let (label, counts) = match &origin {
                Origin::Folder(dir) => (paths::label(source, dir), true),
                // Files that a build script generated.
                _ => (paths::label(source, Path::new("")), is_generated(source, &info)),
            };
            if counts {
                let label = if is_generated(source, &info) { file_name(source) } else { label };
                line.push_str(&format!("{label} {:032x} ", digest::of_file(source)));
            }
        }
        if let Some((output, out_dir)) = self.noted_build_script(unit) {
            line.push_str(&native_libraries::settings(&output).replace(&*out_dir.to_string_lossy(), "OUT_DIR"));
        }
        for (variable, value) in &info.environment {
            if !PLACES.contains(&variable.as_str()) && !variable.starts_with("CARGO_BIN_EXE_") {
                line.push_str(&format!("{variable}={value:?} "));
            }
        }
        Ok(line)
    }

    /// Returns whether the sources of a library are still those that it was compiled from.
    pub(crate) fn check(&mut self, unit: usize) -> Result<(), String> {
        if self.list[unit].checked.is_none() {
            let checked = self.compare(unit);
            self.list[unit].checked = Some(checked);
        }
        self.list[unit].checked.clone().unwrap_or(Ok(()))
    }

    fn compare(&mut self, unit: usize) -> Result<(), String> {
        let Unit { name, hash, info, library, .. } = &self.list[unit];
        let (name, hash, library) = (name.clone(), hash.clone(), library.clone());
        let info = info.clone().ok_or_else(|| format!("the compiler left no list of the sources of crate `{name}`"))?;
        let mut by_digest = BTreeMap::new();
        let mut by_time = Vec::new();
        for source in info.sources {
            let is_code = source.extension().is_some_and(|extension| extension == "rs");
            if is_code && !self.other_digests {
                let bytes = std::fs::read(&source).map_err(|_| changed(&name, &source))?;
                by_digest.insert(source, md5::digest(&bytes));
            } else if !is_written_by_build_script(&source) {
                by_time.push(source);
            }
        }
        let bytes = if is_shared(&library) { std::fs::read(&library).ok() } else { metadata::read(&library) };
        let bytes = bytes.ok_or_else(|| format!("the metadata of crate `{name}` can't be read"))?;
        let digests: Vec<[u8; 16]> = by_digest.values().copied().collect();
        let found = metadata::contains(&bytes, &digests);
        for (source, _) in by_digest.keys().zip(found).filter(|(_, found)| !found) {
            // The library of a macro crate has the digests of few of its files.
            if !self.list[unit].is_proc_macro {
                return Err(changed(&name, source));
            }
            by_time.push(source.clone());
        }
        if by_time.is_empty() {
            return Ok(());
        }
        let hash = if hash.is_empty() { self.hash(unit) } else { hash };
        let build_start = self.notes_of(unit).build_start(&hash).and_then(|path| BuildStart::of(&path));
        let build_start = build_start.ok_or_else(|| format!("cargo did not note when crate `{name}` was compiled"))?;
        match by_time.iter().find(|source| !build_start.is_before(source)) {
            Some(source) => Err(changed(&name, source)),
            None => Ok(()),
        }
    }
}

fn is_shared(library: &Path) -> bool {
    matches!(library.extension().and_then(OsStr::to_str), Some("so" | "dylib" | "dll"))
}

/// Returns whether a shared library is an ordinary `dylib` and no macro crate.
fn is_dylib(origin: &Origin) -> bool {
    let Origin::Folder(dir) = origin else { return false };
    let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).unwrap_or_default();
    let is_macro =
        |line: &str| line.trim_start().starts_with("proc-macro") || line.trim_start().starts_with("proc_macro");
    !manifest.lines().any(|line| is_macro(line) && line.contains("true"))
}

/// The end of the reason for a file that changed. The next build tracks it, so users are not warned.
const CHANGED: &str = "changed after the compiler read it";

fn changed(source_crate: &str, source: &Path) -> String {
    format!("`{}` of crate `{source_crate}` {CHANGED}", file_name(source))
}

/// Returns the reason for a file of the crate that is being compiled.
pub(crate) fn changed_meanwhile(path: &Path) -> String {
    format!("`{}` {CHANGED}", file_name(path))
}

/// Returns whether a reason in [`CodeVersion::unseen`](crate::CodeVersion::unseen) holds for this build only: the next one can
/// track what this one could not.
#[must_use]
pub fn is_transient(unseen: &str) -> bool {
    unseen.ends_with(CHANGED)
}

fn is_generated(source: &Path, info: &DepInfo) -> bool {
    let out_dir = info.environment.get("OUT_DIR").and_then(Option::as_deref);
    out_dir.is_some_and(|dir| source.starts_with(dir))
}

/// Splits a file name such as `lib<name>-<hash>.rlib`.
fn name_and_hash(library: &Path) -> (String, String) {
    let stem = library.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (name, hash) = stem.rsplit_once('-').filter(|(_, hash)| is_hash(hash)).unwrap_or((&stem, ""));
    // On Windows, a `.dll` has no prefix.
    let name = name.strip_prefix("lib").filter(|_| library.extension() != Some(OsStr::new("dll"))).unwrap_or(name);
    (name.to_owned(), hash.to_owned())
}

/// Returns where the crate with this root file comes from.
fn origin(root: &Path) -> Origin {
    let parts: Vec<String> = root.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    // The paths are `registry/src/<index>/<name>-<version>/…` and `git/checkouts/<repository>-<hash>/<commit>/…`. cargo
    // adds a marker file when it has unpacked them.
    let is_marked = |length: usize| {
        let dir: PathBuf = root.components().take(length).collect();
        dir.join(".cargo-ok").is_file()
    };
    let fixed = parts.windows(4).enumerate().find_map(|(index, window)| match [&*window[0], &*window[1]] {
        ["registry", "src"] if is_marked(index + 4) => Some(format!("{} {}", window[2], window[3])),
        ["git", "checkouts"] if is_marked(index + 4) => Some(parts[index + 2..parts.len() - 1].join("/")),
        _ => None,
    });
    if let Some(id) = fixed {
        return Origin::Fixed(id);
    }
    // The folder of the package is the nearest with a manifest.
    let mut folders = root.ancestors().skip(1);
    let dir = folders.find(|dir| dir.join("Cargo.toml").is_file()).or(root.parent());
    dir.map_or(Origin::Unknown, |dir| Origin::Folder(paths::normal(dir)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_libraries_are_read() {
        let of = |name: &str| name_and_hash(Path::new(name));
        let known = ("serde_json".to_owned(), "129980eff87b5c3c".to_owned());
        assert_eq!(of("/t/deps/libserde_json-129980eff87b5c3c.rmeta"), known);
        assert_eq!(of("serde_json-129980eff87b5c3c.dll"), known);
        assert_eq!(of("libx.rlib"), ("x".to_owned(), String::new()));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "files of the test")]
    fn origins_are_told_by_where_the_root_is() {
        let home = std::env::temp_dir().join(format!("larder-units-{}", std::process::id()));
        let package = home.join("registry/src/index-1/rand-0.9.0");
        std::fs::create_dir_all(&package).unwrap();
        assert!(matches!(origin(&package.join("src/lib.rs")), Origin::Folder(_)), "a folder that only looks like it");
        std::fs::write(package.join(".cargo-ok"), "").unwrap();
        assert_eq!(origin(&package.join("src/lib.rs")), Origin::Fixed("index-1 rand-0.9.0".to_owned()));
        let checkout = home.join("git/checkouts/x-12/ab34");
        std::fs::create_dir_all(&checkout).unwrap();
        std::fs::write(checkout.join(".cargo-ok"), "").unwrap();
        assert_eq!(origin(&checkout.join("sub/src/lib.rs")), Origin::Fixed("x-12/ab34/sub/src".to_owned()));
        std::fs::remove_dir_all(&home).unwrap();
        let own = paths::normal(Path::new(env!("CARGO_MANIFEST_DIR")));
        assert_eq!(origin(&own.join("src/lib.rs")), Origin::Folder(own));
    }
}
