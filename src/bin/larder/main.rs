//! The program `larder`: looks at a cache, and clears it.

mod args;

mod clear;
mod ls;
mod show;

mod format;
mod select;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use larder::Cache;
use serde::Serialize;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (code, message) = match run(args, &mut out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) | Err(Failure::Unread) => return ExitCode::SUCCESS,
        Err(Failure::Failed(message)) => (1, message),
        Err(Failure::Usage(message)) => (2, message),
    };
    say(&format!("larder: {message}"));
    ExitCode::from(code)
}

fn run(args: Args, out: &mut dyn Write) -> Result<(), Failure> {
    let root = match args.root {
        Some(root) => root,
        None => Cache::global_folder()?,
    };
    let place = Place { root, json: args.json };
    match args.command {
        Command::Ls { function: None } => ls::functions(&place, out),
        Command::Ls { function: Some(function) } => ls::entries(&place, &function, out),
        Command::Show { key } => show::entry(&place, &key, out),
        Command::Clear { function, yes } => clear::clear(&place, function.as_deref(), yes, out),
    }
}

/// Which cache, and for whom.
struct Place {
    root: PathBuf,
    /// Write for programs instead of people.
    json: bool,
}

impl Place {
    /// Opens the cache to look at it. Nothing is created, also if there is nothing.
    fn look(&self) -> Result<Cache, Failure> {
        Ok(Cache::builder(&self.root).unsteered().read_only(true).open()?)
    }

    /// Opens the cache to change it.
    fn change(&self) -> Result<Cache, Failure> {
        Ok(Cache::builder(&self.root).unsteered().open()?)
    }

    fn nothing_cached(&self) -> String {
        format!("nothing is cached in {}", self.root.display())
    }
}

/// Why a command ends without having done what was asked.
#[derive(Debug)]
enum Failure {
    /// It was asked in a wrong way: exit code 2.
    Usage(String),
    /// It could not be done: exit code 1.
    Failed(String),
    /// Whoever read the output has read enough, as `head` does: exit code 0.
    Unread,
}

impl From<larder::Error> for Failure {
    fn from(error: larder::Error) -> Self {
        Failure::Failed(error.to_string())
    }
}

/// What can happen on the way to stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Unread,
            _ => Failure::Failed(format!("can't write: {error}")),
        }
    }
}

/// Writes what `--json` promises: one value, whole or not at all.
fn write_json<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::Failed(format!("can't write as JSON: {error}")))?;
    Ok(writeln!(out, "{json}")?)
}

/// Writes a line to stderr. If that can't be read either, there is nobody to tell.
fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
