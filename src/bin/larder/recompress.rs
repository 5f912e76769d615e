//! `larder recompress`: compresses entries anew, while programs use them.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;

use larder::{Compression, Entry};
use serde::Serialize;

use crate::failure::Failure;
use crate::format::{count, number, one_line, size};
use crate::output::{Bar, say, write_json};
use crate::place::Place;
use crate::select;

/// What was done.
#[derive(Serialize)]
struct Done {
    /// The method and its level.
    compression: String,
    /// Entries that were looked at.
    entries: u64,
    /// Those that have another compressor now.
    recompressed: u64,
    /// Bytes of these before, and now.
    bytes_before: u64,
    bytes_after: u64,
    /// Those that had it already.
    unchanged: u64,
    /// Those that somebody was at.
    passed_over: u64,
    /// What is wrong with those that can't be compressed, which are as they were.
    faults: Vec<Fault>,
}

/// What is wrong with one entry, or with many.
#[derive(Serialize)]
struct Fault {
    what: String,
    entries: u64,
    /// The file of the first of them.
    first: PathBuf,
}

/// Compresses all entries that are not compressed so, or those of one function.
pub(crate) fn recompress(
    place: &Place,
    compression: Compression,
    function: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    // Where there is nothing, nothing is made.
    let functions = place.look()?.functions()?;
    let function = function.map(|function| select::function(place, &functions, function)).transpose()?;
    let mut done = Done {
        compression: compression.to_string(),
        entries: 0,
        recompressed: 0,
        bytes_before: 0,
        bytes_after: 0,
        unchanged: 0,
        passed_over: 0,
        faults: Vec::new(),
    };
    if !functions.is_empty() {
        let cache = place.change()?;
        let entries = match function {
            Some(function) => function.entries()?,
            None => cache.entries()?,
        };
        let (bar, total) = (Bar::new("compressing"), entries.len() as u64);
        // A folder that changes while it is listed may give an entry twice.
        let mut seen = HashSet::new();
        for entry in entries {
            if !seen.insert(entry.key) {
                continue;
            }
            done.entries += 1;
            if entry.fault.is_none() && entry.compressor == done.compression {
                done.unchanged += 1;
            } else {
                match cache.recompress(&entry, compression) {
                    Ok(Some(size)) => {
                        done.recompressed += 1;
                        done.bytes_before += entry.size;
                        done.bytes_after += size;
                    }
                    Ok(None) => done.passed_over += 1,
                    Err(error) => done.failed(&entry, &error),
                }
            }
            bar.show(done.entries, total.max(done.entries));
        }
    }
    if place.json {
        write_json(out, &done)?;
        out.flush()?;
    } else {
        done.faults.iter().for_each(|fault| say(&one_line(&fault.line())));
        say(&done.line());
    }
    match done.faults.iter().map(|fault| fault.entries).sum::<u64>() {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 entry can't be compressed anew, and stays as it is".to_owned())),
        left => {
            Err(Failure::Failed(format!("{} entries can't be compressed anew, and stay as they are", number(left))))
        }
    }
}

impl Fault {
    fn line(&self) -> String {
        let Fault { what, entries, first } = self;
        match entries {
            1 => format!("{}: {what}", first.display()),
            entries => {
                format!("{}, the first of them {}: {what}", count(*entries, "entry", "entries"), first.display())
            }
        }
    }
}

impl Done {
    /// Notes an error. What is wrong with thousands of entries is said once.
    fn failed(&mut self, entry: &Entry, error: &larder::Error) {
        let said = error.to_string();
        let what = match error.path() {
            Some(path) => said.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&said),
            None => &said,
        };
        match self.faults.iter_mut().find(|fault| fault.what == what) {
            Some(fault) => fault.entries += 1,
            None => self.faults.push(Fault { what: what.to_owned(), entries: 1, first: entry.path.clone() }),
        }
    }

    fn line(&self) -> String {
        let Done { compression, entries, recompressed, bytes_before, bytes_after, .. } = self;
        let (entries, recompressed) = (count(*entries, "entry", "entries"), number(*recompressed));
        let mut line = format!("recompressed {recompressed} of {entries} with {compression}");
        if *bytes_before > 0 {
            let tenths = u128::from(*bytes_after) * 1000 / u128::from(*bytes_before);
            let share = format!("{}.{} %", tenths / 10, tenths % 10);
            line += &format!(": {} became {} ({share})", size(*bytes_before), size(*bytes_after));
        }
        if self.passed_over > 0 {
            line += &format!("; {} in use or gone", number(self.passed_over));
        }
        line
    }
}
