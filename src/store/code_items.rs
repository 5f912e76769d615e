//! What a function's code consisted of, beside its entries: so that it can be told which item changed.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::key::code_version::CodeFile;
use crate::store::layout::Layout;
use crate::sys::atomic_file;
use crate::sys::file::read_now;

impl CodeFile {
    /// Bytes of the longest file that is read.
    pub(crate) const LONGEST: u64 = 16 << 20;

    /// The file of the code with this fingerprint, of which names of files have the beginning.
    pub(crate) fn path(folder: &Path, fingerprint: &[u8; 16]) -> PathBuf {
        let digits: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
        folder.join(format!("code-{digits}.json"))
    }

    /// Writes the file, unless it is there and whole.
    pub(crate) fn keep(&self, layout: &Layout, folder: &Path, fingerprint: &[u8; 16]) -> Result<()> {
        let path = CodeFile::path(folder, fingerprint);
        if CodeFile::read(folder, fingerprint).as_ref() == Some(self) {
            return Ok(());
        }
        let json =
            serde_json::to_vec_pretty(self).map_err(|e| Error::io(e.into(), "can't describe the code").at(&path))?;
        atomic_file::write_note(&layout.temp_folder_for(folder), &path, &json)
    }

    /// What is known of the code with this fingerprint.
    pub(crate) fn read(folder: &Path, fingerprint: &[u8; 16]) -> Option<CodeFile> {
        serde_json::from_slice(&read_now(&CodeFile::path(folder, fingerprint), CodeFile::LONGEST).ok()?).ok()
    }
}
