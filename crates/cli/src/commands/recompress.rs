//! `larder recompress`: compresses stored entries with another compressor.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;

use larder::__text::{count, number, one_line, size};
use larder::{Compression, Entry};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::entry::without_path;
use crate::output::progress::Bar;
use crate::output::streams::{print_message, write_json};
use crate::output::text::share;
use crate::select;

/// Report of what was done.
#[derive(Serialize)]
struct Done {
    /// The compressor and its level.
    compression: String,
    /// Entries that were examined.
    entries: u64,
    /// Entries that were compressed again.
    recompressed: u64,
    /// Bytes of the recompressed entries, before and after.
    bytes_before: u64,
    bytes_after: u64,
    /// Entries that had this compressor already.
    unchanged: u64,
    /// Entries that another process was changing, or that were removed.
    passed_over: u64,
    /// Why entries can't be compressed. Those entries are unchanged.
    faults: Vec<Fault>,
}

/// A fault of one entry, or of many.
#[derive(Serialize)]
struct Fault {
    what: String,
    entries: u64,
    /// The file of the first entry with this fault.
    first: PathBuf,
}

/// Compresses all entries that have another compressor, or those of one function.
pub(crate) fn recompress(
    context: &Context,
    compression: Compression,
    function: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    // Without entries, no cache is created.
    let functions = context.open_to_read()?.functions()?;
    let function = function.map(|function| select::function(context, &functions, function)).transpose()?;
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
        let cache = context.open_to_change()?;
        let entries = match function {
            Some(function) => function.entries()?,
            None => cache.entries()?,
        };
        let (bar, total) = (Bar::new("compressing"), entries.len() as u64);
        // If a folder changes while it is listed, an entry may be listed twice.
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
                    Err(error) => done.record_error(&entry, &error),
                }
            }
            bar.set(done.entries, total.max(done.entries));
        }
    }
    if context.json {
        write_json(out, &done)?;
        out.flush()?;
    } else {
        done.faults.iter().for_each(|fault| print_message(&one_line(&fault.line())));
        print_message(&done.line());
    }
    match done.faults.iter().map(|fault| fault.entries).sum::<u64>() {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 entry can't be recompressed and is unchanged".to_owned())),
        left => Err(Failure::Failed(format!("{} entries can't be recompressed and are unchanged", number(left)))),
    }
}

impl Fault {
    fn line(&self) -> String {
        let Fault { what, entries, first } = self;
        match entries {
            1 => format!("{}: {what}", first.display()),
            entries => {
                format!("{}, the first {}: {what}", count(*entries, "entry", "entries"), first.display())
            }
        }
    }
}

impl Done {
    /// Records an error. The same fault of thousands of entries is reported once.
    fn record_error(&mut self, entry: &Entry, error: &larder::Error) {
        let message = error.to_string();
        let what = match error.path() {
            Some(path) => without_path(&message, path),
            None => &message,
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
            let share = share(*bytes_after, *bytes_before);
            line += &format!(": {} became {} ({share})", size(*bytes_before), size(*bytes_after));
        }
        if self.passed_over > 0 {
            line += &format!("; {} in use or gone", number(self.passed_over));
        }
        line
    }
}
