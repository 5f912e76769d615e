//! Tests that run in processes of their own: another test of this binary, which does something only
//! where there is a root.

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
