//! Tests of the program `larder`, in one binary.
#![allow(
    missing_docs,
    clippy::allow_attributes,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these are tests"
)]

/// Runs the program, and makes caches for it.
mod program;

/// A cache of large values, which the tests of the library use as well.
#[path = "../../../../tests/common/model_cache.rs"]
mod model_cache;

/// A pseudoterminal for the program to run in.
#[cfg(target_os = "linux")]
mod terminal;

/// The text for people that the program prints, to compare its output with.
#[path = "../../src/output/text.rs"]
mod text;

/// Behaviour that all commands share.
mod conventions;

/// `larder ls`.
mod listing;

/// `larder show`.
mod showing;

/// `larder clear`.
mod clearing;

/// `larder stats`, `explain`, `verify`, `trim`, `doctor` and `path`.
mod maintenance;

/// `larder doctor` and the variables of the environment.
mod variables;

/// `larder recompress`, `export` and `import`.
mod transfer;

/// Entries of compressors that the program does not know.
mod unknown_compressor;

/// `larder top`.
#[cfg(target_os = "linux")]
mod top;

/// `larder report`: the text of the page.
mod report;

/// `larder report`: the page in a browser.
mod browser;

/// The reasons for the program's dependencies.
mod dependencies;
