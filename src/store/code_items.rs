//! Reads and writes the file that lists the items of a function's code, so that `explain` can say which item changed.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::key::code_version::CodeFile;
use crate::store::layout::Layout;
use crate::store::owned_files;
use crate::store::owned_files::Role;
use crate::sys::atomic_file;
use crate::sys::file::read_now;

impl CodeFile {
    /// Size limit in bytes; longer files are not read.
    pub(crate) const LONGEST: u64 = 16 << 20;

    /// Returns the path of the file for the code with this fingerprint. The file name has the first 16 bytes of the
    /// fingerprint.
    pub(crate) fn path(folder: &Path, fingerprint: &[u8; 16]) -> PathBuf {
        let digits: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
        folder.join(format!("code-{digits}.json"))
    }

    /// Writes the file, unless it exists and is intact.
    pub(crate) fn keep(&self, layout: &Layout, folder: &Path, fingerprint: &[u8; 16]) -> Result<()> {
        let path = CodeFile::path(folder, fingerprint);
        if CodeFile::read(folder, fingerprint).as_ref() == Some(self) {
            return Ok(());
        }
        let json =
            serde_json::to_vec_pretty(self).map_err(|e| Error::io(e.into(), "can't describe the code").at(&path))?;
        owned_files::expect_ours(&path, Role::Code)?;
        atomic_file::write_note(&layout.temp_folder_for(folder), &path, &json)
    }

    /// Reads the items of the code with this fingerprint; `None` if the file is missing or can't be read.
    pub(crate) fn read(folder: &Path, fingerprint: &[u8; 16]) -> Option<CodeFile> {
        serde_json::from_slice(&read_now(&CodeFile::path(folder, fingerprint), CodeFile::LONGEST).ok()?).ok()
    }
}
