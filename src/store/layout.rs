//! Paths of the files and folders of a cache.
//!
//! ```text
//! <root>/CACHEDIR.TAG          backup programs leave the folder out
//! <root>/.gitignore            so does git
//! <root>/drafts/               temporary files
//! <root>/locks                 locks of keys, see `sys/lock/`
//! <root>/counters              what all processes counted, see `counters.rs`
//! <root>/activity              what happened in each hour, see `hourly_stats.rs`
//! <root>/marks                 version counters, see `engine/version_table.rs`
//! <root>/v1/<crate>/<module>/…/<function>/     <crate>@<package> if the names differ
//!     function.json            name and signature of the function
//!     code-<fingerprint>.json  the items of the function's code
//!     history                  which calls were computed, see `history.rs`
//!     <key>.larder             one entry
//! <root>/v1/<crate>/…/<function>.spread/<2 digits>/<key>.larder    an entry of a full folder, see `directory.rs`
//! <root>/v1/<crate>/…/<function>.packed/<id>.segment    many small entries, see `segments`
//! ```

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::key::digest::Key;
use crate::key::function_key::Function;
use crate::store::names::{
    ACTIVITY_FILE, COUNTERS_FILE, ENTRY_SUFFIX, FUNCTION_FILE, HISTORY_FILE, MARKS_FILE, PACKED_SUFFIX, SEGMENT_SUFFIX,
    SPREAD_SUFFIX, TEMPS_FOLDER, VERSION_FOLDER, safe_name,
};

/// The paths under one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(super) root: PathBuf,
}

impl Layout {
    /// Makes the layout of a root. Does not touch the file system.
    pub(crate) fn at(root: &Path) -> Result<Self> {
        if root.as_os_str().is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "the path of a cache must not be empty"));
        }
        // Absolute, so that the cache stays the same when the program changes its working directory.
        let root = std::path::absolute(root).map_err(|e| Error::io(e, "can't find the folder").at(root))?;
        Ok(Layout { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn temps(&self) -> PathBuf {
        self.root.join(TEMPS_FOLDER)
    }

    pub(crate) fn counters(&self) -> PathBuf {
        self.root.join(COUNTERS_FILE)
    }

    pub(crate) fn activity(&self) -> PathBuf {
        self.root.join(ACTIVITY_FILE)
    }

    pub(crate) fn marks(&self) -> PathBuf {
        self.root.join(MARKS_FILE)
    }

    /// Returns an error if a symbolic link within the cache leads to this folder: such a link may lead anywhere.
    pub(crate) fn expect_no_links(&self, folder: &Path) -> Result<()> {
        let within = folder.ancestors().take_while(|ancestor| *ancestor != self.root);
        for ancestor in within {
            if fs::symlink_metadata(ancestor).is_ok_and(|metadata| metadata.file_type().is_symlink()) {
                let what = "a link is in the place of the cache's folder, and links are not followed; remove it";
                return Err(Error::new(ErrorKind::InvalidInput, what).at(ancestor));
            }
        }
        Ok(())
    }

    /// Returns the folder of all functions.
    pub(crate) fn functions(&self) -> PathBuf {
        self.root.join(VERSION_FOLDER)
    }

    /// Returns the folder of the function with this path, `crate::module::function`.
    ///
    /// Examples, tests and programs of different packages often have the same crate name. So if the crate is not named
    /// after its package, the folder's name includes the package.
    pub(crate) fn function(&self, function: &Function) -> PathBuf {
        let path = function.plain_path();
        let (krate, rest) = path.split_once("::").map_or((path.as_str(), None), |(krate, rest)| (krate, Some(rest)));
        let mut folder = self.functions();
        if function.package.is_empty() || function.package.replace('-', "_") == krate {
            folder.push(safe_name(krate));
        } else {
            folder.push(safe_name(&format!("{krate}@{}", function.package)));
        }
        folder.extend(rest.into_iter().flat_map(|rest| rest.split("::")).map(safe_name));
        folder
    }

    pub(crate) fn function_file(folder: &Path) -> PathBuf {
        folder.join(FUNCTION_FILE)
    }

    pub(crate) fn history(folder: &Path) -> PathBuf {
        folder.join(HISTORY_FILE)
    }

    pub(crate) fn entry(folder: &Path, key: &Key) -> PathBuf {
        // One allocation, as every call makes such a path.
        let mut path = std::ffi::OsString::with_capacity(folder.as_os_str().len() + 1 + 64 + ENTRY_SUFFIX.len());
        path.push(folder);
        path.push(std::path::MAIN_SEPARATOR_STR);
        path.push(blake3::Hash::from_bytes(*key.as_bytes()).to_hex().as_str());
        path.push(ENTRY_SUFFIX);
        path.into()
    }

    /// Returns the path of an entry for which its function's folder has no room.
    pub(crate) fn spread_entry(folder: &Path, key: &Key) -> PathBuf {
        let digits = key.to_string();
        let mut path = Layout::spread_folder(folder).join(&digits[..2]);
        path.push(digits + ENTRY_SUFFIX);
        path
    }

    /// Returns the spread folder of a function: it holds the entries for which the function's folder has no room.
    pub(crate) fn spread_folder(folder: &Path) -> PathBuf {
        let mut path = folder.as_os_str().to_owned();
        path.push(SPREAD_SUFFIX);
        path.into()
    }

    /// Returns the name of the function's folder that a spread folder with this name belongs to; `None` for other
    /// names.
    pub(crate) fn spread_of(name: &std::ffi::OsStr) -> Option<&str> {
        name.to_str()?.strip_suffix(SPREAD_SUFFIX)
    }

    /// Returns the folder for the segments of a function.
    pub(crate) fn packed_folder(function: &Path) -> PathBuf {
        let mut path = function.as_os_str().to_owned();
        path.push(PACKED_SUFFIX);
        path.into()
    }

    /// Returns the name of the function's folder that a folder for segments with this name belongs to; `None` for other
    /// names.
    pub(crate) fn packed_of(name: &std::ffi::OsStr) -> Option<&str> {
        name.to_str()?.strip_suffix(PACKED_SUFFIX)
    }

    /// Returns the path of the segment with this id in a folder for segments.
    pub(crate) fn segment(folder: &Path, id: &[u8; 16]) -> PathBuf {
        folder.join(format!("{:032x}{SEGMENT_SUFFIX}", u128::from_be_bytes(*id)))
    }

    /// Parses the id from the name of a segment's file; `None` for other files.
    pub(crate) fn id_of_segment(name: &std::ffi::OsStr) -> Option<[u8; 16]> {
        let digits = name.to_str()?.strip_suffix(SEGMENT_SUFFIX)?;
        let is_id = digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| u128::from_str_radix(digits, 16).ok()).flatten().map(u128::to_be_bytes)
    }

    /// Returns the folder of the function that the entries in this folder belong to.
    pub(crate) fn function_of(folder: &Path) -> Cow<'_, Path> {
        if let Some(function) = folder.file_name().and_then(Layout::packed_of) {
            return Cow::Owned(folder.with_file_name(function));
        }
        let spread = folder.parent().filter(|_| folder.file_name().is_some_and(|name| name.len() == 2));
        let function = spread.and_then(|spread| Some(spread.with_file_name(Layout::spread_of(spread.file_name()?)?)));
        function.map_or(Cow::Borrowed(folder), Cow::Owned)
    }

    /// Returns the path where an entry is; if there is none, the path in its function's folder.
    pub(crate) fn locate(folder: &Path, key: &Key) -> PathBuf {
        let path = Layout::entry(folder, key);
        if fs::symlink_metadata(&path).is_err() {
            let spread = Layout::spread_entry(folder, key);
            if fs::symlink_metadata(&spread).is_ok() {
                return spread;
            }
        }
        path
    }

    /// Returns whether the folder of a function may have this name.
    #[cfg(feature = "archive")]
    pub(crate) fn is_safe(name: &str) -> bool {
        safe_name(name) == name
    }

    /// Parses the key from the name of an entry's file; `None` for other files.
    pub(crate) fn key_of_entry(name: &std::ffi::OsStr) -> Option<Key> {
        name.to_str()?.strip_suffix(ENTRY_SUFFIX)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::code_version::CodeFile;
    use crate::store::names::LONGEST_NAME;
    use crate::store::names::is_about_function;

    #[test]
    fn functions_have_readable_folders() {
        let layout = Layout::at(Path::new("/root")).unwrap();
        let of = |package: &str, path: &str| {
            let function =
                Function { package: package.into(), path: path.into(), position: None, version: 0, code: Vec::new() };
            layout.function(&function).strip_prefix("/root/v1").unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(of("weather-now", "weather_now::models::fit"), "weather_now/models/fit");
        assert_eq!(of("weather", "weather::Model<alloc::vec::Vec<f64>>::fit"), "weather/Model/fit");
        assert_eq!(of("weather", "weather::outer::{{closure}}::fit"), "weather/outer/__closure__/fit");
        assert_eq!(of("weather", "example::fit"), "example@weather/fit");
        assert_eq!(of("weather", "forecast"), "forecast@weather");
        assert_eq!(of("", "sum::of"), "sum/of");
    }

    /// Also on a file system that ignores case.
    #[test]
    fn no_folder_of_a_function_has_the_name_of_a_file_beside_entries() {
        let key = Key::from_bytes([7; 32]);
        let files = [
            FUNCTION_FILE.to_owned(),
            HISTORY_FILE.to_owned(),
            Layout::entry(Path::new(""), &key).file_name().unwrap().to_str().unwrap().to_owned(),
            CodeFile::path(Path::new(""), &[7; 16]).file_name().unwrap().to_str().unwrap().to_owned(),
        ];
        for file in &files {
            for name in [file.clone(), file.to_uppercase(), file.to_lowercase(), file.replace('.', "_")] {
                let folder = safe_name(&name);
                assert!(files.iter().all(|file| !file.eq_ignore_ascii_case(&folder)), "{name}: {folder}");
                assert!(!is_about_function(folder.as_ref()) && Layout::key_of_entry(folder.as_ref()).is_none());
                assert_eq!(safe_name(&folder), folder, "a name that is safe stays as it is");
            }
        }
        assert!(safe_name("history").starts_with("history-") && safe_name("History") != safe_name("history"));
        assert_eq!(safe_name("history_of"), "history_of");
    }

    #[test]
    fn names_are_safe_everywhere() {
        for (name, readable) in [
            ("../../etc/passwd", "______etc_passwd-"),
            ("C:\\x", "C__x-"),
            ("NUL", "NUL-"),
            ("com7", "com7-"),
            ("", "-"),
            ("a/b", "a_b-"),
        ] {
            let safe = safe_name(name);
            assert!(safe.strip_prefix(readable).is_some_and(|digest| digest.len() == 16), "{safe}");
            assert!(safe == safe_name(&safe));
        }
        // No other name becomes the same.
        let names = ["a/b", "a_b", "a b", "a\\b", "", ".", "..", "_", "-", "NUL", "NUL_"].map(safe_name);
        assert_eq!(std::collections::HashSet::from(names.clone()).len(), names.len(), "{names:?}");
        let (a, b) = (safe_name(&"é".repeat(300)), safe_name(&"ö".repeat(300)));
        assert!(a.len() <= LONGEST_NAME && b.len() <= LONGEST_NAME && a != b);
    }
}
