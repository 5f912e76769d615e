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
//! <root>/v1/<crate>/…/<function>.spread/<2 digits>/<key>.larder    one for which that folder has no room, see `directory.rs`
//! ```

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::key::code_version::CodeFile;
use crate::key::digest::Key;
use crate::key::function_key::Function;
use crate::store::{orphaned_temps, owned_files, root};
use crate::sys::atomic_file::{Access, create_private_folder};
use crate::sys::{atomic_file, cross_device};

/// The folder of this format's entries: another format gets another folder.
pub(super) const VERSION_FOLDER: &str = "v1";
pub(super) const DRAFTS_FOLDER: &str = "drafts";
pub(super) const COUNTERS_FILE: &str = "counters";
pub(super) const ACTIVITY_FILE: &str = "activity";
pub(super) const MARKS_FILE: &str = "marks";
pub(super) const LOCKS: &str = "locks";
pub(crate) const RUNNING_FOLDER: &str = "running";
pub(super) const TAG_FILE: &str = "CACHEDIR.TAG";
pub(super) const GITIGNORE_FILE: &str = ".gitignore";
pub(super) const FUNCTION_FILE: &str = "function.json";
pub(super) const HISTORY_FILE: &str = "history";
const ENTRY_SUFFIX: &str = ".larder";

/// A function whose folder has no room for more names has this folder beside it: no function is called so, as names have
/// no dots.
const SPREAD_SUFFIX: &str = ".spread";

/// What backup programs look for, see <https://bford.info/cachedir/>.
pub(super) const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
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

    /// Names the tree of the cache that is, or will be, in this folder: a folder with other things in it has it in a folder
    /// of its own.
    pub(crate) fn within(folder: &Path) -> Result<Self> {
        let layout = Layout::at(folder)?;
        Layout::at(&root::choose(&layout.root)?)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The root of the cache that this folder of a function is in.
    pub(crate) fn root_of(folder: &Path) -> Option<&Path> {
        let functions = folder.ancestors().filter(|ancestor| ancestor.file_name().is_some_and(|n| n == VERSION_FOLDER));
        // The tag says that it is a cache, and not just any folder of that name; or what is in it does.
        let is_cache = |root: &&Path| {
            root.join(TAG_FILE).is_file() || owned_files::has_function(&owned_files::functions_of(root), &mut 1000)
        };
        functions.filter_map(Path::parent).find(is_cache)
    }

    /// Creates the root.
    pub(crate) fn create_root(&self) -> Result<()> {
        create_private_folder(&self.root).map_err(|error| {
            if self.root.exists() && !self.root.is_dir() {
                Error::new(ErrorKind::InvalidInput, "this is a file; a cache needs a folder").at(&self.root)
            } else {
                error
            }
        })
    }

    /// Creates what every cache has.
    pub(crate) fn create(&self) -> Result<()> {
        self.create_root()?;
        self.create_drafts()?;
        let missing = [(TAG_FILE, CACHEDIR_TAG), (GITIGNORE_FILE, GITIGNORE)];
        // The user's own are left as they are.
        let mut missing = missing.map(|(name, content)| (self.root.join(name), content)).into_iter().peekable();
        while missing.next_if(|(path, _)| path.exists()).is_some() {}
        // They would hide what else is in the folder.
        if missing.peek().is_some() && root::may_be_hidden(&self.root)? {
            for (path, content) in missing.filter(|(path, _)| !path.exists()) {
                atomic_file::write(&self.drafts_for(&self.root), &path, Access::Private, content.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Whether the tag hides other things than the cache.
    pub(crate) fn hides_others(&self) -> bool {
        owned_files::is_tagged(&self.root).unwrap_or(false) && root::may_be_hidden(&self.root).is_ok_and(|alone| !alone)
    }

    /// Creates the folder of drafts. A link in its place may lead anywhere, so it is not used.
    pub(crate) fn create_drafts(&self) -> Result<()> {
        let drafts = self.drafts();
        if fs::symlink_metadata(&drafts).is_ok_and(|metadata| metadata.file_type().is_symlink()) {
            cross_device::note(&drafts);
            return Ok(());
        }
        cross_device::forget(&drafts);
        create_private_folder(&drafts)
    }

    /// The folder for drafts of files in `folder`: that of all drafts, or `folder` itself if a draft can't be renamed
    /// from there.
    pub(crate) fn drafts_for(&self, folder: &Path) -> PathBuf {
        let chosen = cross_device::choose(self.drafts(), folder);
        if chosen == folder && cross_device::is_untidied(folder) {
            orphaned_temps::collect_in(folder);
        }
        chosen
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

    /// The file of an entry for which there was no room beside the others.
    pub(crate) fn spread_entry(folder: &Path, key: &Key) -> PathBuf {
        let digits = key.to_string();
        let mut path = Layout::spread_folder(folder).join(&digits[..2]);
        path.push(digits + ENTRY_SUFFIX);
        path
    }

    /// The folder of the entries for which a function's folder has no room.
    pub(crate) fn spread_folder(folder: &Path) -> PathBuf {
        let mut path = folder.as_os_str().to_owned();
        path.push(SPREAD_SUFFIX);
        path.into()
    }

    /// The function's folder that a folder with this name has entries of, if it is one that they are spread over.
    pub(crate) fn spread_of(name: &std::ffi::OsStr) -> Option<&str> {
        name.to_str()?.strip_suffix(SPREAD_SUFFIX)
    }

    /// The folder of the function that the entries in this folder are of.
    pub(crate) fn function_of(folder: &Path) -> Cow<'_, Path> {
        let spread = folder.parent().filter(|_| folder.file_name().is_some_and(|name| name.len() == 2));
        let function = spread.and_then(|spread| Some(spread.with_file_name(Layout::spread_of(spread.file_name()?)?)));
        function.map_or(Cow::Borrowed(folder), Cow::Owned)
    }

    /// The file of an entry, where it is; where it would be, if there is none.
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

    /// Whether a folder of a function may have this name.
    #[cfg(feature = "archive")]
    pub(crate) fn is_safe(name: &str) -> bool {
        safe_name(name) == name
    }

    /// The key that an entry's file is named after; `None` for other files.
    pub(crate) fn key_of_entry(name: &std::ffi::OsStr) -> Option<Key> {
        name.to_str()?.strip_suffix(ENTRY_SUFFIX)?.parse().ok()
    }
}

/// Whether a cache has something of this name in its root.
pub(super) fn is_of_root(name: &std::ffi::OsStr) -> bool {
    let names =
        [TAG_FILE, GITIGNORE_FILE, LOCKS, RUNNING_FOLDER, DRAFTS_FOLDER, COUNTERS_FILE, ACTIVITY_FILE, MARKS_FILE];
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

/// A name that every file system takes, and no file beside entries has. Two names may become one where case does not matter:
/// the key keeps their entries apart.
fn safe_name(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_-+@=".contains(c);
    let mut safe: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    // The braces of `{{closure}}` come from the compiler, and nobody else writes them.
    let is_another = name.chars().any(|c| !is_safe(c) && c != '{' && c != '}');
    // Windows reserves these, whatever their extension; here they have none.
    let reserved = ["con", "prn", "aux", "nul"].iter().any(|name| safe.eq_ignore_ascii_case(name))
        || (safe.len() == 4
            && safe.as_bytes()[3].is_ascii_digit()
            && ["com", "lpt"].iter().any(|name| safe[..3].eq_ignore_ascii_case(name)));
    // All other files beside entries have a dot in their names, and folders have none.
    let is_history = safe.eq_ignore_ascii_case(HISTORY_FILE);
    if safe.len() > LONGEST_NAME || is_another || reserved || is_history || safe.is_empty() {
        // What they were keeps them apart.
        let digest = blake3::hash(name.as_bytes()).to_hex();
        safe.truncate(LONGEST_NAME - 17);
        safe = format!("{safe}-{}", &digest[..16]);
    }
    safe
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
