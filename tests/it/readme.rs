//! Tests that the README matches the code.

use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The first example is a shortened form of the quickstart: each line of code is also a line of that program.
#[test]
fn the_first_example_is_the_quickstart() {
    let (readme, quickstart) = (read("README.md"), read("examples/quickstart.rs"));
    let example = readme.split("```").nth(1).unwrap().strip_prefix("rust,ignore\n").unwrap();
    assert!(example.lines().count() <= 17, "{example}");
    let there: Vec<&str> = quickstart.lines().map(str::trim).collect();
    let mut compared = 0;
    for line in example.lines().map(|line| line.split("//").next().unwrap().trim()).filter(|line| !line.is_empty()) {
        // The program always requests the outcome, so this line differs.
        if !line.starts_with("let score = ") {
            assert!(there.contains(&line), "{line:?} is no line of the quickstart");
            compared += 1;
        }
    }
    assert!(compared > 8);
}

#[test]
fn every_dependency_and_feature_has_its_reason() {
    let (readme, design, manifest) = (read("README.md"), read("docs/design/dependencies.md"), read("Cargo.toml"));
    let section = |name: &str| {
        let start = manifest.find(&format!("\n[{name}]\n")).unwrap() + name.len() + 4;
        let rest = &manifest[start..];
        rest[..rest.find("\n[").unwrap_or(rest.len())].to_owned()
    };
    let names = |section: String| -> Vec<String> {
        let lines = section.lines().filter(|line| !line.starts_with('#') && line.contains('=')).map(str::to_owned);
        lines.map(|line| line.split('=').next().unwrap().trim().to_owned()).collect()
    };
    let dependencies = names(section("dependencies"));
    assert!(dependencies.len() > 10);
    for name in dependencies.iter().filter(|name| *name != "larder-macros") {
        assert!(readme.contains(&format!("`{name}`")), "the README does not say what {name} is for");
        assert!(design.contains(&format!("`{name}`")), "docs/design/dependencies.md gives no reason for {name}");
    }
    for name in names(section("features")).iter().filter(|name| *name != "default") {
        assert!(readme.contains(&format!("`{name}`")), "the README does not name the feature {name}");
    }
}

/// Each package is published by itself.
#[test]
fn every_package_has_the_licences() {
    for package in ["crates/blocks", "crates/cli", "crates/tracking", "macros"] {
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            assert!(read(&format!("{package}/{licence}")) == read(licence), "{package}/{licence}");
        }
    }
}
