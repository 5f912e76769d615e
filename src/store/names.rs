//! Names of files and folders in a cache.

use std::ffi::OsStr;

/// The folder of all functions. Each version of the entry format has its own.
pub(super) const VERSION_FOLDER: &str = "v1";
pub(super) const TEMPS_FOLDER: &str = "drafts";
pub(super) const COUNTERS_FILE: &str = "counters";
pub(super) const ACTIVITY_FILE: &str = "activity";
pub(super) const MARKS_FILE: &str = "marks";
pub(super) const LOCKS: &str = "locks";
/// Lock files have another name than the file for range locks, so that systems of both kinds can use one cache.
pub(super) const LOCKS_FOLDER: &str = "locks.d";
pub(crate) const RUNNING_FOLDER: &str = "running";
pub(super) const TAG_FILE: &str = "CACHEDIR.TAG";
pub(super) const GITIGNORE_FILE: &str = ".gitignore";
pub(super) const FUNCTION_FILE: &str = "function.json";
pub(super) const HISTORY_FILE: &str = "history";
pub(super) const ENTRY_SUFFIX: &str = ".larder";

/// Suffix of the folder beside a function's folder that has no room for more names. No function's folder has this
/// suffix, as their names have no dots.
pub(super) const SPREAD_SUFFIX: &str = ".spread";

/// Suffix of the folder beside a function's folder that holds its segments.
pub(super) const PACKED_SUFFIX: &str = ".packed";
pub(super) const SEGMENT_SUFFIX: &str = ".segment";

/// Content of the tag by which backup programs recognize a cache, see <https://bford.info/cachedir/>.
pub(super) const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a cache of larder, a library that memoizes functions.\n\
    # It may be deleted at any time, in whole or in part.\n";

pub(super) const GITIGNORE: &str = "# Created by larder automatically.\n*\n";

/// Length limit of a folder's name, in bytes. File systems allow 255.
pub(super) const LONGEST_NAME: usize = 100;

/// Maximum depth of folders below the folder of all functions. Deeper ones are not larder's.
pub(super) const DEEPEST: usize = 64;

/// Returns whether a file with this name lists the items of a function's code.
pub(crate) fn is_code_file(name: &str) -> bool {
    name.strip_prefix("code-")
        .and_then(|rest| rest.strip_suffix(".json"))
        .is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Returns whether a cache has a file or folder with this name in its root.
pub(super) fn is_of_root(name: &OsStr) -> bool {
    let names = [
        TAG_FILE,
        GITIGNORE_FILE,
        LOCKS,
        LOCKS_FOLDER,
        RUNNING_FOLDER,
        TEMPS_FOLDER,
        COUNTERS_FILE,
        ACTIVITY_FILE,
        MARKS_FILE,
    ];
    names.iter().any(|known| name == *known)
}

/// Returns whether a folder with this name belongs to some version of the entry format.
pub(super) fn is_version(name: &OsStr) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix('v'));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns whether a file with this name describes the function or its calls.
pub(super) fn is_about_function(name: &OsStr) -> bool {
    name == FUNCTION_FILE || name == HISTORY_FILE || name.to_str().is_some_and(is_code_file)
}

/// Returns a name that every file system accepts, and that no file beside entries has. Where case does not matter, two
/// functions may share a folder: their keys still keep their entries apart.
pub(super) fn safe_name(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_-+@=".contains(c);
    let mut safe: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    // The compiler writes `{{closure}}`; no other name has braces, so replacing them is unambiguous.
    let is_another = name.chars().any(|c| !is_safe(c) && c != '{' && c != '}');
    // Windows reserves these names, with any extension. Names here have no extension.
    let reserved = ["con", "prn", "aux", "nul"].iter().any(|name| safe.eq_ignore_ascii_case(name))
        || (safe.len() == 4
            && safe.as_bytes()[3].is_ascii_digit()
            && ["com", "lpt"].iter().any(|name| safe[..3].eq_ignore_ascii_case(name)));
    // All other files beside entries have a dot in their names, and function folders have none.
    let is_history = safe.eq_ignore_ascii_case(HISTORY_FILE);
    if safe.len() > LONGEST_NAME || is_another || reserved || is_history || safe.is_empty() {
        // The digest of the original name keeps changed names distinct.
        let digest = blake3::hash(name.as_bytes()).to_hex();
        safe.truncate(LONGEST_NAME - 17);
        safe = format!("{safe}-{}", &digest[..16]);
    }
    safe
}
