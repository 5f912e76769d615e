//! Builds a workspace in a temporary folder, and reads the output of its program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::{TempDir, tempdir};

/// Beginning of each program: `report` prints the memoized value, the plain value, and whether the call was a hit.
const PRELUDE: &str = "
static CACHE: std::sync::LazyLock<larder::Cache> =
    std::sync::LazyLock::new(|| larder::Cache::open(std::env::var(\"CACHE\").unwrap()).unwrap());
#[allow(dead_code)]
fn report<T: std::fmt::Debug>(plain: T, (value, outcome): (T, larder::Outcome)) {
    println!(\"{value:?}\\n{plain:?}\\n{}\", outcome.is_hit());
}
";

pub(super) struct Build {
    /// Name of the program. It is the name of the test, since all programs share one target folder.
    pub(super) name: String,
    dir: TempDir,
    cache: TempDir,
    /// Environment variables in addition to cargo's own.
    pub(super) variables: Vec<(&'static str, String)>,
}

/// Output of a program.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    pub(super) value: String,
    pub(super) is_hit: bool,
    pub(super) warnings: String,
}

impl Build {
    /// Creates a workspace with one package, `app`, whose `src/main.rs` begins with the prelude. `dependencies` are
    /// lines of its manifest.
    pub(super) fn of_program(dependencies: &str, main: &str) -> Self {
        let thread = std::thread::current();
        let name = thread.name().unwrap().rsplit("::").next().unwrap().to_owned();
        let build = Build { name, dir: tempdir().unwrap(), cache: tempdir().unwrap(), variables: Vec::new() };
        build.write("Cargo.toml", "[workspace]\nmembers = [\"app\"]\nresolver = \"3\"\n");
        build.write("app/Cargo.toml", &build.manifest("2024", dependencies));
        build.write("app/src/main.rs", &format!("{PRELUDE}{main}"));
        // Use the versions that are downloaded already.
        std::fs::copy(repository().join("Cargo.lock"), build.path("Cargo.lock")).unwrap();
        build
    }

    /// Adds a package with this manifest and library.
    pub(super) fn beside(self, name: &str, dependencies: &str, lib: &str) -> Self {
        self.edit("Cargo.toml", "members = [", &format!("members = [\"{name}\", "));
        self.write(&format!("{name}/Cargo.toml"), &manifest(name, dependencies));
        self.write(&format!("{name}/src/lib.rs"), lib);
        self
    }

    /// Adds a package that depends on larder.
    pub(super) fn beside_with_larder(self, name: &str, dependencies: &str, lib: &str) -> Self {
        self.beside(name, &format!("larder = {}\n{dependencies}", larder()), lib)
    }

    pub(super) fn with(self, file: &str, text: &str) -> Self {
        self.write(file, text);
        self
    }

    pub(super) fn manifest(&self, edition: &str, dependencies: &str) -> String {
        manifest(&self.name, &format!("larder = {}\n{dependencies}", larder())).replace("2024", edition)
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.with_own_version(text)).unwrap();
    }

    /// Gives the packages of each test a version of their own. cargo could otherwise take a package of another test for
    /// one of the same name, as all tests share one target folder.
    fn with_own_version(&self, manifest: &str) -> String {
        let number = self.name.bytes().fold(0_u32, |number, byte| number.wrapping_mul(31).wrapping_add(byte.into()));
        manifest.replace("version = \"0.1.0\"", &format!("version = \"0.1.{}\"", number % 1_000_000))
    }

    pub(super) fn edit(&self, file: &str, from: &str, to: &str) {
        let (text, from) = (std::fs::read_to_string(self.path(file)).unwrap(), self.with_own_version(from));
        assert!(text.contains(&from), "{file} has no {from:?}");
        self.write(file, &text.replacen(&from, to, 1));
    }

    pub(super) fn cache_dir(&self) -> &Path {
        self.cache.path()
    }

    /// Returns the contents of the cache's files whose names begin with `prefix`.
    pub(super) fn cached(&self, prefix: &str) -> Vec<String> {
        let (mut texts, mut folders) = (Vec::new(), vec![self.cache.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else if entry.file_name().to_string_lossy().starts_with(prefix) {
                    texts.push(std::fs::read_to_string(entry.path()).unwrap());
                }
            }
        }
        texts
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).current_dir(self.dir.path());
        command.env("CARGO_TARGET_DIR", target()).env("CACHE", self.cache.path()).stdin(Stdio::null());
        // Hundreds of programs are linked, and none is debugged.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "LARDER", "LARDER_DIR", "CARGO_BUILD_TARGET"] {
            command.env_remove(name);
        }
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command
    }

    /// Builds and runs the program. Checks that the memoized value equals the plain one.
    pub(super) fn run(&self) -> Said {
        self.run_with(&[])
    }

    pub(super) fn run_with(&self, arguments: &[&str]) -> Said {
        let arguments = [&["run", "--quiet", "-p", &self.name], arguments].concat();
        said(self.command(&arguments).output().unwrap())
    }

    /// Builds and runs the program's tests, which print the same lines as the program.
    pub(super) fn test(&self) -> Said {
        said(self.command(&["test", "--quiet", "-p", &self.name, "--", "--nocapture"]).output().unwrap())
    }

    /// Checks that an edit changes the value from `before` to `after`, and that reverting it restores the first
    /// result.
    pub(super) fn follows(&self, (before, after): (&str, &str), (file, from, to): (&str, &str, &str)) {
        let first = self.run();
        assert_eq!(first.value, before, "at first: {first:?}");
        assert!(self.run().is_hit, "unchanged");
        self.edit(file, from, to);
        let edited = self.run();
        assert_eq!((edited.value.as_str(), edited.is_hit), (after, false), "edited: {edited:?}");
        assert!(self.run().is_hit, "no hit without a further edit");
        self.edit(file, to, from);
        assert_eq!(self.run().value, before, "reverted");
        assert!(self.run().is_hit, "no hit without a further edit after the revert");
    }
}

pub(super) fn said(output: Output) -> Said {
    let (text, warnings) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{text}{warnings}");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("test ") && !line.is_empty()).collect();
    let at =
        lines.iter().position(|line| *line == "true" || *line == "false").unwrap_or_else(|| panic!("{text}{warnings}"));
    assert_eq!(lines[at - 2], lines[at - 1], "memoized and plain\n{text}{warnings}");
    Said { value: lines[at - 2].to_owned(), is_hit: lines[at] == "true", warnings }
}

pub(super) fn manifest(name: &str, dependencies: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n")
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn larder() -> String {
    format!("{{ path = {:?}, default-features = false, features = [\"macros\"] }}", repository())
}

/// Returns the target folder, which is shared so that crates from the registry are built once.
pub(super) fn target() -> PathBuf {
    repository().join("target/never-stale")
}
