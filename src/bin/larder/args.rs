//! What the user types.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use larder::{Compression, parse_bytes, parse_duration};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, also if there was nothing to do
  1  the request failed, or `verify` or `doctor` found a fault; stderr says what
  2  the request makes no sense as it was typed

Data goes to stdout, all else to stderr. Colours are for terminals, and none if NO_COLOR is set.
The variable LARDER, which turns caching off for programs, changes nothing here.";

/// Looks at what memoized functions have stored, and looks after it
#[derive(Debug, Parser)]
#[command(name = "larder", version, after_long_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The folder of the cache [default: $LARDER_DIR, else `larder` in your cache folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Write JSON, for programs: sizes in bytes, durations in seconds, times in seconds since 1970
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what the cache did: hits, misses, time saved
    Stats {
        /// Only this function: its name, or the end of it after a `::`
        function: Option<String>,
    },
    /// List the functions, or the entries of one function
    Ls(Ls),
    /// Show one entry: what is known of it, and its value
    Show {
        /// The entry's key, or its first digits, at least 4
        key: KeyPrefix,
        /// Show all of the value, however long it is
        #[arg(long)]
        full: bool,
    },
    /// Say how an entry came to be, and what differs between two
    Explain {
        /// The entry's key, or its first digits, at least 4
        key: KeyPrefix,
        /// The entry to compare it with [default: the one that is most like it]
        other: Option<KeyPrefix>,
    },
    /// Read every entry, and compare its checksums
    Verify {
        /// Remove the entries that can't be used
        #[arg(long)]
        delete: bool,
    },
    /// Remove entries until the cache keeps to limits; those that were used least recently go first
    Trim(Trim),
    /// Remove the entries of one function, or all
    Clear {
        /// The function whose entries to remove: its name, or the end of it after a `::`
        function: Option<String>,
        /// Don't ask; needed where nobody can be asked
        #[arg(long, short)]
        yes: bool,
    },
    /// Compress the entries that are stored with another method; safe while programs use them
    Recompress {
        /// The method, with its level if it has one: `zstd:3`, `lz4`, `none`
        #[arg(value_name = "METHOD[:LEVEL]")]
        compression: Compression,
        /// Only this function's: its name, or the end of it after a `::`
        function: Option<String>,
    },
    /// Write entries into one archive, to carry them to another machine
    Export {
        /// The archive: a tar file, compressed as its extension says (`.tar`, `.tar.gz`, `.tar.zst`, …)
        file: PathBuf,
        /// Only this function's: its name, or the end of it after a `::`
        function: Option<String>,
    },
    /// Take in the entries of an archive that `export` wrote; damaged ones are left out
    Import {
        /// The archive
        file: PathBuf,
    },
    /// Print the folder of the cache, or of one function
    Path {
        /// The function: its name, or the end of it after a `::`
        function: Option<String>,
    },
    /// Look for what keeps the cache from working, and say how to mend it
    Doctor,
    /// Watch the cache at work
    Top {
        /// How often to look
        #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
        every: Duration,
    },
    /// Write a page that shows where the space went and what time was saved
    Report {
        /// The page, one file of HTML that needs no network
        #[arg(default_value = "larder.html")]
        file: PathBuf,
    },
    /// Write a script that completes what you type, for your shell to read
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What to list.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    /// The function whose entries to list: its name, or the end of it after a `::`
    pub(crate) function: Option<String>,
    /// What comes first [default: functions by name, entries by when they were used]
    #[arg(long, value_name = "BY")]
    pub(crate) sort: Option<Sort>,
    /// Turn the order around
    #[arg(long)]
    pub(crate) reverse: bool,
    /// List so many, 0 for all [default: 100; with --json, all]
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) filter: Filter,
}

/// Which entries to list. Without a function, those of all.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Which entries")]
pub(crate) struct Filter {
    /// Entries that were computed longer ago than this: `7d`
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) older_than: Option<Duration>,
    /// Entries that were computed later than so long ago
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) newer_than: Option<Duration>,
    /// Entries that nobody used for so long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) idle: Option<Duration>,
    /// Entries of more bytes than this: `10MB`
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) larger_than: Option<u64>,
    /// Entries of fewer bytes than this
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) smaller_than: Option<u64>,
    /// Entries by code whose fingerprint begins with these digits, as `show` gives it
    #[arg(long, value_name = "DIGITS")]
    pub(crate) code: Option<String>,
    /// Entries that can't be read
    #[arg(long)]
    pub(crate) faulty: bool,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// By name, or by key
    Name,
    /// The largest first
    Size,
    /// Functions with the most entries first
    Entries,
    /// Functions that saved the most time first
    Saved,
    /// Entries that were used last first
    Used,
    /// Entries that were computed last first
    Created,
    /// Entries that took longest first
    Took,
}

/// Limits to keep to.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group = ArgGroup::new("limits").required(true).multiple(true))]
pub(crate) struct Trim {
    /// Bytes of all entries: `10GB`
    #[arg(long, group = "limits", value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) max_bytes: Option<u64>,
    /// How many entries
    #[arg(long, group = "limits", value_name = "COUNT")]
    pub(crate) max_entries: Option<u64>,
    /// Time since an entry was computed: `90d`
    #[arg(long, group = "limits", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_age: Option<Duration>,
    /// Time since an entry was used
    #[arg(long, group = "limits", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_idle: Option<Duration>,
    /// Only say what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The first digits of a key, at least four, in lower case.
#[derive(Clone, Debug)]
pub(crate) struct KeyPrefix(pub(crate) String);

impl FromStr for KeyPrefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (4..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if fits {
            Ok(KeyPrefix(text.to_ascii_lowercase()))
        } else {
            Err("a key is given by 4 to 64 hexadecimal digits")
        }
    }
}
