//! `larder doctor` and the variables of the environment.

use std::collections::BTreeMap;

use tempfile::tempdir;

use crate::program::{Run, program};

#[test]
fn the_doctor_reports_variables_that_can_not_be_read() {
    let root = tempdir().unwrap();
    let doctor = |variables: &[(&str, &str)]| -> BTreeMap<String, Vec<(String, String)>> {
        let mut command = program();
        command.envs(variables.iter().copied());
        command.arg("--root").arg(root.path().join("cache")).args(["doctor", "--json"]);
        let findings: serde_json::Value = serde_json::from_str(&Run::of(command.output().unwrap()).stdout).unwrap();
        let mut all = BTreeMap::<_, Vec<_>>::new();
        for finding in findings.as_array().unwrap() {
            let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
            all.entry(text("about")).or_default().push((text("severity"), text("what")));
        }
        all
    };
    assert!(!doctor(&[]).contains_key("variables"));
    let found = doctor(&[("LARDER", "refesh"), ("LARDER_MAX_BYTES", "10GBB"), ("LARDER_MAX_ENTRY", "5")]);
    let variables = &found["variables"];
    assert_eq!(variables.len(), 3, "{found:?}");
    for (about, hint) in [
        ("LARDER can't be read", "did you mean `refresh`?"),
        ("LARDER_MAX_BYTES", "10GBB"),
        ("LARDER_MAX_ENTRY", "LARDER_MAX_ENTRIES"),
    ] {
        let is_reported =
            |(severity, what): &(String, String)| severity == "note" && what.contains(about) && what.contains(hint);
        assert!(variables.iter().any(is_reported), "{about}: {variables:?}");
    }
    // An unknown word has no effect.
    assert!(found["steering"][0].0 == "good" && found["steering"][0].1.contains("use their caches"), "{found:?}");
    assert!(doctor(&[("LARDER", "refresh")])["steering"][0].1.contains("compute every call again"));
    assert!(doctor(&[("LARDER_DIR", "here")])["variables"][0].1.contains("relative"));
    assert_eq!(doctor(&[("LARDER_DIR", "~nobody/x")])["variables"][0].0, "fault");
}
