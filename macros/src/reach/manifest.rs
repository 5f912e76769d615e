//! What `Cargo.toml` says of a package whose code is read: the edition, the crates that it renames, and larder's
//! own settings. Which crates a build really used, and with which features, the build itself tells
//! ([`units`](crate::compiled::units)).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::compiled::paths::normal;

/// A package whose code is read.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder.
    pub(crate) dir: PathBuf,
    pub(crate) edition: String,
    pub(crate) has_build_script: bool,
    /// By the names that its code uses: the packages of crates that the manifest renames.
    pub(crate) renamed: BTreeMap<String, String>,
    /// Its library among those of the build; `None` for the package that is compiled.
    pub(crate) unit: Option<usize>,
    /// The variables that its library read when it was compiled.
    pub(crate) environment: BTreeMap<String, Option<String>>,
    pub(crate) settings: Settings,
}

/// `[package.metadata.larder]`, and `[workspace.metadata.larder]` with it.
#[derive(Deserialize, Debug, Default, Clone)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Packages whose macros make the same code of the same input: they read no files and no variables.
    pub(crate) pure_macros: BTreeSet<String>,
    /// The compiler says nothing of what can't be seen.
    pub(crate) quiet: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Manifest {
    package: Option<Table>,
    workspace: Option<Workspace>,
    #[serde(flatten)]
    dependencies: Dependencies,
    #[serde(default)]
    target: BTreeMap<String, Dependencies>,
}

#[derive(Deserialize)]
struct Table {
    name: Option<String>,
    edition: Option<Inherited<String>>,
    workspace: Option<PathBuf>,
    build: Option<Inherited<PathBuf>>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    larder: Option<Settings>,
}

/// A value, or `workspace = true`; or, for `build`, `false` and the like.
#[derive(Deserialize)]
#[serde(untagged)]
enum Inherited<T> {
    Here(T),
    There(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Workspace {
    package: Option<WorkspacePackage>,
    #[serde(default)]
    dependencies: BTreeMap<String, Dependency>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct WorkspacePackage {
    edition: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Dependencies {
    #[serde(default)]
    dependencies: BTreeMap<String, Dependency>,
    #[serde(default, alias = "dev_dependencies")]
    dev_dependencies: BTreeMap<String, Dependency>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Dependency {
    Detailed { package: Option<String>, workspace: Option<bool> },
    Version(serde::de::IgnoredAny),
}

fn read(dir: &Path) -> Result<Manifest, String> {
    let path = dir.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("can't read a Cargo.toml: {error}"))?;
    basic_toml::from_str(&text).map_err(|error| format!("can't understand a Cargo.toml: {error}"))
}

/// The manifest of the workspace that a package belongs to: the nearest above that has a `[workspace]`, or the
/// package's own.
fn workspace(dir: &Path, package: &Manifest) -> Option<Workspace> {
    let told = package.package.as_ref().and_then(|table| table.workspace.as_ref());
    if let Some(told) = told {
        return read(&normal(&dir.join(told))).ok()?.workspace;
    }
    dir.ancestors().find_map(|dir| read(dir).ok()?.workspace)
}

impl Package {
    /// The package in this folder.
    pub(crate) fn read(dir: &Path) -> Result<Self, String> {
        let mut manifest = read(dir)?;
        let shared = workspace(dir, &manifest);
        let mut table = manifest.package.take().ok_or("a Cargo.toml has no [package]")?;
        let name = table.name.take().ok_or("a Cargo.toml has no name")?;
        let edition = match &table.edition {
            Some(Inherited::Here(edition)) => edition.clone(),
            Some(Inherited::There(_)) => {
                shared.as_ref().and_then(|shared| shared.package.as_ref()?.edition.clone()).unwrap_or_default()
            }
            None => "2015".to_owned(),
        };
        let build = match &table.build {
            Some(Inherited::Here(path)) => dir.join(path),
            _ => dir.join("build.rs"),
        };
        let mut renamed = BTreeMap::new();
        let all = std::iter::once(&manifest.dependencies).chain(manifest.target.values());
        for (key, dependency) in all.flat_map(|all| all.dependencies.iter().chain(&all.dev_dependencies)) {
            let there = shared.as_ref().and_then(|shared| shared.dependencies.get(key));
            let package = match (dependency, there) {
                (Dependency::Detailed { package: Some(package), .. }, _)
                | (
                    Dependency::Detailed { workspace: Some(true), .. },
                    Some(Dependency::Detailed { package: Some(package), .. }),
                ) => package.clone(),
                // Only the library's own name may differ.
                _ => key.clone(),
            };
            renamed.insert(key.replace('-', "_"), package);
        }
        let mut settings = table.metadata.and_then(|metadata| metadata.larder).unwrap_or_default();
        if let Some(more) = shared.and_then(|shared| shared.metadata?.larder) {
            settings.pure_macros.extend(more.pure_macros);
            settings.quiet |= more.quiet;
        }
        Ok(Package {
            edition,
            has_build_script: build.is_file(),
            renamed,
            dir: dir.to_owned(),
            name,
            unit: None,
            environment: BTreeMap::new(),
            settings,
        })
    }

    /// The value that `env!` gave its code.
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
        let dir = normal(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tracked"));
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
