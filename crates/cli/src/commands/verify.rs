//! `larder verify`: reads every entry and checks its checksums.

use std::io::Write;

use larder::__text::{count, one_line, size};
use larder::{Entry, VerifyReport};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::entry::without_path;
use crate::output::streams::{print_message, write_json};

/// Report of a verification.
#[derive(Serialize)]
struct Found<'v> {
    #[serde(flatten)]
    verified: &'v VerifyReport,
    /// Faulty entries that were removed.
    deleted: usize,
}

/// Checks all entries, and removes those that can't be read if `delete` is given.
pub(crate) fn verify(context: &Context, delete: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let verified = context.open_with_progress(true, "verifying")?.verify()?;
    let mut deleted = 0;
    if delete && !verified.faulty.is_empty() {
        let cache = context.open_to_change()?;
        for entry in &verified.faulty {
            deleted += usize::from(cache.remove(entry)?);
        }
    }
    if context.json {
        write_json(out, &Found { verified: &verified, deleted })?;
    } else {
        for entry in &verified.faulty {
            writeln!(out, "{}", line(entry))?;
        }
        out.flush()?;
        let all = format!("{}, {}", count(verified.entries, "entry", "entries"), size(verified.bytes));
        match verified.faulty.len() {
            0 => print_message(&format!("{all}: all are intact")),
            faulty if faulty == deleted => {
                let were = if faulty == 1 { "was" } else { "were" };
                print_message(&format!("{all}: {faulty} can't be read and {were} removed"));
            }
            _ => {}
        }
    }
    match verified.faulty.len() - deleted {
        0 => Ok(()),
        left => {
            let it = if left == 1 { "it" } else { "them" };
            let left = count(left as u64, "entry", "entries");
            Err(Failure::Failed(format!("{left} can't be read and will be computed again; `--delete` removes {it}")))
        }
    }
}

/// Describes a faulty entry. Many faults begin with the path already.
fn line(entry: &Entry) -> String {
    let fault = without_path(entry.fault.as_deref().unwrap_or_default(), &entry.path);
    one_line(&format!("{}: {fault}", entry.path.display()))
}
