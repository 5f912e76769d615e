//! Which file is where.
//!
//! ```text
//! <root>/CACHEDIR.TAG          backup programs leave the folder out
//! <root>/.gitignore            so does git
//! <root>/drafts/               files in the making
//! <root>/locks                 locks of keys, see `lock/`
//! <root>/counters              what all processes counted, see `ledger.rs`
//! <root>/activity              what happened in each hour, see `activity.rs`
//! <root>/marks                 what was removed or replaced, see `marks.rs`
//! <root>/v1/<crate>/<module>/…/<function>/     <crate>@<package> if these are not called alike
//!     function.json            which function this is
//!     code-<fingerprint>.json  what the function's code consisted of
//!     history                  which calls were stored, see `history.rs`
//!     <key>.larder             one entry
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::CodeFile;
use crate::atomic::{self, Access, create_private_folder};
use crate::key::{Function, Key};
use crate::{Error, ErrorKind, Result};

/// The folder of this format's entries: another format gets another folder.
const VERSION_FOLDER: &str = "v1";
const DRAFTS_FOLDER: &str = "drafts";
const COUNTERS_FILE: &str = "counters";
const ACTIVITY_FILE: &str = "activity";
const MARKS_FILE: &str = "marks";
const FUNCTION_FILE: &str = "function.json";
const HISTORY_FILE: &str = "history";
const ENTRY_SUFFIX: &str = ".larder";

/// What backup programs look for, see <https://bford.info/cachedir/>.
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a cache of larder, a library that memoizes functions.\n\
    # It may be deleted at any time, in whole or in part.\n";

const GITIGNORE: &str = "# Created by larder automatically.\n*\n";

/// The longest name that a folder gets: file systems allow 255 bytes.
const LONGEST_NAME: usize = 100;

/// The tree under one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Names the tree; touches nothing.
    pub(crate) fn at(root: &Path) -> Result<Self> {
        if root.as_os_str().is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "the path of a cache must not be empty"));
        }
        // Absolute, so that the cache stays where it is when the program changes its folder.
        let root = std::path::absolute(root).map_err(|e| Error::io(e, "can't find the folder").at(root))?;
        Ok(Layout { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The root of the cache that this folder of a function is in.
    pub(crate) fn root_of(folder: &Path) -> Option<&Path> {
        let functions = folder.ancestors().filter(|ancestor| ancestor.file_name().is_some_and(|n| n == VERSION_FOLDER));
        // The tag says that it is a cache, and not just any folder of that name.
        functions.filter_map(Path::parent).find(|root| root.join("CACHEDIR.TAG").is_file())
    }

    /// Creates what every cache has.
    pub(crate) fn create(&self) -> Result<()> {
        create_private_folder(&self.root).map_err(|error| {
            if self.root.exists() && !self.root.is_dir() {
                Error::new(ErrorKind::InvalidInput, "this is a file; a cache needs a folder").at(&self.root)
            } else {
                error
            }
        })?;
        self.create_drafts()?;
        for (name, content) in [("CACHEDIR.TAG", CACHEDIR_TAG), (".gitignore", GITIGNORE)] {
            let path = self.root.join(name);
            // The user's own is left as it is.
            if !path.exists() {
                atomic::write(&self.drafts(), &path, Access::Private, content.as_bytes())?;
            }
        }
        Ok(())
    }

    pub(crate) fn create_drafts(&self) -> Result<()> {
        create_private_folder(&self.drafts())
    }

    pub(crate) fn drafts(&self) -> PathBuf {
        self.root.join(DRAFTS_FOLDER)
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

    /// An error if a link within the cache leads to this folder: it may lead anywhere.
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

    /// The folder that all functions are under.
    pub(crate) fn functions(&self) -> PathBuf {
        self.root.join(VERSION_FOLDER)
    }

    /// The folder of the function with this path, `crate::module::function`.
    ///
    /// Examples, tests and programs of different packages often have one name, so where the crate is
    /// not called after its package, the package is named as well.
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
        // One allocation, as each call makes one of these.
        let mut path = std::ffi::OsString::with_capacity(folder.as_os_str().len() + 1 + 64 + ENTRY_SUFFIX.len());
        path.push(folder);
        path.push(std::path::MAIN_SEPARATOR_STR);
        path.push(blake3::Hash::from_bytes(*key.as_bytes()).to_hex().as_str());
        path.push(ENTRY_SUFFIX);
        path.into()
    }

    /// Whether a folder of a function may have this name.
    #[cfg(feature = "archive")]
    pub(crate) fn is_safe(name: &str) -> bool {
        safe_name(name) == name
    }

    /// The key that an entry's file is named after; `None` for other files.
    pub(crate) fn key_of_entry(name: &std::ffi::OsStr) -> Option<Key> {
        name.to_str()?.strip_suffix(ENTRY_SUFFIX)?.parse().ok()
    }

    /// Removes what is noted in one function's folder beside its entries, and leaves the folders within it: they
    /// belong to other functions.
    pub(crate) fn clear_notes(folder: &Path) -> Result<()> {
        let failed = |e, path: &Path| Error::io(e, "can't remove").at(path);
        let listing = match fs::read_dir(folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error, folder)),
        };
        for item in listing {
            let item = item.map_err(|e| failed(e, folder))?;
            let path = item.path();
            // A folder is another function's, or somebody's.
            let is_folder = item.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_folder
                && path.file_name().is_some_and(is_about_function)
                && let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(failed(error, &path));
            }
        }
        // Succeeds if nothing else is in it, and fails harmlessly otherwise.
        let _ = fs::remove_dir(folder);
        Ok(())
    }

    /// Removes all entries, and leaves what is not ours.
    pub(crate) fn clear(&self) -> Result<()> {
        remove_tree(&self.functions())
    }
}

/// Whether a cache has something of this name in its root.
pub(super) fn is_of_root(name: &std::ffi::OsStr) -> bool {
    let names = ["CACHEDIR.TAG", ".gitignore", "locks", DRAFTS_FOLDER, COUNTERS_FILE, ACTIVITY_FILE, MARKS_FILE];
    names.iter().any(|known| name == *known)
}

/// Whether a folder of this name is of another version of the format.
pub(super) fn is_version(name: &std::ffi::OsStr) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix('v'));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a file of this name says something of the function, or of its calls.
pub(super) fn is_about_function(name: &std::ffi::OsStr) -> bool {
    name == FUNCTION_FILE || name == HISTORY_FILE || name.to_str().is_some_and(CodeFile::is_named)
}

/// A name that every file system takes, and no file beside entries has. Two names may become one: the key keeps their entries
/// apart.
fn safe_name(name: &str) -> String {
    let mut safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "_-+@=".contains(c) { c } else { '_' }).collect();
    // Windows reserves these, whatever their extension; here they have none.
    let reserved = ["con", "prn", "aux", "nul"].iter().any(|name| safe.eq_ignore_ascii_case(name))
        || (safe.len() == 4
            && safe.as_bytes()[3].is_ascii_digit()
            && ["com", "lpt"].iter().any(|name| safe[..3].eq_ignore_ascii_case(name)));
    if reserved || safe.is_empty() {
        safe.push('_');
    }
    // All other files beside entries have a dot in their names, and folders have none.
    if safe.len() > LONGEST_NAME || safe.eq_ignore_ascii_case(HISTORY_FILE) {
        // What they were keeps them apart.
        let digest = blake3::hash(name.as_bytes()).to_hex();
        safe.truncate(LONGEST_NAME - 17);
        safe = format!("{safe}-{}", &digest[..16]);
    }
    safe
}

/// Removes a folder with all that is in it. Whatever vanishes meanwhile is as good as removed.
pub(crate) fn remove_tree(path: &Path) -> Result<()> {
    loop {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // Another process published an entry meanwhile.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) => return Err(Error::io(error, "can't remove").at(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// F30: also on a file system that ignores case.
    #[test]
    fn no_folder_of_a_function_is_called_like_a_file_beside_entries() {
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
        assert_eq!(safe_name("../../etc/passwd"), "______etc_passwd");
        assert_eq!(safe_name("C:\\x"), "C__x");
        assert_eq!(safe_name("NUL"), "NUL_");
        assert_eq!(safe_name("com7"), "com7_");
        assert_eq!(safe_name(""), "_");
        let (a, b) = (safe_name(&"é".repeat(300)), safe_name(&"ö".repeat(300)));
        assert!(a.len() <= LONGEST_NAME && b.len() <= LONGEST_NAME && a != b);
    }
}
