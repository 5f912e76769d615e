//! The environment variables that larder reads: their names, meanings and allowed values. Each one is listed here.
//!
//! A variable with an invalid value is ignored, and so is an unknown one that begins with `LARDER_`. Each is warned
//! about once per process.
//!
//! Read this file first; `units` parses sizes and durations, and `run_mode` the variable `LARDER`.

pub(crate) mod run_mode;
pub(crate) mod units;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::compression::Compression;
use crate::settings::run_mode::RunMode;
use crate::settings::units::{parse_bytes, parse_duration};
use crate::sys::env::{Setting, number, text_of, warn_once, wrong};
use crate::sys::fork::once::Once;
use crate::sys::user_folders;
use crate::sys::workers::THREADS_VARIABLE;
use crate::text::nearest::nearest;

pub(crate) const MODE: Setting<RunMode> = Setting { name: "LARDER", parse: |text| text_of(text, RunMode::parse) };
pub(crate) const FOLDER: Setting<PathBuf> = Setting { name: "LARDER_DIR", parse: folder };
pub(crate) const COMPRESSION: Setting<Compression> = Setting {
    name: "LARDER_COMPRESSION",
    parse: |text| text_of(text, |text| text.parse::<Compression>().and_then(Compression::validate)),
};
pub(crate) const MAX_BYTES: Setting<u64> =
    Setting { name: "LARDER_MAX_BYTES", parse: |text| text_of(text, |text| above_zero(text, parse_bytes(text)?)) };
pub(crate) const MAX_ENTRIES: Setting<u64> =
    Setting { name: "LARDER_MAX_ENTRIES", parse: |text| text_of(text, |text| above_zero(text, number(text)?)) };
pub(crate) const MAX_AGE: Setting<Duration> =
    Setting { name: "LARDER_MAX_AGE", parse: |text| text_of(text, parse_duration) };
pub(crate) const MAX_IDLE: Setting<Duration> =
    Setting { name: "LARDER_MAX_IDLE", parse: |text| text_of(text, parse_duration) };
pub(crate) const HOT_BYTES: Setting<u64> =
    Setting { name: "LARDER_HOT_BYTES", parse: |text| text_of(text, parse_bytes) };
pub(crate) const SHARED: Setting<bool> = Setting { name: "LARDER_SHARED", parse: |text| text_of(text, yes_or_no) };
pub(crate) const WAIT: Setting<Duration> = Setting { name: "LARDER_WAIT", parse: |text| text_of(text, wait) };
pub(crate) const REPORT: Setting<bool> = Setting { name: "LARDER_REPORT", parse: |text| text_of(text, yes_or_no) };
pub(crate) const VERBOSE: Setting<u8> = Setting { name: "LARDER_VERBOSE", parse: |text| text_of(text, verbosity) };

/// A variable: its meaning, and the check of its value.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// What the variable sets, with an example.
    #[cfg_attr(not(test), expect(dead_code, reason = "the README's table is compared with it"))]
    pub(crate) meaning: &'static str,
    check: fn(&OsStr) -> Result<()>,
    /// Whether the code that uses the variable reports an invalid value. A compressor may be registered after the
    /// first cache is opened, and without a valid folder the global cache can't work at all.
    late: bool,
}

const fn known(name: &'static str, meaning: &'static str, check: fn(&OsStr) -> Result<()>) -> Known {
    Known { name, meaning, check, late: false }
}

/// All variables.
pub(crate) const ALL: [Known; 13] = [
    known(MODE.name, "`off`, `refresh`, `readonly`, `verify` or `verify:0.5`", |text| MODE.check(text)),
    Known { late: true, ..known(FOLDER.name, "the folder of the global cache", |text| FOLDER.check(text)) },
    Known { late: true, ..known(COMPRESSION.name, "its compressor, such as `zstd:3`", |text| COMPRESSION.check(text)) },
    known(MAX_BYTES.name, "its limit of bytes, such as `10GB`", |text| MAX_BYTES.check(text)),
    known(MAX_ENTRIES.name, "its limit of entries", |text| MAX_ENTRIES.check(text)),
    known(MAX_AGE.name, "how old its results may be, such as `90d`", |text| MAX_AGE.check(text)),
    known(MAX_IDLE.name, "how long its results may be unused", |text| MAX_IDLE.check(text)),
    known(HOT_BYTES.name, "bytes of its results kept in memory, such as `64MB`", |text| HOT_BYTES.check(text)),
    known(SHARED.name, "`1`: a group shares it", |text| SHARED.check(text)),
    known(
        WAIT.name,
        "how long a call waits if the thread or process that computes the same call makes no progress, such as `30s`; `0`: not at all",
        |text| WAIT.check(text),
    ),
    known(THREADS_VARIABLE.name, "threads for one large value", |text| THREADS_VARIABLE.check(text)),
    known(REPORT.name, "`1`: a line at the end of the process", |text| REPORT.check(text)),
    known(VERBOSE.name, "`1`: a line for each computed call; `2`: for each hit as well", |text| VERBOSE.check(text)),
];

/// A variable with an error.
pub(crate) struct Wrong {
    pub(crate) name: String,
    pub(crate) error: Error,
}

/// Returns the invalid variables of this process. Without `late`, leaves out those that other code reports.
pub(crate) fn wrong_ones(late: bool) -> Vec<Wrong> {
    let mut all: Vec<(OsString, OsString)> =
        std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"LARDER")).collect();
    all.sort_unstable();
    let wrong = |(name, text): (OsString, OsString)| {
        let name = name.to_string_lossy().into_owned();
        let error = match ALL.iter().find(|known| known.name == name) {
            Some(known) if known.late && !late => return None,
            Some(known) => (known.check)(&text).err()?,
            None if name.starts_with("LARDER_") => unknown(&name),
            None => return None,
        };
        Some(Wrong { name, error })
    };
    all.into_iter().filter_map(wrong).collect()
}

/// Warns about invalid variables when the first cache is opened.
pub(crate) fn check_once() {
    static CHECKED: Once<()> = Once::new();
    CHECKED.get_or_init(|| {
        for Wrong { name, error } in wrong_ones(false) {
            warn_once(&name, &error, "a variable can't be read, and is ignored");
        }
    });
}

fn unknown(name: &str) -> Error {
    let names = ALL.map(|known| known.name);
    let hint = match nearest(name, &names) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", names[1..].join(", ")),
    };
    Error::new(ErrorKind::InvalidInput, format!("larder knows no variable {name}; {hint}"))
}

fn above_zero(text: &str, number: u64) -> Result<u64> {
    if number > 0 { Ok(number) } else { Err(wrong(text, "nothing could be kept; to keep nothing, set LARDER=off")) }
}

fn yes_or_no(text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(wrong(text, "it must be 1 or 0")),
    }
}

fn verbosity(text: &str) -> Result<u8> {
    match text {
        "0" => Ok(0),
        "1" => Ok(1),
        "2" => Ok(2),
        _ => Err(wrong(text, "it must be 0, 1 or 2")),
    }
}

/// Parses a duration that may be zero.
fn wait(text: &str) -> Result<Duration> {
    if ["0", "0s", "0ms"].contains(&text) { Ok(Duration::ZERO) } else { parse_duration(text) }
}

/// Parses a path. A leading `~` is the user's home folder, because shells don't expand it within quotes, and other
/// programs never do.
fn folder(text: &OsStr) -> Result<PathBuf> {
    let path = Path::new(text);
    let Some(first) = path.components().next().filter(|first| first.as_os_str().as_encoded_bytes().starts_with(b"~"))
    else {
        return Ok(path.to_owned());
    };
    let home = user_folders::home().filter(|_| first.as_os_str() == "~");
    let home = home.ok_or_else(|| no_home(path))?;
    // Joining an empty path would add a slash at the end.
    let rest: PathBuf = path.components().skip(1).collect();
    Ok(if rest.as_os_str().is_empty() { home } else { home.join(rest) })
}

fn no_home(path: &Path) -> Error {
    let what = "only `~` and `~/` at the beginning stand for the user's folder, if there is one; write the whole path";
    Error::new(ErrorKind::InvalidInput, what).at(path)
}

/// Returns an error for a path in a program that begins with `~`. Only shells expand it, so a folder named `~` would
/// be created.
pub(crate) fn expect_no_tilde(path: &Path) -> Result<()> {
    let is_tilde = path.components().next().is_some_and(|first| first.as_os_str() == "~");
    if !is_tilde {
        return Ok(());
    }
    let what = "`~` is expanded by shells, not here; write the whole path, or `./~` for a folder of that name";
    Err(Error::new(ErrorKind::InvalidInput, what).at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_read_or_says_what_is_wrong() {
        let is_good = |name: &str, text: &str| {
            let known = ALL.iter().find(|known| known.name == name).unwrap();
            (known.check)(OsStr::new(text)).is_ok()
        };
        for (name, good, bad) in [
            ("LARDER", &["", "on", "off", "refresh", "verify:0.5"][..], &["refesh", "OFF"][..]),
            ("LARDER_DIR", &["/x", "x", "~", "~/x", "./~"], &["~nobody/x"]),
            (
                "LARDER_COMPRESSION",
                if cfg!(feature = "zlib") { &["none", "gzip:9"] } else { &["none"] },
                &["zip", "gzip:99"],
            ),
            ("LARDER_MAX_BYTES", &["10GB", " 1.5 GiB "], &["0", "-1", "ten", "10XB"]),
            ("LARDER_MAX_ENTRIES", &["10"], &["0", "-1", "1e3", "many"]),
            ("LARDER_MAX_AGE", &["7d", "1d 12h"], &["0s", "7", "never"]),
            ("LARDER_MAX_IDLE", &["7d"], &["0s", "7"]),
            ("LARDER_HOT_BYTES", &["0", "64MB"], &["lots"]),
            ("LARDER_SHARED", &["1", "0", "true"], &["group"]),
            ("LARDER_WAIT", &["30s", "0", "2min"], &["30", "-1s"]),
            ("LARDER_THREADS", &["1", "16"], &["0", "many", "-2"]),
            ("LARDER_REPORT", &["1", "0", "yes"], &["please"]),
            ("LARDER_VERBOSE", &["0", "1", "2"], &["3", "yes"]),
        ] {
            good.iter().for_each(|text| assert!(is_good(name, text), "{name}={text}"));
            bad.iter().for_each(|text| assert!(!is_good(name, text), "{name}={text}"));
        }
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let Some(home) = user_folders::home() else { return };
        let of = |text: &str| folder(OsStr::new(text)).unwrap();
        assert_eq!((of("~"), of("~/"), of("~/a/b")), (home.clone(), home.clone(), home.join("a").join("b")));
        assert_eq!((of("/a/~/b"), of("./~/b")), ("/a/~/b".into(), "./~/b".into()));
        assert!(expect_no_tilde(Path::new("~/x")).is_err() && expect_no_tilde(Path::new("./~/x")).is_ok());
        assert!(expect_no_tilde(Path::new("~x")).is_ok());
    }

    #[test]
    fn nearest_suggests_the_intended_variable() {
        let names = ALL.map(|known| known.name);
        for (wrong, meant) in [
            ("LARDER_MAX_BYTE", Some("LARDER_MAX_BYTES")),
            ("LARDER_MAXBYTES", Some("LARDER_MAX_BYTES")),
            ("LARDER_DRI", Some("LARDER_DIR")),
            ("LARDER_THREAD", Some("LARDER_THREADS")),
            ("LARDER_SOMETHING_ELSE", None),
        ] {
            assert_eq!(nearest(wrong, &names), meant, "{wrong}");
        }
        assert_eq!(nearest("refesh", &["off", "refresh", "readonly"]), Some("refresh"));
    }

    /// The README describes each variable with the same words.
    #[test]
    fn the_readme_lists_all_variables() {
        let readme = include_str!("../../README.md");
        for Known { name, meaning, .. } in &ALL {
            assert!(readme.contains(&format!("| `{name}` | {meaning} |")), "| `{name}` | {meaning} |");
        }
    }
}
