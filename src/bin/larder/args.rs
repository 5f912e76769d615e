//! What the user types.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, also if there was nothing to list or to clear
  1  the request failed; stderr says why
  2  the request makes no sense as it was typed

Data goes to stdout, all else to stderr. Only help has colours, and none if NO_COLOR is set.
The variable LARDER, which turns caching off for programs, changes nothing here.";

/// Looks at what memoized functions have stored, and clears it
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
    /// List the functions, or the entries of one function
    Ls {
        /// The function whose entries to list, newest first: its name, or the end of it after a `::`
        function: Option<String>,
    },
    /// Show one entry, and how to extract its value
    Show {
        /// The entry's key, or its first digits, at least 4
        key: KeyPrefix,
    },
    /// Remove the entries of one function, or all
    Clear {
        /// The function whose entries to remove: its name, or the end of it after a `::`
        function: Option<String>,
        /// Don't ask; needed where nobody can be asked
        #[arg(long, short)]
        yes: bool,
    },
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
