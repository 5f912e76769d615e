//! What `Cargo.toml` says: where a package's code is, and what the crates are that it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::paths::normal;

/// A package whose code is read.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder.
    pub(crate) dir: PathBuf,
    pub(crate) edition: String,
    /// The name and the root file of its library, if it has one.
    pub(crate) lib: Option<(String, PathBuf)>,
    pub(crate) is_proc_macro: bool,
    pub(crate) build_script: Option<PathBuf>,
    /// The crates that its code can name, as it names them.
    pub(crate) externs: BTreeMap<String, Extern>,
}

/// Where a crate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extern {
    /// A package in this folder.
    Path(PathBuf),
    /// A package of this name, whose version is in `Cargo.lock`.
    Locked(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Manifest {
    package: Option<Table>,
    lib: Option<Lib>,
    workspace: Option<Workspace>,
    #[serde(default)]
    patch: BTreeMap<String, BTreeMap<String, Dependency>>,
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
}

/// A value, or `workspace = true`; or, for `build`, `false` and the like.
#[derive(Deserialize)]
#[serde(untagged)]
enum Inherited<T> {
    Here(T),
    There(serde::de::IgnoredAny),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Lib {
    name: Option<String>,
    path: Option<PathBuf>,
    #[serde(default, alias = "proc_macro")]
    proc_macro: bool,
}

#[derive(Deserialize)]
struct Workspace {
    package: Option<WorkspacePackage>,
    #[serde(default)]
    dependencies: BTreeMap<String, Dependency>,
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
    Detailed { path: Option<PathBuf>, package: Option<String>, workspace: Option<bool> },
    Version(serde::de::IgnoredAny),
}

fn read(dir: &Path) -> Result<Manifest, String> {
    let path = dir.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("can't read a Cargo.toml: {error}"))?;
    basic_toml::from_str(&text).map_err(|error| format!("can't understand a Cargo.toml: {error}"))
}

/// The manifest of the workspace that a package belongs to, and its folder: the nearest above that has
/// a `[workspace]`, or the package itself.
fn workspace(dir: &Path, package: &Manifest) -> Option<(PathBuf, Manifest)> {
    let told = package.package.as_ref().and_then(|table| table.workspace.as_ref());
    if let Some(told) = told {
        let dir = normal(&dir.join(told));
        return read(&dir).ok().map(|manifest| (dir, manifest));
    }
    dir.ancestors().find_map(|dir| {
        let manifest = read(dir).ok()?;
        manifest.workspace.is_some().then(|| (dir.to_owned(), manifest))
    })
}

impl Package {
    /// The package in this folder.
    pub(crate) fn read(dir: &Path) -> Result<Self, String> {
        let manifest = read(dir)?;
        let workspace = workspace(dir, &manifest);
        let table = manifest.package.as_ref().ok_or("a Cargo.toml has no [package]")?;
        let name = table.name.clone().ok_or("a Cargo.toml has no name")?;
        let shared = workspace.as_ref().and_then(|(_, manifest)| manifest.workspace.as_ref());
        let edition = match &table.edition {
            Some(Inherited::Here(edition)) => edition.clone(),
            Some(Inherited::There(_)) => {
                shared.and_then(|shared| shared.package.as_ref()?.edition.clone()).unwrap_or_default()
            }
            None => "2015".to_owned(),
        };
        let lib = manifest.lib.as_ref();
        let lib_name = lib.and_then(|lib| lib.name.clone()).unwrap_or_else(|| name.replace('-', "_"));
        let lib_path = dir.join(lib.and_then(|lib| lib.path.clone()).unwrap_or_else(|| "src/lib.rs".into()));
        let build = match &table.build {
            Some(Inherited::Here(path)) => dir.join(path),
            _ => dir.join("build.rs"),
        };
        let mut externs = BTreeMap::new();
        let all = std::iter::once(&manifest.dependencies).chain(manifest.target.values());
        let replaced = Replaced::of(workspace.as_ref().map(|(dir, manifest)| (dir.as_path(), manifest)));
        for (key, dependency) in all.flat_map(|all| all.dependencies.iter().chain(&all.dev_dependencies)) {
            let known = match (dependency, &workspace) {
                (Dependency::Detailed { workspace: Some(true), .. }, Some((root, _))) => {
                    let there = shared.and_then(|shared| shared.dependencies.get(key));
                    place(key, there.unwrap_or(dependency), root, &replaced)
                }
                _ => place(key, dependency, dir, &replaced),
            };
            externs.insert(key.replace('-', "_"), known);
        }
        Ok(Package {
            edition,
            lib: lib_path.is_file().then_some((lib_name, lib_path)),
            is_proc_macro: lib.is_some_and(|lib| lib.proc_macro),
            build_script: build.is_file().then_some(build),
            externs: by_lib_name(externs),
            dir: dir.to_owned(),
            name,
        })
    }
}

/// Packages that a `[patch]` takes from elsewhere.
struct Replaced(BTreeMap<String, PathBuf>);

impl Replaced {
    fn of(workspace: Option<(&Path, &Manifest)>) -> Self {
        let Some((dir, manifest)) = workspace else { return Replaced(BTreeMap::new()) };
        let patches = manifest.patch.values().flatten().filter_map(|(key, dependency)| match dependency {
            Dependency::Detailed { path: Some(path), package, .. } => {
                Some((package.clone().unwrap_or_else(|| key.clone()), normal(&dir.join(path))))
            }
            _ => None,
        });
        Replaced(patches.collect())
    }
}

fn place(key: &str, dependency: &Dependency, base: &Path, replaced: &Replaced) -> Extern {
    let (path, package) = match dependency {
        Dependency::Detailed { path, package, .. } => (path.as_ref(), package.as_deref()),
        Dependency::Version(_) => (None, None),
    };
    let package = package.unwrap_or(key);
    match (path, replaced.0.get(package)) {
        (Some(path), _) => Extern::Path(normal(&base.join(path))),
        (None, Some(path)) => Extern::Path(path.clone()),
        (None, None) => Extern::Locked(package.to_owned()),
    }
}

/// A library may be called otherwise than its package, and then code names the library. Of a package
/// from a registry that can't be seen here; the compiler's `--extern` tells (see `Invocation`).
fn by_lib_name(externs: BTreeMap<String, Extern>) -> BTreeMap<String, Extern> {
    let mut named = BTreeMap::new();
    for (key, known) in externs {
        if let Extern::Path(dir) = &known
            && let Ok(manifest) = read(dir)
            && let Some(name) = manifest.lib.and_then(|lib| lib.name)
            && manifest.package.and_then(|table| table.name).is_some_and(|package| package.replace('-', "_") == key)
        {
            named.insert(name, known.clone());
        }
        named.insert(key, known);
    }
    named
}

/// The packages of a `Cargo.lock`: for each name its versions, with where they come from.
#[derive(Debug, Default)]
pub(crate) struct Lock(BTreeMap<String, BTreeSet<String>>);

impl Lock {
    /// The lock file above one of these folders that has this package in it.
    pub(crate) fn find(folders: &[&Path], package: &str, version: &str) -> Option<Lock> {
        let texts = folders.iter().flat_map(|dir| dir.ancestors());
        let locks = texts.filter_map(|dir| std::fs::read_to_string(dir.join("Cargo.lock")).ok());
        locks.map(|text| Lock::parse(&text)).find(|lock| {
            lock.0.get(package).is_some_and(|all| all.iter().any(|one| one.split(' ').next() == Some(version)))
        })
    }

    /// cargo writes one `key = "value"` a line.
    pub(crate) fn parse(text: &str) -> Lock {
        let mut lock = Lock::default();
        for table in text.split("[[package]]").skip(1) {
            let value = |key: &str| {
                let lines = table.lines().take_while(|line| !line.starts_with('['));
                let mut values =
                    lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'));
                values.next().unwrap_or_default()
            };
            let known = format!("{} {} {}", value("version"), value("source"), value("checksum"));
            lock.0.entry(value("name").to_owned()).or_default().insert(known.trim_end().to_owned());
        }
        lock
    }

    /// All versions of a package, each with its source and checksum.
    pub(crate) fn versions(&self, package: &str) -> Option<String> {
        let all: Vec<&str> = self.0.get(package)?.iter().map(String::as_str).collect();
        Some(all.join("\n"))
    }

    /// The package of a library of this name, as far as names tell.
    pub(crate) fn package_of(&self, library: &str) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|name| name.replace('-', "_") == library)
    }

    /// Everything, for what can't be told apart.
    pub(crate) fn whole(&self) -> String {
        format!("{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "rand"
version = "0.8.5"
source = "registry"
checksum = "aa"
dependencies = [
 "rand_core",
]

[[package]]
name = "md-5"
version = "0.10.0"

[[package]]
name = "rand"
version = "0.9.0"
source = "registry"
"#;

    /// A bumped dependency is another text, and so another digest.
    #[test]
    fn the_versions_of_a_crate_are_those_of_the_lock_file() {
        let lock = Lock::parse(LOCK);
        assert_eq!(lock.versions("rand").unwrap(), "0.8.5 registry aa\n0.9.0 registry");
        let bumped = Lock::parse(&LOCK.replace("0.9.0", "0.9.1"));
        assert_ne!(lock.versions("rand"), bumped.versions("rand"));
        assert_eq!(lock.versions("md-5"), bumped.versions("md-5"));
        assert_ne!(lock.whole(), bumped.whole());
        assert_eq!(lock.package_of("md_5"), Some("md-5"));
        assert_eq!(lock.versions("rand_core"), None);
    }

    #[test]
    fn dependencies_are_found_where_the_manifests_say() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tracked");
        let dir = normal(&dir);
        let app = Package::read(&dir.join("app")).unwrap();
        assert_eq!((app.name.as_str(), app.edition.as_str()), ("app", "2024"));
        assert_eq!(app.externs["near"], Extern::Path(dir.join("sibling")));
        assert_eq!(app.externs["serde"], Extern::Locked("serde".to_owned()));
        let sibling = Package::read(&dir.join("sibling")).unwrap();
        assert_eq!(sibling.lib, Some(("sibling".to_owned(), dir.join("sibling/src/lib.rs"))));
        let own = Package::read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(own.is_proc_macro && own.edition == "2024", "{own:?}");
    }
}
