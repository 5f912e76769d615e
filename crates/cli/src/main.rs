//! The program `larder`: inspects and maintains caches.

mod args;
mod commands;
mod report;
mod top;

mod context;
mod failure;
mod output;
mod select;

use std::io::{self, Write};
use std::process::ExitCode;

use anstream::AutoStream;
use clap::{CommandFactory as _, Parser as _};

use args::{Args, Command};
use context::Context;
use failure::Failure;
use output::streams::print_message;

fn main() -> ExitCode {
    let args = Args::parse();
    // Removes the colours if stdout is no terminal, or NO_COLOR is set.
    let stdout = io::stdout().lock();
    let choice = AutoStream::choice(&stdout);
    let mut out = io::BufWriter::new(AutoStream::new(stdout, choice));
    let (code, message) = match run(args, &mut out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) | Err(Failure::ReaderGone) => return ExitCode::SUCCESS,
        Err(Failure::Failed(message)) => (1, message),
        Err(Failure::Usage(message)) => (2, message),
    };
    // Output that was written before the failure comes before its message.
    let _ = out.flush();
    print_message(&format!("larder: {message}"));
    ExitCode::from(code)
}

fn run(args: Args, out: &mut dyn Write) -> Result<(), Failure> {
    let context = Context::new(args.root, args.json)?;
    match args.command {
        Command::Stats { function } => commands::stats::stats(&context, function.as_deref(), out),
        Command::Ls(ls) => commands::ls::ls(&context, &ls, out),
        Command::Show { key, full } => commands::show::show(&context, &key, full, out),
        Command::Explain { key, other } => commands::explain::explain(&context, &key, other.as_ref(), out),
        Command::Verify { delete } => commands::verify::verify(&context, delete, out),
        Command::Trim(trim) => commands::trim::trim(&context, &trim, out),
        Command::Clear(clear) => commands::clear::clear(&context, &clear, out),
        Command::Recompress { compression, function } => {
            commands::recompress::recompress(&context, compression, function.as_deref(), out)
        }
        Command::Export { file, function } => commands::export::export(&context, &file, function.as_deref(), out),
        Command::Import { file } => commands::import::import(&context, &file, out),
        Command::Path { function } => commands::path::path(&context, function.as_deref(), out),
        Command::Doctor => commands::doctor::doctor(&context, out),
        Command::Top { every } => top::top(&context, every),
        Command::Report { file } => report::report(&context, &file, out),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "larder", &mut io::stdout().lock());
            Ok(())
        }
    }
}
