//! What cargo records about each unit that it builds, in `<profile>/.fingerprint/<package>-<hash>/`: the features of a
//! library, and the units that it uses.
//!
//! cargo writes the record when a library is complete. Other crates may use its metadata a moment earlier.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a compilation waits in total for records of libraries that are still being compiled.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

/// The records in one folder.
#[derive(Debug, Default)]
pub(crate) struct CargoNotes {
    /// The folder of the profile.
    dir: PathBuf,
    /// The folders of units, by hash.
    units: HashMap<String, PathBuf>,
    /// The folders of units, by the fingerprint that other units record.
    by_fingerprint: Option<HashMap<String, PathBuf>>,
    waited: Duration,
}

/// The record of one library.
#[derive(Debug, Clone)]
pub(crate) struct UnitNote {
    /// A list of quoted names, as cargo writes it.
    pub(crate) features: String,
    /// The units that it uses: their names and fingerprints.
    deps: Vec<(String, String)>,
}

impl CargoNotes {
    /// Returns the records of the units whose libraries are in the folder `deps`.
    pub(crate) fn beside(deps: &Path) -> Self {
        let dir = deps.parent().unwrap_or(deps).to_owned();
        let folders = std::fs::read_dir(dir.join(".fingerprint")).into_iter().flatten().flatten();
        let units = folders.filter_map(|folder| {
            let path = folder.path();
            let (_, hash) = path.file_name()?.to_str()?.rsplit_once('-')?;
            Some((hash.to_owned(), path))
        });
        CargoNotes { units: units.collect(), dir, ..CargoNotes::default() }
    }

    /// Returns the hash of the only unit that is a library of this name. The file name of the library has no hash.
    pub(crate) fn hash_of(&self, library: &str) -> Option<String> {
        let file = format!("lib-{library}");
        let mut found = self.units.iter().filter(|(_, folder)| folder.join(&file).is_file());
        let (hash, _) = found.next()?;
        found.next().is_none().then(|| hash.clone())
    }

    /// Returns the path of the file that cargo writes when it starts rustc for a unit.
    pub(crate) fn build_start(&self, hash: &str) -> Option<PathBuf> {
        Some(self.units.get(hash)?.join("invoked.timestamp"))
    }

    /// Returns the package of a unit.
    pub(crate) fn package(&self, hash: &str) -> Option<String> {
        let (package, _) = self.units.get(hash)?.file_name()?.to_str()?.rsplit_once('-')?;
        Some(package.to_owned())
    }

    /// Returns the record of a library. Waits for it if the library is not complete yet.
    pub(crate) fn of(&mut self, hash: &str, library: &str) -> Option<UnitNote> {
        let file = self.units.get(hash)?.join(format!("lib-{library}.json"));
        let started = Instant::now();
        loop {
            if let Some(note) = std::fs::read_to_string(&file).ok().and_then(|text| UnitNote::parse(&text)) {
                self.waited += started.elapsed();
                return Some(note);
            }
            if self.waited + started.elapsed() > PATIENCE {
                self.waited = PATIENCE;
                return None;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Returns the hashes of the libraries that a library uses, from its record.
    pub(crate) fn uses(&mut self, note: &UnitNote) -> Vec<String> {
        let folders = self.by_fingerprint();
        let found = note.deps.iter().filter_map(|(_, fingerprint)| folders.get(fingerprint));
        let hashes = found.filter_map(|folder| folder.file_name()?.to_str()?.rsplit_once('-'));
        hashes.map(|(_, hash)| hash.to_owned()).collect()
    }

    /// Returns the output of the build script of a package, and its `OUT_DIR`.
    pub(crate) fn build_script(&mut self, package: &str, note: Option<&UnitNote>) -> Option<(String, PathBuf)> {
        let noted = note.and_then(|note| {
            let (_, fingerprint) = note.deps.iter().find(|(name, _)| name == "build_script_build")?;
            self.by_fingerprint().get(fingerprint).cloned()
        });
        let folder = noted.or_else(|| {
            let is_run = |folder: &&PathBuf| {
                let name = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.rsplit_once('-'));
                name.is_some_and(|(name, _)| name == package)
                    && folder.join("run-build-script-build-script-build").is_file()
            };
            let mut runs = self.units.values().filter(is_run);
            // If there are several, the one that this build used is unknown.
            runs.next().cloned().filter(|_| runs.next().is_none())
        })?;
        let dir = self.dir.join("build").join(folder.file_name()?);
        Some((std::fs::read_to_string(dir.join("output")).ok()?, dir.join("out")))
    }

    fn by_fingerprint(&mut self) -> &HashMap<String, PathBuf> {
        let units = &self.units;
        self.by_fingerprint.get_or_insert_with(|| {
            let mut known = HashMap::new();
            for folder in units.values() {
                for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                    let name = file.file_name();
                    let name = name.to_string_lossy();
                    let is_one = name.starts_with("lib-") || name.starts_with("run-build-script-");
                    if is_one && !name.ends_with(".json") {
                        let fingerprint = std::fs::read_to_string(file.path()).unwrap_or_default();
                        known.insert(fingerprint, folder.clone());
                    }
                }
            }
            known
        })
    }
}

impl UnitNote {
    pub(crate) fn has_build_script(&self) -> bool {
        self.deps.iter().any(|(name, _)| name == "build_script_build")
    }

    fn parse(text: &str) -> Option<Self> {
        // The value is a string that contains a list of quoted names.
        let (features, _) = text.split_once("\"features\":\"")?.1.split_once("]\"")?;
        let (deps, _) = text.split_once("\"deps\":[")?.1.split_once("],\"local\"")?;
        let deps = deps.split("],[").filter_map(|dep| {
            let mut parts = dep.trim_matches(['[', ']']).split(',').skip(1);
            let name = parts.next()?.trim_matches('"').to_owned();
            let fingerprint: u64 = parts.nth(1)?.parse().ok()?;
            let digits = fingerprint.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            Some((name, digits))
        });
        Some(UnitNote { features: format!("{features}]"), deps: deps.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read() {
        let text = r#"{"rustc":7,"features":"[\"default\", \"std\"]","declared_features":"[\"x\"]","target":9,
            "deps":[[5,"itoa",false,17916204839278617707],[8,"build_script_build",false,1]],"local":[{"a":[1]}]}"#;
        let note = UnitNote::parse(text).unwrap();
        assert_eq!(note.features, r#"[\"default\", \"std\"]"#);
        let deps = [("itoa", "6b2456906025a3f8"), ("build_script_build", "0100000000000000")];
        assert_eq!(note.deps, deps.map(|(name, digits)| (name.to_owned(), digits.to_owned())));
        assert!(UnitNote::parse(r#"{"features":"[]","deps":[],"local":[]}"#).unwrap().deps.is_empty());
        assert!(UnitNote::parse("{}").is_none());
    }
}
