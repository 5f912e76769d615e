//! `Cargo.toml` of a package whose code is read: the edition, the crates that it renames, and larder's settings.
//!
//! Which crates a build used, and with which features, is read from the build itself: see
//! [`units`](crate::compiled::units).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use boml::Toml;
use boml::table::TomlTable;
use boml::types::TomlValue;

use crate::compiled::paths::normal;

/// A package whose code is read.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its manifest.
    pub(crate) dir: PathBuf,
    pub(crate) edition: String,
    pub(crate) has_build_script: bool,
    /// The package of each dependency, by the crate name that code uses.
    pub(crate) renamed: BTreeMap<String, String>,
    /// Its library in this build; `None` for the package that is being compiled.
    pub(crate) unit: Option<usize>,
    /// The environment variables that rustc read when it compiled the library.
    pub(crate) environment: BTreeMap<String, Option<String>>,
    pub(crate) settings: Settings,
}

/// `[package.metadata.larder]` and `[workspace.metadata.larder]` together.
#[derive(Debug, Default, Clone)]
pub(crate) struct Settings {
    /// Packages whose macros read nothing but their input.
    pub(crate) pure_macros: BTreeSet<String>,
    /// The compiler does not warn about code that can't be tracked.
    pub(crate) quiet: bool,
}

impl Settings {
    /// Adds the settings in the `metadata.larder` of a `[package]` or `[workspace]`.
    fn add(&mut self, table: &TomlTable<'_>) -> Result<(), String> {
        let Some(larder) = subtable(table, "metadata").and_then(|metadata| subtable(metadata, "larder")) else {
            return Ok(());
        };
        match larder.get("pure-macros") {
            None => {}
            Some(TomlValue::Array(names)) => {
                for name in names.iter() {
                    let name =
                        name.as_string().ok_or("`pure-macros` in a Cargo.toml holds something else than strings")?;
                    self.pure_macros.insert(name.to_owned());
                }
            }
            Some(_) => return Err("`pure-macros` in a Cargo.toml is no list".to_owned()),
        }
        match larder.get("quiet") {
            None => {}
            Some(TomlValue::Boolean(quiet)) => self.quiet |= *quiet,
            Some(_) => return Err("`quiet` in a Cargo.toml is neither `true` nor `false`".to_owned()),
        }
        Ok(())
    }
}

fn text_of(dir: &Path) -> Result<String, String> {
    std::fs::read_to_string(dir.join("Cargo.toml")).map_err(|error| format!("can't read a Cargo.toml: {error}"))
}

fn parse(text: &str) -> Result<Toml<'_>, String> {
    boml::parse(text.trim_start_matches('\u{feff}'))
        .map_err(|error| format!("can't understand a Cargo.toml: {:?}", error.kind))
}

fn subtable<'t, 's>(table: &'t TomlTable<'s>, key: &str) -> Option<&'t TomlTable<'s>> {
    table.get(key)?.as_table()
}

fn string<'t>(table: &'t TomlTable<'_>, key: &str) -> Option<&'t str> {
    table.get(key)?.as_string()
}

/// Returns the text of the manifest with the `[workspace]` of a package: its own, the one that it names, or the nearest
/// above it.
fn workspace_text(dir: &Path, package: &TomlTable<'_>) -> Option<String> {
    let is_workspace = |text: &String| parse(text).is_ok_and(|manifest| subtable(&manifest, "workspace").is_some());
    if let Some(named) = subtable(package, "package").and_then(|table| string(table, "workspace")) {
        return text_of(&normal(&dir.join(named))).ok();
    }
    dir.ancestors().filter_map(|dir| text_of(dir).ok()).find(is_workspace)
}

/// Returns the tables of dependencies that a package's own code can use.
fn dependency_tables<'t, 's>(manifest: &'t TomlTable<'s>) -> Vec<&'t TomlTable<'s>> {
    let mut holders = vec![manifest];
    if let Some(targets) = subtable(manifest, "target") {
        holders.extend(targets.values().filter_map(TomlValue::as_table));
    }
    let tables = holders
        .into_iter()
        .flat_map(|holder| ["dependencies", "dev-dependencies", "dev_dependencies"].map(|key| subtable(holder, key)));
    tables.flatten().collect()
}

impl Package {
    /// Reads the package in a folder.
    ///
    /// # Errors
    /// A message, if its `Cargo.toml` can't be read.
    pub(crate) fn read(dir: &Path) -> Result<Self, String> {
        let text = text_of(dir)?;
        let manifest = parse(&text)?;
        let shared_text = workspace_text(dir, &manifest);
        let shared = shared_text.as_deref().and_then(|text| parse(text).ok());
        let shared = shared.as_ref().and_then(|manifest| subtable(manifest, "workspace"));
        let table = subtable(&manifest, "package").ok_or("a Cargo.toml has no [package]")?;
        let edition = match table.get("edition") {
            Some(TomlValue::String(edition)) => edition.as_str(),
            // `edition.workspace = true`
            Some(_) => shared.and_then(|shared| string(subtable(shared, "package")?, "edition")).unwrap_or_default(),
            None => "2015",
        };
        let build = dir.join(string(table, "build").unwrap_or("build.rs"));
        let shared_dependencies = shared.and_then(|shared| subtable(shared, "dependencies"));
        let mut renamed = BTreeMap::new();
        for dependencies in dependency_tables(&manifest) {
            for (key, dependency) in dependencies.iter() {
                let key = key.as_str();
                let package_of = |value: &TomlValue<'_>| string(value.as_table()?, "package").map(str::to_owned);
                let is_inherited = dependency
                    .as_table()
                    .is_some_and(|table| matches!(table.get("workspace"), Some(TomlValue::Boolean(true))));
                let inherited = || package_of(shared_dependencies.filter(|_| is_inherited)?.get(key)?);
                let package = package_of(dependency).or_else(inherited).unwrap_or_else(|| key.to_owned());
                renamed.insert(key.replace('-', "_"), package);
            }
        }
        let mut settings = Settings::default();
        settings.add(table)?;
        if let Some(shared) = shared {
            settings.add(shared)?;
        }
        Ok(Package {
            name: string(table, "name").ok_or("a Cargo.toml has no name")?.to_owned(),
            dir: dir.to_owned(),
            edition: edition.to_owned(),
            has_build_script: build.is_file(),
            renamed,
            unit: None,
            environment: BTreeMap::new(),
            settings,
        })
    }

    /// Returns the value that `env!` has in its code.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        match (self.unit, name) {
            (None, _) => std::env::var(name).ok(),
            (Some(_), "CARGO_MANIFEST_DIR") => Some(self.dir.to_string_lossy().into_owned()),
            (Some(_), _) => self.environment.get(name).cloned().flatten(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of tests")]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read() {
        let dir = normal(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tracked"));
        let app = Package::read(&dir.join("app")).unwrap();
        assert_eq!((app.name.as_str(), app.edition.as_str()), ("app", "2024"));
        assert_eq!(app.renamed["near"], "sibling");
        assert!(app.has_build_script);
        let own = Package::read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(own.edition, "2024");
        assert!(own.settings.pure_macros.is_empty() && !own.settings.quiet);
    }

    #[test]
    fn settings_of_the_workspace_are_added() {
        let text = "[package]\nname = \"x\"\n[package.metadata.larder]\npure-macros = [\"a\"]\n\
                    [workspace.metadata.larder]\npure-macros = [\"b\"]\nquiet = true\n";
        let dir = std::env::temp_dir().join(format!("larder-manifest-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("Cargo.toml"), text).unwrap();
        let settings = Package::read(&dir).unwrap().settings;
        assert_eq!(settings.pure_macros.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "b"]);
        assert!(settings.quiet);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
