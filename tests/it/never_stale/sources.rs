//! Tests sources of crates: repositories, vendored copies, overrides.

use std::process::Command;

use super::build::{Build, manifest};

const MAIN: &str = "
fn plain(x: u64) -> u64 { dep::scale(x) }
#[larder::memoize(cache = &CACHE)]
fn scaled(x: u64) -> u64 { plain(x) }
fn main() { report(plain(3), scaled::call(3).outcome()); }
";

const HEX: &str = "
fn plain(x: u64) -> String { hex::encode([x as u8]) }
#[larder::memoize(cache = &CACHE)]
fn text(x: u64) -> String { plain(x) }
fn main() { report(plain(171), text::call(171).outcome()); }
";

/// A new commit is added to the git repository of a dependency.
#[test]
fn a_commit_of_a_git_dependency_counts() {
    let build = Build::of_program("", MAIN)
        .with("repository/Cargo.toml", &manifest("dep", ""))
        .with("repository/src/lib.rs", "pub fn scale(x: u64) -> u64 { x * 2 }");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
        let mut command = Command::new("git");
        command.args(identity).args(arguments).current_dir(build.path("repository"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "one"]);
    let dep = format!("dep = {{ git = \"file://{}\" }}\n", build.path("repository").display());
    build.write("app/Cargo.toml", &build.manifest("2024", &dep));
    build.edit("Cargo.toml", "resolver", "exclude = [\"repository\"]\nresolver");
    assert_eq!(build.run().value, "6");
    assert!(build.run().is_hit);
    build.edit("repository/src/lib.rs", "x * 2", "x * 20");
    git(&["commit", "--quiet", "-a", "-m", "two"]);
    assert!(build.run().is_hit, "the lock file still has the first commit");
    let update = build.command(&["update", "--quiet", "-p", "dep"]).output().unwrap();
    assert!(update.status.success(), "{update:?}");
    let moved = build.run();
    assert_eq!((moved.value.as_str(), moved.is_hit, moved.warnings.as_str()), ("60", false, ""));
}

/// A vendored crate is edited, and its checksums are removed, as users do.
#[test]
fn an_edit_of_a_vendored_crate_counts() {
    let build = Build::of_program("hex = \"0.4\"\n", HEX);
    let vendor = build.command(&["vendor", "--quiet", "vendor"]).output().unwrap();
    assert!(vendor.status.success(), "{vendor:?}");
    build.write(
        ".cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"copies\"\n[source.copies]\ndirectory = \"vendor\"\n",
    );
    let first = build.run();
    assert_eq!((first.value.as_str(), first.warnings.as_str()), ("\"ab\"", ""));
    let checksums = std::fs::read_to_string(build.path("vendor/hex/.cargo-checksum.json")).unwrap();
    let (_, package) = checksums.split_once("\"package\":").unwrap();
    build.write("vendor/hex/.cargo-checksum.json", &format!("{{\"files\":{{}},\"package\":{package}"));
    build.edit("vendor/hex/src/lib.rs", "b\"0123456789abcdef\"", "b\"0123456789ABCDEF\"");
    // cargo assumes that vendored crates don't change, so a rebuild is forced.
    let clean = build.command(&["clean", "--quiet", "-p", "hex"]).output().unwrap();
    assert!(clean.status.success(), "{clean:?}");
    assert_eq!(build.run().value, "\"AB\"");
}

/// A path override, which no manifest mentions, replaces a crate by a local copy.
#[test]
fn a_path_override_counts() {
    let build =
        Build::of_program("hex = { version = \"=0.4.3\", default-features = false, features = [\"alloc\"] }\n", HEX);
    assert_eq!(build.run().value, "\"ab\"");
    build.edit("Cargo.toml", "resolver", "exclude = [\"copy\"]\nresolver");
    build.write("copy/Cargo.toml", &manifest("hex", "").replace("0.1.0", "0.4.3"));
    build.edit("copy/Cargo.toml", "[dependencies]", "[features]\nalloc = []\nstd = []\n[dependencies]");
    build.write("copy/src/lib.rs", "pub fn encode(x: [u8; 1]) -> String { format!(\"{}!\", x[0]) }\n");
    build.write(".cargo/config.toml", "paths = [\"copy\"]\n");
    assert_eq!(build.run().value, "\"171!\"");
    build.edit("copy/src/lib.rs", "{}!", "{}?");
    assert_eq!(build.run().value, "\"171?\"");
    std::fs::remove_file(build.path(".cargo/config.toml")).unwrap();
    let back = build.run();
    assert_eq!((back.value.as_str(), back.is_hit), ("\"ab\"", true));
}
