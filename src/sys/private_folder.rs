//! Creates folders that only their owner may access.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::sys::permissions;

/// Creates a folder and its missing parents, accessible only to the owner, or as a shared cache prescribes.
pub(crate) fn create_private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && fs::symlink_metadata(folder).is_err();
    let missing: Vec<&Path> =
        if permissions::is_tended(path) { path.ancestors().take_while(is_missing).collect() } else { Vec::new() };
    builder.create(path).map_err(|e| Error::io(e, "can't create the folder").at(path))?;
    missing.iter().rev().for_each(|folder| permissions::adopt_folder(folder));
    Ok(())
}
