//! The command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use larder::{Compression, parse_bytes, parse_duration};

const EXIT_CODES: &str = "\
Exit codes:
  0  success, also if there was nothing to do
  1  the command failed, or `verify` or `doctor` found a fault; stderr says what
  2  the arguments are invalid

Data goes to stdout, everything else to stderr. Colours are used on terminals only, and never if NO_COLOR is set.
The variable LARDER, which changes how programs use their caches, has no effect here.";

/// Inspect and maintain the caches of memoized functions
#[derive(Debug, Parser)]
#[command(name = "larder", version, after_long_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The folder of the cache [default: $LARDER_DIR, else `larder` in your cache folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Write JSON: sizes in bytes, durations in seconds, times in seconds since 1970
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what the cache did: hits, misses, time saved
    Stats {
        /// Only this function: its name, or the end of its name after a `::`
        function: Option<String>,
    },
    /// List the functions, or the entries of one function
    Ls(Ls),
    /// Show the metadata and the value of one entry
    Show {
        /// The key of the entry, or at least its first 4 digits
        key: KeyPrefix,
        /// Show the whole value, however long it is
        #[arg(long)]
        full: bool,
    },
    /// Show why an entry was computed, and how it differs from another one
    Explain {
        /// The key of the entry, or at least its first 4 digits
        key: KeyPrefix,
        /// The entry to compare with [default: the most similar one]
        other: Option<KeyPrefix>,
    },
    /// Read every entry and check its checksums
    Verify {
        /// Remove the entries that can't be read
        #[arg(long)]
        delete: bool,
    },
    /// Remove the least recently used entries until the cache is within limits
    Trim(Trim),
    /// Remove the entries of one function, or all entries
    Clear(Clear),
    /// Compress stored entries with another compressor; safe while programs use them
    Recompress {
        /// The compressor, with its level if it has levels: `zstd:3`, `lz4`, `none`
        #[arg(value_name = "COMPRESSOR[:LEVEL]")]
        compression: Compression,
        /// Only this function: its name, or the end of its name after a `::`
        function: Option<String>,
    },
    /// Write entries into an archive, for another machine
    Export {
        /// The archive: a tar file, compressed according to its extension (`.tar`, `.tar.gz`, `.tar.zst`, …)
        file: PathBuf,
        /// Only this function: its name, or the end of its name after a `::`
        function: Option<String>,
    },
    /// Store the entries of an archive that `export` wrote; damaged ones are left out
    Import {
        /// The archive
        file: PathBuf,
    },
    /// Print the folder of the cache, or of one function
    Path {
        /// The function: its name, or the end of its name after a `::`
        function: Option<String>,
    },
    /// Find problems of the cache and show how to fix them
    Doctor,
    /// Watch the cache in a terminal
    Top {
        /// Time between updates
        #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
        every: Duration,
    },
    /// Write an HTML page about space used and time saved
    Report {
        /// The page, one file that needs no network
        #[arg(default_value = "larder.html")]
        file: PathBuf,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// The options of `larder clear`.
#[derive(Debug, clap::Args)]
pub(crate) struct Clear {
    /// Only this function: its name, or the end of its name after a `::`; includes all functions of that name
    pub(crate) function: Option<String>,
    /// Remove without asking; required if stdin is no terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Only show what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The options of `larder ls`.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    /// List the entries of this function: its name, or the end of its name after a `::`
    pub(crate) function: Option<String>,
    /// The order [default: functions by name, entries by last use]
    #[arg(long, value_name = "BY")]
    pub(crate) sort: Option<Sort>,
    /// Reverse the order
    #[arg(long)]
    pub(crate) reverse: bool,
    /// The most rows to list, 0 for all [default: 100; with --json, all]
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) filter: Filter,
}

/// The entries to list: all conditions must hold. Without a function, entries of all functions are listed.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Which entries")]
pub(crate) struct Filter {
    /// Entries that were computed longer ago than this: `7d`
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) older_than: Option<Duration>,
    /// Entries that were computed at most this long ago
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) newer_than: Option<Duration>,
    /// Entries that were not used for longer than this
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) idle: Option<Duration>,
    /// Entries larger than this: `10MB`
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) larger_than: Option<u64>,
    /// Entries smaller than this
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) smaller_than: Option<u64>,
    /// Entries of the code whose fingerprint, which `show` prints, begins with these digits
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
    /// Largest first
    Size,
    /// Functions with the most entries first
    Entries,
    /// Functions that saved most time first
    Saved,
    /// Most recently used entries first
    Used,
    /// Most recently computed entries first
    Created,
    /// Entries that took longest to compute first
    Took,
}

/// The options of `larder trim`.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group = ArgGroup::new("limits").required(true).multiple(true))]
pub(crate) struct Trim {
    /// The size of all entries: `10GB`
    #[arg(long, group = "limits", value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) max_bytes: Option<u64>,
    /// The number of entries
    #[arg(long, group = "limits", value_name = "COUNT")]
    pub(crate) max_entries: Option<u64>,
    /// The time since an entry was computed: `90d`
    #[arg(long, group = "limits", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_age: Option<Duration>,
    /// The time since an entry was used last
    #[arg(long, group = "limits", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_idle: Option<Duration>,
    /// Only show what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The first digits of a key: at least four, in lower case.
#[derive(Clone, Debug)]
pub(crate) struct KeyPrefix(pub(crate) String);

impl FromStr for KeyPrefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (4..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if fits { Ok(KeyPrefix(text.to_ascii_lowercase())) } else { Err("a key has 4 to 64 hexadecimal digits here") }
    }
}
