//! Tests that tracking follows the crates that a build really uses, not only the manifests.

use super::build::{Build, manifest, target};

/// The configuration replaces a crate from the registry by a local copy.
#[test]
fn a_patch_in_the_configuration_counts() {
    let main = "
fn plain(x: u64) -> String { hex::encode(x) + hex::MORE }
#[larder::memoize(cache = &CACHE)]
fn text(x: u64) -> String { plain(x) }
fn main() { report(plain(3), text::call(3).outcome()); }
";
    let copy = "pub fn encode(x: u64) -> String { format!(\"{x:x}\") }\npub const MORE: &str = \"!\";\n";
    let build = Build::of_program("hex = \"0.4\"\n", main)
        .with(".cargo/config.toml", "[patch.crates-io]\nhex = { path = \"copy\" }\n")
        .with("copy/Cargo.toml", &manifest("hex", "").replace("0.1.0", "0.4.999"))
        .with("copy/src/lib.rs", copy);
    build.write("Cargo.toml", "[workspace]\nmembers = [\"app\"]\nexclude = [\"copy\"]\nresolver = \"3\"\n");
    build.follows(("\"3!\"", "\"3?\""), ("copy/src/lib.rs", "\"!\"", "\"?\""));
}

/// A dependency inherits its version from its workspace.
#[test]
fn an_inherited_version_counts() {
    let main = "
fn plain(x: u64) -> String { format!(\"{x} {}\", dep::version()) }
#[larder::memoize(cache = &CACHE)]
fn text(x: u64) -> String { plain(x) }
fn main() { report(plain(3), text::call(3).outcome()); }
";
    let build = Build::of_program("dep = { path = \"../dep\" }\n", main).beside(
        "dep",
        "",
        "pub fn version() -> &'static str { env!(\"CARGO_PKG_VERSION\") }",
    );
    build.edit("dep/Cargo.toml", "version = \"0.1.0\"", "version.workspace = true\nrepository.workspace = true");
    build.edit("Cargo.toml", "resolver", "package.version = \"1.2.3\"\npackage.repository = \"one\"\nresolver");
    build.follows(("\"3 1.2.3\"", "\"3 1.2.4\""), ("Cargo.toml", "1.2.3", "1.2.4"));
    build.edit("dep/src/lib.rs", "_VERSION", "_REPOSITORY");
    build.follows(("\"3 one\"", "\"3 two\""), ("Cargo.toml", "one", "two"));
}

/// Another member of the workspace enables a feature of a crate that the function uses.
#[test]
fn a_feature_enabled_by_another_member_counts() {
    let main = "
fn plain(x: u64) -> String {
    let value: serde_json::Value = serde_json::from_str(&format!(\"{{\\\"b\\\":{x},\\\"a\\\":1}}\")).unwrap();
    value.to_string()
}
#[larder::memoize(cache = &CACHE)]
fn text(x: u64) -> String { plain(x) }
fn main() { report(plain(3), text::call(3).outcome()); other::nothing(); }
";
    let build = Build::of_program("serde_json = \"1\"\nother = { path = \"../other\" }\n", main).beside(
        "other",
        "serde_json = { version = \"1\", features = [] }\n",
        "pub fn nothing() {}",
    );
    let sorted = r#""{\"a\":1,\"b\":3}""#;
    let kept = r#""{\"b\":3,\"a\":1}""#;
    build.follows((sorted, kept), ("other/Cargo.toml", "features = []", "features = [\"preserve_order\"]"));
    let back = build.run();
    assert!(back.is_hit, "{back:?}");
}

/// A crate from the registry uses the crate whose feature changes. The code here does not use it directly.
#[test]
fn a_feature_of_an_indirect_dependency_counts() {
    let main = "
fn plain(x: u64) -> String {
    let template = handlebars::Handlebars::new();
    let data: serde_json::Value = serde_json::from_str(&format!(\"{{\\\"b\\\":{x},\\\"a\\\":1}}\")).unwrap();
    template.render_template(\"{{#each this}}{{@key}}{{/each}}\", &data).unwrap()
}
#[larder::memoize(cache = &CACHE)]
fn text(x: u64) -> String { plain(x) }
fn main() { report(plain(3), text::call(3).outcome()); }
";
    let build = Build::of_program("handlebars = \"6\"\nserde_json = { version = \"1\", features = [] }\n", main);
    let change = ("app/Cargo.toml", "features = []", "features = [\"preserve_order\"]");
    build.follows(("\"ab\"", "\"ba\""), change);
}

/// Builds for another target, as far as one machine can.
#[test]
fn the_target_counts() {
    let main = "
fn plain() -> u32 { usize::BITS }
#[larder::memoize(cache = &CACHE)]
fn bits() -> u32 { plain() }
fn main() {
    report(plain(), bits::call().outcome());
}
";
    let build = Build::of_program("", main);
    let value = usize::BITS.to_string();
    assert_eq!(build.run().value, value);
    let noted = build.cached("code-").pop().unwrap();
    assert!(noted.contains(&format!("\"target\": \"{}", std::env::consts::ARCH)), "{noted}");
    // Naming the host target explicitly changes nothing.
    let host = std::process::Command::new("rustc").args(["--print", "host-tuple"]).output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    assert!(build.run_with(&["--target", host.trim()]).is_hit);
}

/// A rebuild without changes finds the same results.
#[test]
fn irrelevant_changes_do_not_count() {
    let main = "
fn plain(x: u64) -> u64 { dep::scale(x) + made::N }
mod made { include!(concat!(env!(\"OUT_DIR\"), \"/n.rs\")); }
#[larder::memoize(cache = &CACHE)]
fn scaled(x: u64) -> u64 { plain(x) }
fn main() { report(plain(3), scaled::call(3).outcome()); }
";
    let build_script = "fn main() { println!(\"cargo:rerun-if-changed=again\");
        std::fs::write(std::env::var(\"OUT_DIR\").unwrap() + \"/n.rs\", \"pub const N: u64 = 1;\").unwrap(); }";
    let build = Build::of_program("dep = { path = \"../dep\" }\nsmallvec = \"1\"\n", main)
        .beside(
            "dep",
            "itoa = \"1\"\n",
            "pub fn scale(x: u64) -> u64 { x * itoa::Buffer::new().format(100).parse::<u64>().unwrap() }",
        )
        .with("app/build.rs", build_script)
        .with("app/again", "1");
    assert!(!build.run().is_hit);
    build.write("app/again", "2");
    assert!(build.run().is_hit, "the build script makes the same");
    let check = build.command(&["check", "--quiet", "-p", &build.name]).output().unwrap();
    assert!(check.status.success());
    assert!(build.run().is_hit, "after a check");
    assert!(build.run_with(&["--release"]).is_hit, "a release");
    build.edit("app/Cargo.toml", "smallvec = \"1\"", "smallvec = { version = \"1\", features = [\"union\"] }");
    assert!(build.run().is_hit, "a feature of a crate that is not reached");
    let clean = build.command(&["clean", "--quiet", "-p", &build.name, "-p", "dep", "-p", "itoa"]).output().unwrap();
    assert!(clean.status.success());
    assert!(build.run().is_hit, "after a clean");
    // Another checkout of the same sources.
    let mut moved = Build::of_program("", "");
    for file in [
        "Cargo.toml",
        "Cargo.lock",
        "app/Cargo.toml",
        "app/src/main.rs",
        "app/build.rs",
        "app/again",
        "dep/Cargo.toml",
        "dep/src/lib.rs",
    ] {
        moved.write(file, &std::fs::read_to_string(build.path(file)).unwrap());
    }
    let cache =
        build.command(&[]).get_envs().find_map(|(name, value)| (name == "CACHE").then(|| value.unwrap().to_owned()));
    moved.variables.push(("CACHE", cache.unwrap().into_string().unwrap()));
    moved.variables.push(("CARGO_TARGET_DIR", target().join("elsewhere").to_str().unwrap().to_owned()));
    assert!(moved.run().is_hit, "another checkout and another target folder");
}

/// A type of the program determines the behaviour of a library's function. Its code is visible from neither crate.
#[test]
fn a_trait_implemented_by_the_program_is_reported() {
    let main = "
struct Fast(u64);
impl serde::Serialize for Fast {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { to.serialize_u64(self.0) }
}
impl lib::Speed for Fast { fn speed(&self) -> u64 { self.0 * 2 } }
fn main() { report(lib::plain(&Fast(3)), lib::run_on(&CACHE, &Fast(3))); }
";
    let lib = "
pub trait Speed { fn speed(&self) -> u64; }
impl Speed for u64 { fn speed(&self) -> u64 { *self } }
pub fn plain<T: Speed>(t: &T) -> u64 { t.speed() + 1 }
#[larder::memoize(cache = cache, ignore(cache))]
fn run<T: Speed + serde::Serialize>(cache: &larder::Cache, t: &T) -> u64 { plain(t) }
pub fn run_on<T: Speed + serde::Serialize>(cache: &larder::Cache, t: &T) -> (u64, larder::Outcome) {
    run::call(cache, t).outcome()
}
";
    let build = Build::of_program("lib = { path = \"../lib\" }\nserde = \"1\"\n", main);
    let build = build.beside_with_larder("lib", "serde = \"1\"\n", lib);
    build.follows(("7", "10"), ("app/src/main.rs", "self.0 * 2", "self.0 * 3"));
    build.edit(
        "app/src/main.rs",
        "lib::plain(&Fast(3)), lib::run_on(&CACHE, &Fast(3))",
        "lib::plain(&3), lib::run_on(&CACHE, &3)",
    );
    assert!(!build.run().is_hit);
    build.edit("app/src/main.rs", "self.0 * 2", "self.0 * 3");
    let run = build.run();
    assert!(run.is_hit, "a type of the library's own, whose code is seen: {run:?}");
    assert_eq!(run.warnings.matches("does not see").count(), 0, "{run:?}");
}
