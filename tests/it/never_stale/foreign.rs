//! Tests code in other languages, and code that macros and build scripts generate.

use super::build::Build;

#[test]
fn c_code_compiled_by_a_build_script_counts() {
    let main = "
unsafe extern \"C\" { fn k(x: i32) -> i32; }
fn plain(x: i32) -> i32 { unsafe { k(x) } }
#[larder::memoize(cache = &CACHE)]
fn called(x: i32) -> i32 { plain(x) }
fn main() { report(plain(3), called::call(3).outcome()); }
";
    let build = Build::of_program("\n[build-dependencies]\ncc = \"1\"\n", main)
        .with(
            "app/build.rs",
            "fn main() { println!(\"cargo:rerun-if-changed=csrc\"); cc::Build::new().file(\"csrc/k.c\").compile(\"k\"); }",
        )
        .with("app/csrc/k.h", "#define FACTOR 2\n")
        .with("app/csrc/k.c", "#include \"k.h\"\nint k(int x) { return x * FACTOR; }\n");
    build.follows(("6", "60"), ("app/csrc/k.h", "FACTOR 2", "FACTOR 20"));
    // Editing Rust code that the function does not reach keeps the result.
    build.edit("app/src/main.rs", "fn main()", "#[allow(dead_code)]\nfn other() {}\nfn main()");
    assert!(build.run().is_hit);
}

/// The C code is in another package, which also has the `extern` block.
#[test]
fn c_code_of_another_package_counts() {
    let main = "
fn plain(x: i32) -> i32 { ksys::safe(x) }
#[larder::memoize(cache = &CACHE)]
fn called(x: i32) -> i32 { plain(x) }
fn main() { report(plain(3), called::call(3).outcome()); }
";
    let lib = "unsafe extern \"C\" { fn k2(x: i32) -> i32; }\npub fn safe(x: i32) -> i32 { unsafe { k2(x) } }\n";
    let build = Build::of_program("ksys = { path = \"../ksys\" }\n", main)
        .beside("ksys", "\n[build-dependencies]\ncc = \"1\"\n", lib)
        .with(
            "ksys/build.rs",
            "fn main() { println!(\"cargo:rerun-if-changed=k.c\"); cc::Build::new().file(\"k.c\").compile(\"k2\"); }",
        )
        .with("ksys/k.c", "int k2(int x) { return x + 1; }\n");
    build.follows(("4", "5"), ("ksys/k.c", "x + 1", "x + 2"));
}

#[test]
fn a_folder_included_by_a_macro_is_reported() {
    let main = "
static DIR: include_dir::Dir<'_> = include_dir::include_dir!(\"$CARGO_MANIFEST_DIR/tpl\");
fn plain(x: u64) -> String { format!(\"{x}{}\", DIR.get_file(\"a.txt\").unwrap().contents_utf8().unwrap()) }
#[larder::memoize(cache = &CACHE)]
fn page(x: u64) -> String { plain(x) }
fn main() {
    report(plain(3), page::call(3).outcome());
    assert!(!page::memo().unseen().is_empty());
    let explanation = page::call(3).explain().to_string();
    assert!(explanation.contains(\"not all code is seen: what macros of `include_dir\"), \"{explanation}\");
}
";
    let build = Build::of_program("include_dir = \"0.7\"\n", main).with("app/tpl/a.txt", "old");
    build.follows(("\"3old\"", "\"3new\""), ("app/tpl/a.txt", "old", "new"));
    let findings = larder::Cache::open(build.cache_dir()).unwrap().diagnose();
    let finding = findings.iter().find(|finding| finding.about == "code").unwrap();
    assert!(finding.what.contains("page` (what macros of `include_dir"), "{finding:?}");
    // The compiler warns once about code that larder can't see, and says how to silence the warning.
    build.edit("app/tpl/a.txt", "old", "other");
    build.edit("app/src/main.rs", "fn main()", "const _: u8 = 1;\nfn main()");
    let loud = build.run().warnings;
    assert_eq!(loud.matches("larder does not see all").count(), 1, "{loud}");
    assert!(loud.contains("`include_dir"), "{loud}");
    build.edit("app/src/main.rs", "(cache = &CACHE)", "(cache = &CACHE, track = \"reachable\")");
    assert_eq!(build.run().warnings, "");
}

/// The template includes another one.
#[test]
fn a_template_read_by_a_derive_counts() {
    let main = "
use askama::Template;
#[derive(Template)]
#[template(path = \"page.txt\")]
struct Page { x: u64 }
fn plain(x: u64) -> String { Page { x }.render().unwrap() }
#[larder::memoize(cache = &CACHE)]
fn page(x: u64) -> String { plain(x) }
fn main() { report(plain(3), page::call(3).outcome()); }
";
    let build = Build::of_program("askama = \"0.15\"\n", main)
        .with("app/templates/page.txt", "{{ x }} {% include \"part.txt\" %}")
        .with("app/templates/part.txt", "old");
    build.follows(("\"3 old\"", "\"3 new\""), ("app/templates/part.txt", "old", "new"));
}

/// The attribute on the `use` becomes a `cfg(test)`.
#[test]
fn a_program_does_not_use_results_of_its_tests() {
    let main = "
#[allow(dead_code)]
mod client {
    pub mod net { pub fn get(x: i64) -> i64 { x * 2 } }
    pub mod mock_net { pub fn get(_: i64) -> i64 { -1 } }
}
#[mockall_double::double]
use client::net;
fn plain(x: i64) -> i64 { net::get(x) }
#[larder::memoize(cache = &CACHE)]
fn fetched(x: i64) -> i64 { plain(x) }
fn main() { report(plain(3), fetched::call(3).outcome()); }
#[test]
fn t() { main() }
";
    let build = Build::of_program("mockall_double = \"0.3\"\n", main);
    let test = build.test();
    assert_eq!(test.value, "-1");
    assert_eq!(build.run().value, "6");
}

/// The same without a crate for it.
#[test]
fn imports_for_tests_only_count() {
    let main = "
mod net { pub fn get(x: i64) -> i64 { x * 2 } }
#[allow(dead_code)]
mod mock { pub fn get(_: i64) -> i64 { -1 } }
#[cfg(test)]
use mock::get;
#[cfg(not(test))]
use net::get;
fn plain(x: i64) -> i64 { get(x) }
#[larder::memoize(cache = &CACHE)]
fn fetched(x: i64) -> i64 { plain(x) }
fn main() { report(plain(3), fetched::call(3).outcome()); }
#[test]
fn t() { main() }
";
    let build = Build::of_program("", main);
    let test = build.test();
    assert_eq!(test.value, "-1");
    let run = build.run();
    assert_eq!((run.value.as_str(), run.warnings.as_str()), ("6", ""));
}

/// A dependency includes a file that its build script wrote. First a function of the program is edited, then this
/// file changes.
#[test]
fn a_file_written_by_a_build_script_of_a_dependency_counts() {
    let main = "
fn helper(x: u64) -> u64 { x + 1 }
fn plain(x: u64) -> u64 { helper(dep::made(x)) }
#[larder::memoize(cache = &CACHE)]
fn built(x: u64) -> u64 { plain(x) }
fn main() { report(plain(3), built::call(3).outcome()); }
";
    let build = Build::of_program("dep = { path = \"../dep\" }\n", main)
        .beside("dep", "", "include!(concat!(env!(\"OUT_DIR\"), \"/gen.rs\"));\n")
        .with(
            "dep/build.rs",
            "fn main() { println!(\"cargo:rerun-if-changed=n.txt\"); let n = std::fs::read_to_string(\"n.txt\").unwrap();
             let dir = std::env::var(\"OUT_DIR\").unwrap();
             std::fs::write(dir + \"/gen.rs\", format!(\"pub fn made(x: u64) -> u64 {{ x * {} }}\", n.trim())).unwrap(); }",
        )
        .with("dep/n.txt", "10");
    build.follows(("31", "32"), ("app/src/main.rs", "x + 1", "x + 2"));
    build.follows(("31", "61"), ("dep/n.txt", "10", "20"));
    assert_eq!(build.run().warnings, "");
}

/// The memoized function and a helper are in the included file.
#[test]
fn a_function_in_an_included_file_is_tracked() {
    let main = "
include!(\"parts.rs\");
fn helper(x: u64) -> u64 { x + 1 }
fn main() { report(plain(3), included::call(3).outcome()); }
";
    let parts = "
fn plain(x: u64) -> u64 { helper(near(x)) }
fn near(x: u64) -> u64 { x * 10 }
#[larder::memoize(cache = &CACHE)]
fn included(x: u64) -> u64 { plain(x) }
";
    let build = Build::of_program("", main).with("app/src/parts.rs", parts);
    build.follows(("31", "32"), ("app/src/main.rs", "x + 1", "x + 2"));
    build.follows(("31", "91"), ("app/src/parts.rs", "x * 10", "x * 30"));
    build.edit("app/src/parts.rs", "fn near", "#[allow(dead_code)]\nfn stranger() {}\nfn near");
    assert!(build.run().is_hit, "an unrelated function in the file");
}

/// The compiler reads a documentation test from standard input.
#[test]
fn a_documentation_test_is_tracked() {
    let lib = "
/// ```
/// fn helper(x: u64) -> u64 { x * 2 + documented::more() }
/// static CACHE: std::sync::LazyLock<larder::Cache> =
///     std::sync::LazyLock::new(|| larder::Cache::open(std::env::var(\"CACHE\").unwrap()).unwrap());
/// #[larder::memoize(cache = &CACHE)]
/// fn doubled(x: u64) -> u64 { helper(x) }
/// let value = doubled(3);
/// assert_eq!(value, helper(3));
/// ```
pub fn more() -> u64 { 0 }
";
    let build = Build::of_program("", "fn main() {}\n").with("app/src/lib.rs", lib);
    for edition in ["2021", "2024", "2018"] {
        build.write("app/Cargo.toml", &build.manifest(edition, "\n[lib]\nname = \"documented\""));
        for (from, to) in [("x * 2", "x * 3"), ("{ 0 }", "{ 1 }"), ("x * 3", "x * 2"), ("{ 1 }", "{ 0 }")] {
            let output = build.command(&["test", "--quiet", "-p", &build.name, "--doc"]).output().unwrap();
            assert!(output.status.success(), "{edition} {from}: {}", String::from_utf8_lossy(&output.stdout));
            build.edit("app/src/lib.rs", from, to);
        }
    }
}
