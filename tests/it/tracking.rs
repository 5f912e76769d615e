//! Tests tracking of the code that a memoized function reaches: the crates in `tests/tracked` are built, changed and
//! run again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{TempDir, tempdir};

/// Copy of `tests/tracked`, and the cache of its program.
struct Tracked {
    dir: TempDir,
    cache: TempDir,
}

impl Tracked {
    fn new() -> Self {
        let larder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tracked = Tracked { dir: tempdir().unwrap(), cache: tempdir().unwrap() };
        copy(&larder.join("tests/tracked"), tracked.dir.path());
        tracked.edit("app/Cargo.toml", "LARDER", larder.to_str().unwrap());
        // Use the versions that are downloaded already.
        std::fs::copy(larder.join("Cargo.lock"), tracked.path("Cargo.lock")).unwrap();
        tracked
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        std::fs::write(self.path(file), text.replacen(from, to, 1)).unwrap();
    }

    /// Builds and runs the program. Returns the functions that were computed, and all output.
    fn run(&self, more: &[&str], variables: &[(&str, &str)]) -> (BTreeSet<String>, String) {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tracked");
        let mut command = Command::new(env!("CARGO"));
        command.args(["run", "--offline", "--quiet"]).args(more).current_dir(self.dir.path());
        command.env("CARGO_TARGET_DIR", target).env("CACHE", self.cache.path()).env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
            .env_remove("RUSTFLAGS")
            .env_remove("LARDER")
            .env_remove("LARDER_DIR")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        for (name, value) in variables {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(!text.contains("unseen "), "{text}");
        let computed = text.lines().filter_map(|line| line.strip_prefix("computed ")).map(str::to_owned);
        (computed.collect(), text)
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Change to a file: description, file, old text, new text, and the functions that it reaches. `generic::of_type`
/// accepts any type with a trait of another crate, so all such `impl`s count for it.
type Change = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

const KINDS: &str = "app/src/kinds.rs";
const HELPERS: &str = "app/src/helpers/mod.rs";
const DEEP: &str = "app/src/helpers/deep.rs";
const MODEL: &str = "app/src/model.rs";
const GENERIC: &str = "app/src/generic.rs";
const SIBLING: &str = "sibling/src/lib.rs";

const CHANGES: &[Change] = &[
    ("its own body", KINDS, "n + 1\n", "n + 2\n", &["kinds::alone"]),
    ("a helper two modules away", DEEP, "n * 2", "n * 3", &["kinds::chain"]),
    ("a constant", HELPERS, "LIMIT: u64 = 10", "LIMIT: u64 = 11", &["kinds::constants"]),
    ("a static", HELPERS, "[1, 2]", "[2, 2]", &["kinds::constants"]),
    ("a field", MODEL, "pub weight: u64,", "pub(crate) weight: u64,", &["generic::of_type", "kinds::operators"]),
    (
        "an operator",
        MODEL,
        "self.weight + other.weight",
        "self.weight * other.weight",
        &["generic::of_type", "kinds::operators"],
    ),
    ("a drop", MODEL, "self.weight = 0", "self.weight = 1", &["generic::of_type", "kinds::operators"]),
    ("an inherent method", MODEL, "        self.weight\n", "        self.weight + 5\n", &["kinds::operators"]),
    ("a macro's arm", DEEP, "$n * $crate", "2 * $n * $crate", &["kinds::macros"]),
    ("a macro that is renamed on its way", HELPERS, "$n + 80", "$n + 81", &["kinds::by_path"]),
    ("what a macro names", DEEP, "FACTOR: u64 = 4", "FACTOR: u64 = 5", &["kinds::macros"]),
    ("a default method", MODEL, "self.sides()\n", "self.sides() + 1\n", &["kinds::defaults", "kinds::unnamed_trait"]),
    ("a trait's method", MODEL, "self.0 * 4", "self.0 * 3", &["kinds::defaults", "kinds::unnamed_trait"]),
    ("another type's, where types are open", MODEL, "        0\n", "        1\n", &["kinds::defaults"]),
    ("what is renamed on its way", "app/src/helpers/hidden.rs", "n + 20", "n + 21", &["kinds::reexported"]),
    ("what an import renames", HELPERS, "n + 30", "n + 31", &["kinds::renamed"]),
    (
        "another target of an import",
        KINDS,
        "helpers::plain as simple",
        "helpers::unrelated as simple",
        &["kinds::renamed"],
    ),
    ("a generic's type", GENERIC, "self.0 * 3", "self.0 * 4", &["generic::of_type"]),
    ("a type of the same trait", GENERIC, "* 1600", "* 1609", &["generic::constructed", "generic::of_type"]),
    ("another crate's trait", GENERIC, "{} ft", "{} feet", &["generic::of_type"]),
    ("a crate beside", SIBLING, "n + super::STEP", "n * super::STEP", &["kinds::beside"]),
    ("its constant", SIBLING, "STEP: u64 = 3", "STEP: u64 = 4", &["kinds::beside"]),
    ("its macro", SIBLING, "$n + $crate", "$n * $crate", &["kinds::beside_macro", "kinds::other_macro"]),
    (
        "what its macro names",
        SIBLING,
        "SHIFT: u64 = 5",
        "SHIFT: u64 = 6",
        &["kinds::beside_macro", "kinds::other_macro"],
    ),
    ("an included file", "app/data/table.csv", "1,2", "1,3", &["kinds::included"]),
    ("what a build script read", "app/data/step.txt", "70", "71", &["generated::built"]),
    ("what a format string captures", DEEP, "CAPTURED: u64 = 123", "CAPTURED: u64 = 12", &["kinds::captured"]),
    ("a path in an attribute", HELPERS, "&n.to_string()", "&(n + 1).to_string()", &["kinds::attributes"]),
    ("what `depends` names", HELPERS, "SAID: u64 = 1", "SAID: u64 = 2", &["kinds::own_body", "kinds::said"]),
    ("what makes a function", HELPERS, "n + $value", "n * $value", &["kinds::from_macro"]),
    ("what it is made with", HELPERS, "defined, 60", "defined, 61", &["kinds::from_macro"]),
    ("what a memoized one is made with", HELPERS, "n + 50", "n + 51", &["made::made"]),
    ("the code for another `cfg`", HELPERS, "    n\n", "    n + 1\n", &["kinds::features"]),
    ("a private method", MODEL, "n * self.factor", "n + self.factor", &["Scale::apply"]),
    ("a function's neighbour", "app/src/local.rs", "LOCAL: u64 = 9", "LOCAL: u64 = 8", &["nested"]),
    ("a stranger there", "app/src/local.rs", "UNUSED: u64 = 70", "UNUSED: u64 = 80", &[]),
    ("an unrelated function", HELPERS, "n + 40", "n + 41", &[]),
    ("an unrelated function beside", SIBLING, "n + 1000", "n + 1001", &[]),
    ("a method of this name on another type", MODEL, "        7\n", "        8\n", &[]),
    ("an unrelated method", MODEL, "self.weight + 1", "self.weight + 2", &[]),
    ("documentation", HELPERS, "/// Documented.", "/// Documented better.", &[]),
    ("a comment", DEEP, "n * 2", "n /* times */ * 2 // two", &[]),
    ("formatting", HELPERS, "pub fn first(n: u64) -> u64 {", "pub fn first(\n    n: u64,\n) -> u64\n{", &[]),
    (
        "the order of items",
        HELPERS,
        "pub fn plain(n: u64) -> u64 {\n    n + 30\n}\n\npub fn unrelated(n: u64) -> u64 {\n    n + 40\n}",
        "pub fn unrelated(n: u64) -> u64 {\n    n + 40\n}\n\npub fn plain(n: u64) -> u64 {\n    n + 30\n}",
        &[],
    ),
];

fn helper(n: u64) -> u64 {
    n + 1
}

/// The function and its helper are in this test binary, and are tracked there too.
#[test]
fn a_function_in_a_test_is_tracked() {
    #[larder::memoize]
    fn follows(n: u64) -> u64 {
        helper(n)
    }
    let code = follows::memo().tracked();
    assert_eq!(code.unseen, &[] as &[&str]);
    // `TempDir` is imported above, and has methods that the code does not name.
    let paths: Vec<&str> = code.items.iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["body", "crate tempfile", "edition", "tracking::helper"], "{code:?}");
}

/// Each change is reverted before the next. The earlier results must be found again then.
#[test]
fn a_change_is_a_miss_only_for_functions_that_reach_it() {
    let tracked = Tracked::new();
    let (first, text) = tracked.run(&[], &[]);
    assert_eq!(first.len(), text.lines().filter(|line| line.starts_with("computed ")).count());
    assert!(first.len() > 25, "{text}");
    assert_eq!(tracked.run(&[], &[]).0, BTreeSet::new());
    for (what, file, from, to, reached) in CHANGES {
        let before = std::fs::read(tracked.path(file)).unwrap();
        tracked.edit(file, from, to);
        let (computed, text) = tracked.run(&[], &[]);
        let expected: BTreeSet<String> = reached.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(computed, expected, "{what}\n{text}");
        std::fs::write(tracked.path(file), before).unwrap();
    }
    let (computed, text) = tracked.run(&["--features", "fast"], &[]);
    assert_eq!(computed, BTreeSet::from(["kinds::features".to_owned()]), "a feature\n{text}");
    let (computed, text) = tracked.run(&["--features", "quick"], &[]);
    let beside = ["kinds::beside", "kinds::beside_macro", "kinds::other_macro"].map(str::to_owned);
    assert_eq!(computed, BTreeSet::from(beside), "a feature of a crate beside\n{text}");
    let (computed, text) = tracked.run(&[], &[("TRACKED_VARIABLE", "x")]);
    assert_eq!(computed, BTreeSet::from(["kinds::variables".to_owned()]), "a variable\n{text}");
    let remap = format!("--remap-path-prefix={}=/moved", tracked.dir.path().display());
    let (computed, text) = tracked.run(&[], &[("RUSTFLAGS", &remap)]);
    assert_eq!(computed, BTreeSet::new(), "remapped paths\n{text}");
    assert_eq!(tracked.run(&[], &[]).0, BTreeSet::new(), "reverted");
}
