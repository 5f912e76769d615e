//! What `export` and `import` report.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use larder::__text::{number, one_line};
use larder::ArchiveReport;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::streams::{print_message, write_json};

/// Reports how many entries were transferred, and fails if any file was left out.
pub(super) fn report(
    context: &Context,
    carried: &ArchiveReport,
    line: &str,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if context.json {
        write_json(out, carried)?;
        out.flush()?;
    } else {
        carried.faults.iter().for_each(|fault| print_message(&one_line(fault)));
        print_message(line);
    }
    match carried.refused {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 file was left out because it can't be used".to_owned())),
        refused => Err(Failure::Failed(format!("{} files were left out because they can't be used", number(refused)))),
    }
}

/// Returns a failure that names the archive.
pub(super) fn failed(file: &Path, error: &dyn Display) -> Failure {
    Failure::Failed(format!("{}: {error}", file.display()))
}
