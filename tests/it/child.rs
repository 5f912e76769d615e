//! Starts child processes for tests. A child runs another test of this binary, which does nothing unless `root`
//! returns a folder.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Environment variable that larder itself does not read.
const ROOT: &str = "TEST_ROOT_OF_LARDER";

/// Returns the folder that the processes of a test share, or `None` in the parent process.
pub(crate) fn root() -> Option<PathBuf> {
    std::env::var_os(ROOT).map(PathBuf::from)
}

/// Returns the command that runs the test with this path in a child process.
pub(crate) fn command(test: &str, root: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(ROOT, root).env_remove("LARDER").env_remove("LARDER_DIR").env_remove("LARDER_COMPRESSION");
    command
}

/// Runs the test with this path in a child process, and returns what it printed to stderr.
pub(crate) fn run(test: &str, root: &Path, variables: &[(&str, &str)]) -> String {
    let output = command(test, root).envs(variables.iter().copied()).output().unwrap();
    let (text, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{text}{printed}");
    assert!(printed.contains("running 1 test"), "there is no test {test}");
    text.into_owned()
}

/// Appends a line to the file that the processes of a test share.
pub(crate) fn tell(root: &Path, line: &str) {
    let mut file = File::options().append(true).create(true).open(root.join("told")).unwrap();
    // One write, so that lines of several processes don't mix.
    let line = format!("{line}\n");
    assert_eq!(file.write(line.as_bytes()).unwrap(), line.len());
}

/// Returns all lines of the shared file, sorted.
pub(crate) fn told(root: &Path) -> Vec<String> {
    let text = fs::read_to_string(root.join("told")).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
