//! Making a cache smaller.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use super::entries::visit;
use super::{Entry, Layout};
use crate::policy::{Candidate, Limits, victims};
use crate::{Error, Result};

/// What [`Cache::trim_to`](crate::Cache::trim_to) did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Trimmed {
    /// Entries that were removed.
    pub removed: u64,
    /// Bytes of their files.
    pub removed_bytes: u64,
    /// Entries that are left.
    pub kept: u64,
    /// Bytes of their files.
    pub kept_bytes: u64,
}

impl Layout {
    /// Removes entries, the least recently used first, until the limits hold.
    pub(crate) fn trim(&self, limits: &Limits) -> Result<Trimmed> {
        let (mut paths, mut candidates) = (Vec::new(), Vec::new());
        visit(&self.functions(), true, &mut |folder, files| {
            for file in files {
                // What vanishes meanwhile needs no removing.
                let Ok(metadata) = file.metadata() else { continue };
                let path = Layout::entry(folder, &file.key);
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                let written = limits.max_age.and_then(|_| written(&path, file.key));
                candidates.push(Candidate { size: metadata.len(), used, written });
                paths.push(path);
            }
        })?;
        let bytes: u64 = candidates.iter().map(|candidate| candidate.size).sum();
        let mut trimmed = Trimmed { kept: candidates.len() as u64, kept_bytes: bytes, ..Trimmed::default() };
        for index in victims(&candidates, limits, SystemTime::now()) {
            if !limits.dry_run {
                remove(&paths[index])?;
            }
            let size = candidates[index].size;
            trimmed.removed += 1;
            trimmed.removed_bytes += size;
            trimmed.kept -= 1;
            trimmed.kept_bytes -= size;
        }
        tracing::debug!(root = %self.root().display(), ?limits, ?trimmed, "trimmed");
        Ok(trimmed)
    }
}

/// When the entry was written, as its header says: the time of its file says when it was used.
fn written(path: &Path, key: crate::Key) -> Option<SystemTime> {
    Entry::read(path.to_owned(), key).ok().flatten().map(|entry| entry.created)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(error, "can't remove").at(path)),
        _ => Ok(()),
    }
}
