//! The program `larder`: looks into a cache, and looks after it.

mod args;

mod clear;
mod doctor;
mod explain;
mod export;
mod import;
mod ls;
mod path;
mod recompress;
mod report;
mod show;
mod stats;
mod top;
mod trim;
mod verify;

mod failure;
mod format;
mod output;
mod place;
#[path = "../../text/humanize.rs"]
mod readable;
mod select;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;

use anstream::AutoStream;
use clap::{CommandFactory as _, Parser as _};

use args::{Args, Command};
use failure::Failure;
use output::say;
use place::Place;

fn main() -> ExitCode {
    let args = Args::parse();
    // Takes the colours out where nobody wants them.
    let stdout = io::stdout().lock();
    let choice = AutoStream::choice(&stdout);
    let mut out = io::BufWriter::new(AutoStream::new(stdout, choice));
    let (code, message) = match run(args, &mut out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) | Err(Failure::Unread) => return ExitCode::SUCCESS,
        Err(Failure::Failed(message)) => (1, message),
        Err(Failure::Usage(message)) => (2, message),
    };
    // What was found before it failed comes first.
    let _ = out.flush();
    say(&format!("larder: {message}"));
    ExitCode::from(code)
}

fn run(args: Args, out: &mut dyn Write) -> Result<(), Failure> {
    let place = Place::of(args.root, args.json)?;
    match args.command {
        Command::Stats { function } => stats::stats(&place, function.as_deref(), out),
        Command::Ls(ls) => ls::ls(&place, &ls, out),
        Command::Show { key, full } => show::show(&place, &key, full, out),
        Command::Explain { key, other } => explain::explain(&place, &key, other.as_ref(), out),
        Command::Verify { delete } => verify::verify(&place, delete, out),
        Command::Trim(trim) => trim::trim(&place, &trim, out),
        Command::Clear { function, yes } => clear::clear(&place, function.as_deref(), yes, out),
        Command::Recompress { compression, function } => {
            recompress::recompress(&place, compression, function.as_deref(), out)
        }
        Command::Export { file, function } => export::export(&place, &file, function.as_deref(), out),
        Command::Import { file } => import::import(&place, &file, out),
        Command::Path { function } => path::path(&place, function.as_deref(), out),
        Command::Doctor => doctor::doctor(&place, out),
        Command::Top { every } => top::top(&place, every),
        Command::Report { file } => report::report(&place, &file, out),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "larder", &mut io::stdout().lock());
            Ok(())
        }
    }
}
