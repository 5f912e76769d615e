//! The reasons for the program's dependencies.

use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn every_dependency_has_its_reason() {
    let (readme, design, manifest) =
        (read("../../README.md"), read("../../docs/design/dependencies.md"), read("Cargo.toml"));
    let section = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<_> = section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names.iter().filter(|name| **name != "larder") {
        assert!(readme.contains(&format!("`{name}`")), "the README does not say what {name} is for");
        assert!(design.contains(&format!("`{name}`")), "docs/design/dependencies.md gives no reason for {name}");
    }
}
