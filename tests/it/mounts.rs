//! Mounts file systems for tests. If that fails, a test prints a notice and passes. If `TEST_LARDER_MOUNTS` is set,
//! it fails instead. `.ci/run` sets this variable if file systems can be mounted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Mounted file system, which is unmounted on drop.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// Runs `mount` with these arguments. Creates the folder `target` first.
    pub(crate) fn new(test: &str, arguments: &[&str], target: &Path) -> Option<Self> {
        fs::create_dir_all(target).unwrap();
        Mounted::by(test, Command::new("mount").args(arguments).arg(target), target)
    }

    /// Mounts a new file system of this kind, in an image file of `size` MiB.
    pub(crate) fn image(
        test: &str,
        kind: &str,
        options: &[&str],
        mebibytes: u64,
        mount: &str,
        folder: &Path,
    ) -> Option<Self> {
        let image = folder.join(format!("{kind}.image"));
        File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
        let mut make = Command::new(format!("mkfs.{kind}"));
        run(test, make.args(options).arg(&image))?;
        let (image, options) = (image.to_str().unwrap(), format!("loop,{mount}"));
        Mounted::new(test, &["-t", kind, "-o", options.trim_end_matches(','), image], &folder.join(kind))
    }

    /// Mounts the folder `source` again through FUSE.
    pub(crate) fn fuse(test: &str, source: &Path, target: &Path) -> Option<Self> {
        fs::create_dir_all(target).unwrap();
        Mounted::by(test, Command::new("bindfs").arg(source).arg(target), target)
    }

    /// Mounts exFAT through FUSE: it has no modes, owners or links, and ignores the case of letters.
    pub(crate) fn exfat(test: &str, folder: &Path) -> Option<Self> {
        let image = folder.join("image");
        File::create(&image).unwrap().set_len(32 << 20).unwrap();
        run(test, Command::new("mkfs.exfat").arg(&image))?;
        Mounted::new(test, &["-t", "exfat-fuse", "-o", "loop", image.to_str().unwrap()], &folder.join("exfat"))
    }

    fn by(test: &str, command: &mut Command, target: &Path) -> Option<Self> {
        run(test, command)?;
        Some(Mounted(target.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Runs a command. Returns `None` and prints a notice if it fails.
fn run(test: &str, command: &mut Command) -> Option<()> {
    let output = command.stdin(Stdio::null()).output();
    let why = match output {
        Ok(output) if output.status.success() => return Some(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let why = format!("{command:?} fails: {}", why.trim());
    if why.contains("unknown filesystem type") {
        // Installing a program would not help.
        eprintln!("SKIPPED {test}: {why}");
    } else {
        skip(test, &why);
    }
    None
}

/// Prints that a test is skipped.
pub(crate) fn skip(test: &str, why: &str) {
    assert!(std::env::var_os("TEST_LARDER_MOUNTS").is_none(), "{test} can't run: {why}");
    eprintln!("SKIPPED {test}: {why}");
}
