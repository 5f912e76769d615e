//! `FunctionInfo`: a function that has, or had, entries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Result;
use crate::observe::stats::{CounterTotals, Stats};
use crate::store::counters::name_of_folder;
use crate::store::entries::{Entries, recently_used};
use crate::store::entry::Entry;
use crate::store::function_file::FunctionFile;
use crate::store::layout::Layout;
use crate::store::tiered::Tiered;
use crate::sys::file::read_now;

/// A function that has, or had, entries.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FunctionInfo {
    /// The function, as [`Memo::name`](crate::Memo::name) gives it.
    pub name: String,
    /// The package that it is from.
    pub package: String,
    /// Its signature, without attributes and body; empty for a closure.
    pub signature: String,
    /// The version that the attribute gave it last, or 0.
    pub version: u64,
    /// The fingerprint of its code that was used last, in hexadecimal digits. Empty if only the function's folder is
    /// known.
    pub code: String,
    /// The number of stored results. Files that a user deleted are counted until the next [`trim`](crate::Cache::trim).
    pub entries: u64,
    /// Total size of their files, in bytes.
    pub bytes: u64,
    /// What was counted for this function.
    pub stats: Stats,
    /// The folder that holds its entries.
    pub path: PathBuf,
}

impl FunctionInfo {
    /// Returns the stored results of this function.
    ///
    /// # Errors
    /// If the folder can't be listed.
    pub fn entries(&self) -> Result<Entries> {
        Entries::under(Tiered::without_cache(), &self.path, false)
    }

    /// Returns the `most` results that were used last, the latest first. Reads only the file times of the others.
    ///
    /// # Errors
    /// If the folder can't be listed.
    pub fn recently_used(&self, most: usize) -> Result<Vec<Entry>> {
        recently_used(&*Tiered::without_cache(), &self.path, false, most)
    }

    /// Returns the functions with these counters, sorted by name.
    pub(crate) fn of(root: &Path, counted: BTreeMap<PathBuf, CounterTotals>) -> Vec<FunctionInfo> {
        let mut functions = BTreeMap::new();
        for (folder, sums) in counted {
            let file = read_now(&Layout::function_file(&folder), FunctionFile::LONGEST)
                .ok()
                .and_then(|json| serde_json::from_slice::<FunctionFile>(&json).ok());
            let stats = sums.stats();
            if !folder.is_dir() || (stats.entries == 0 && file.is_none()) {
                continue;
            }
            // If the function's file is missing, the folder gives the name.
            let file = file.unwrap_or_else(|| FunctionFile {
                package: String::new(),
                name: name_of_folder(root, &folder).replace('/', "::"),
                signature: String::new(),
                version: 0,
                code: String::new(),
            });
            let info = FunctionInfo {
                name: file.name,
                package: file.package,
                signature: file.signature,
                version: file.version,
                code: file.code,
                entries: stats.entries,
                bytes: stats.bytes,
                stats,
                path: folder,
            };
            functions.insert((info.name.clone(), info.path.clone()), info);
        }
        functions.into_values().collect()
    }
}
