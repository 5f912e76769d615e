//! Names of files and folders in a cache.

use std::ffi::OsStr;

/// The folder of this format's entries: another format gets another folder.
pub(super) const VERSION_FOLDER: &str = "v1";
pub(super) const TEMPS_FOLDER: &str = "drafts";
pub(super) const COUNTERS_FILE: &str = "counters";
pub(super) const ACTIVITY_FILE: &str = "activity";
pub(super) const MARKS_FILE: &str = "marks";
pub(super) const LOCKS: &str = "locks";
/// Where locks are files, they have another name, so that one folder can be used by systems of both kinds.
pub(super) const LOCKS_FOLDER: &str = "locks.d";
pub(crate) const RUNNING_FOLDER: &str = "running";
pub(super) const TAG_FILE: &str = "CACHEDIR.TAG";
pub(super) const GITIGNORE_FILE: &str = ".gitignore";
pub(super) const FUNCTION_FILE: &str = "function.json";
pub(super) const HISTORY_FILE: &str = "history";
pub(super) const ENTRY_SUFFIX: &str = ".larder";

/// A function whose folder has no room for more names has this folder beside it: no function is called so, as names have
/// no dots.
pub(super) const SPREAD_SUFFIX: &str = ".spread";

/// What backup programs look for, see <https://bford.info/cachedir/>.
pub(super) const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a cache of larder, a library that memoizes functions.\n\
    # It may be deleted at any time, in whole or in part.\n";

pub(super) const GITIGNORE: &str = "# Created by larder automatically.\n*\n";

/// The longest name that a folder gets: file systems allow 255 bytes.
pub(super) const LONGEST_NAME: usize = 100;

/// Folders below the root of the functions; deeper ones are nobody's.
pub(super) const DEEPEST: usize = 64;

/// Whether a file of this name has the items of a function's code.
pub(crate) fn is_code_file(name: &str) -> bool {
    name.strip_prefix("code-")
        .and_then(|rest| rest.strip_suffix(".json"))
        .is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a cache has something of this name in its root.
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

/// Whether a folder of this name is of another version of the format.
pub(super) fn is_version(name: &OsStr) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix('v'));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a file of this name says something of the function, or of its calls.
pub(super) fn is_about_function(name: &OsStr) -> bool {
    name == FUNCTION_FILE || name == HISTORY_FILE || name.to_str().is_some_and(is_code_file)
}

/// A name that every file system takes, and no file beside entries has. Two names may become one where case does not matter:
/// the key keeps their entries apart.
pub(super) fn safe_name(name: &str) -> String {
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
