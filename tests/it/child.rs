//! Tests that run in processes of their own: another test of this binary, which does something only
//! where there is a root.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Not one that larder could know.
const ROOT: &str = "TEST_ROOT_OF_LARDER";

/// Where the processes of a test meet; `None` in the first one.
pub(crate) fn root() -> Option<PathBuf> {
    std::env::var_os(ROOT).map(PathBuf::from)
}

/// The command that runs this test, of which the path is given, in a process of its own.
pub(crate) fn command(test: &str, root: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(ROOT, root).env_remove("LARDER").env_remove("LARDER_DIR").env_remove("LARDER_COMPRESSION");
    command
}

/// Runs it, and gives what it printed.
pub(crate) fn run(test: &str, root: &Path, variables: &[(&str, &str)]) -> String {
    let output = command(test, root).envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stdout));
    text
}

/// Appends a line to what the processes of a test say.
pub(crate) fn tell(root: &Path, line: &str) {
    let mut file = File::options().append(true).create(true).open(root.join("told")).unwrap();
    // By one write, so that lines are whole.
    let line = format!("{line}\n");
    assert_eq!(file.write(line.as_bytes()).unwrap(), line.len());
}

/// What they said, sorted.
pub(crate) fn told(root: &Path) -> Vec<String> {
    let text = fs::read_to_string(root.join("told")).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
