//! `larder trim`: makes the cache smaller.

use std::io::Write;

use larder::Limits;

use crate::args::Trim;
use crate::failure::Failure;
use crate::format::{count, size};
use crate::output::{say, write_json};
use crate::place::Place;

/// Removes entries until the limits hold, or says what would go.
pub(crate) fn trim(place: &Place, trim: &Trim, out: &mut dyn Write) -> Result<(), Failure> {
    let limits = Limits {
        max_bytes: trim.max_bytes,
        max_entries: trim.max_entries,
        max_age: trim.max_age,
        max_idle: trim.max_idle,
        dry_run: trim.dry_run,
    };
    // Where there is nothing, nothing is made.
    let nothing_there = place.look()?.functions()?.is_empty();
    let trimmed = place
        .watched(trim.dry_run || nothing_there, "removing")?
        .trim_to(&Limits { dry_run: trim.dry_run || nothing_there, ..limits })?;
    if place.json {
        return write_json(out, &trimmed);
    }
    let removed = format!("{} ({})", count(trimmed.removed, "entry", "entries"), size(trimmed.removed_bytes));
    let kept = format!("{} ({})", count(trimmed.kept, "entry", "entries"), size(trimmed.kept_bytes));
    say(&if trim.dry_run {
        format!("would remove {removed}, and keep {kept}")
    } else {
        format!("removed {removed}, kept {kept}")
    });
    Ok(())
}
