//! `larder stats`: what the cache did.

use std::io::Write;

use larder::__text::{count, duration, number, size};
use larder::Stats;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::streams::{print_message, write_json};
use crate::output::text::share;
use crate::select;

/// Prints what all processes together did with the cache, or with one function.
pub(crate) fn stats(context: &Context, function: Option<&str>, out: &mut dyn Write) -> Result<(), Failure> {
    let cache = context.open_to_read()?;
    let stats = match function {
        None => cache.stats()?,
        Some(function) => select::function(context, &cache.functions()?, function)?.stats.clone(),
    };
    if context.json {
        return write_json(out, &stats);
    }
    if stats == Stats::default() {
        print_message(&context.nothing_cached());
        return Ok(());
    }
    let mut line = |name: &str, value: String| writeln!(out, "{}", format!("{name:<12}{value}").trim_end());
    let calls = stats.hits + stats.misses + stats.bypasses;
    line("calls", number(calls))?;
    line(
        "hits",
        format!(
            "{} ({}), {} of them from memory",
            number(stats.hits),
            share(stats.hits, calls),
            number(stats.hot_hits)
        ),
    )?;
    line("computed", format!("{}, in {}", number(stats.misses), duration(stats.computed)))?;
    if stats.bypasses > 0 {
        line("bypasses", format!("{}, which did not use the cache", number(stats.bypasses)))?;
    }
    line("time saved", duration(stats.saved))?;
    line("entries", format!("{}, {}", number(stats.entries), size(stats.bytes)))?;
    line("read", size(stats.bytes_read))?;
    line("written", size(stats.bytes_written))?;
    let kinds = stats.errors_by_kind.iter().map(|(kind, count)| format!("{count} {}", kind.name()));
    let unequal = (stats.unequal > 0).then(|| format!("{} different when verified", stats.unequal));
    match stats.errors {
        0 => line("errors", "none".to_owned())?,
        errors => {
            let kinds: Vec<_> = kinds.chain(unequal).collect();
            line("errors", format!("{}: {}", number(errors), kinds.join(", ")))?;
            if stats.too_large > 0 {
                line("too large", count(stats.too_large, "result", "results") + ", larger than the cache may be")?;
            }
        }
    }
    Ok(())
}
