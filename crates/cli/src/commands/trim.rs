//! `larder trim`: removes entries until the cache is within limits.

use std::io::Write;

use larder::__text::{count, size};
use larder::Limits;

use crate::args::Trim;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::streams::{print_message, write_json};

/// Removes entries until the limits hold, or prints what would be removed.
pub(crate) fn trim(context: &Context, trim: &Trim, out: &mut dyn Write) -> Result<(), Failure> {
    // Without entries, no cache is created.
    let dry_run = trim.dry_run || context.open_to_read()?.functions()?.is_empty();
    let limits = Limits {
        max_bytes: trim.max_bytes,
        max_entries: trim.max_entries,
        max_age: trim.max_age,
        max_idle: trim.max_idle,
    };
    let cache = context.open_with_progress(dry_run, "removing")?;
    let trimmed = if dry_run { cache.trim_dry_run(&limits)? } else { cache.trim_to(&limits)? };
    if context.json {
        return write_json(out, &trimmed);
    }
    let removed = format!("{} ({})", count(trimmed.removed, "entry", "entries"), size(trimmed.removed_bytes));
    let kept = format!("{} ({})", count(trimmed.kept, "entry", "entries"), size(trimmed.kept_bytes));
    print_message(&if trim.dry_run {
        format!("would remove {removed}, and keep {kept}")
    } else {
        format!("removed {removed}, kept {kept}")
    });
    Ok(())
}
