//! `larder verify`: reads every entry.

use std::io::Write;

use larder::{Entry, VerifyReport};
use serde::Serialize;

use crate::failure::Failure;
use crate::format::{count, one_line, size};
use crate::output::{say, write_json};
use crate::place::Place;

/// What was found, and what was done about it.
#[derive(Serialize)]
struct Found<'v> {
    #[serde(flatten)]
    verified: &'v VerifyReport,
    /// Entries that were removed.
    deleted: usize,
}

/// Compares all checksums, and removes what can't be used if asked to.
pub(crate) fn verify(place: &Place, delete: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let verified = place.watched(true, "verifying")?.verify()?;
    let mut deleted = 0;
    if delete && !verified.faulty.is_empty() {
        let cache = place.change()?;
        for entry in &verified.faulty {
            deleted += usize::from(cache.remove(entry)?);
        }
    }
    if place.json {
        write_json(out, &Found { verified: &verified, deleted })?;
    } else {
        for entry in &verified.faulty {
            writeln!(out, "{}", line(entry))?;
        }
        out.flush()?;
        let all = format!("{}, {}", count(verified.entries, "entry", "entries"), size(verified.bytes));
        match verified.faulty.len() {
            0 => say(&format!("{all}: all are as they were written")),
            faulty if faulty == deleted => {
                let were = if faulty == 1 { "was" } else { "were" };
                say(&format!("{all}: {faulty} can't be used and {were} removed"));
            }
            _ => {}
        }
    }
    match verified.faulty.len() - deleted {
        0 => Ok(()),
        left => {
            let it = if left == 1 { "it" } else { "them" };
            let left = count(left as u64, "entry", "entries");
            Err(Failure::Failed(format!("{left} can't be used, and will be computed anew; `--delete` removes {it}")))
        }
    }
}

/// An entry and what is wrong with it. Errors begin with the path already.
fn line(entry: &Entry) -> String {
    let path = entry.path.display().to_string();
    let fault = entry.fault.as_deref().unwrap_or_default();
    one_line(&if fault.starts_with(&path) { fault.to_owned() } else { format!("{path}: {fault}") })
}
