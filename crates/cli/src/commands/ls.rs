//! `larder ls`: lists functions or entries.

use std::cmp::Reverse;
use std::io::Write;
use std::time::SystemTime;

use larder::__text::{count, cut, duration, number, one_line, size};
use larder::{Cache, Entry, FunctionInfo};

use crate::args::{Filter, Ls, Sort};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::entry::{ago, arguments, short_key, without_path};
use crate::output::progress::Bar;
use crate::output::streams::{print_message, write_json};
use crate::output::table;
use crate::output::table::Row;
use crate::select;

/// Rows that are listed by default.
const PAGE: usize = 100;

/// Lists functions, or entries if any option is about entries.
pub(crate) fn ls(context: &Context, ls: &Ls, out: &mut dyn Write) -> Result<(), Failure> {
    let cache = context.open_to_read()?;
    if ls.function.is_none() && !ls.filter.is_any() && !matches!(ls.sort, Some(Sort::Used | Sort::Created | Sort::Took))
    {
        return functions(context, &cache, ls, out);
    }
    if matches!(ls.sort, Some(Sort::Entries | Sort::Saved)) {
        return Err(Failure::Usage("entries can't be sorted by this; functions can".to_owned()));
    }
    entries(context, &cache, ls, out)
}

impl Ls {
    /// Returns the most rows to list.
    fn most(&self, context: &Context) -> usize {
        match self.limit {
            Some(0) => usize::MAX,
            Some(limit) => limit,
            None if context.json => usize::MAX,
            None => PAGE,
        }
    }
}

fn functions(context: &Context, cache: &Cache, ls: &Ls, out: &mut dyn Write) -> Result<(), Failure> {
    let mut functions = cache.functions()?;
    let (all, entries, bytes) = (functions.len(), sum(&functions, |f| f.entries), sum(&functions, |f| f.bytes));
    match ls.sort {
        Some(Sort::Size) => functions.sort_by_key(|function| Reverse(function.bytes)),
        Some(Sort::Entries) => functions.sort_by_key(|function| Reverse(function.entries)),
        Some(Sort::Saved) => functions.sort_by_key(|function| Reverse(function.stats.saved)),
        _ => {}
    }
    if ls.reverse {
        functions.reverse();
    }
    functions.truncate(ls.most(context));
    if context.json {
        return write_json(out, &functions);
    }
    if all == 0 {
        print_message(&context.nothing_cached());
        return Ok(());
    }
    let rows = functions.iter().map(|function| {
        let stats = &function.stats;
        let name = one_line(&function.name);
        let (hits, computed) = (number(stats.hits), number(stats.misses));
        [name, number(function.entries), size(function.bytes), hits, computed, duration(stats.saved)]
    });
    table::write(out, ["FUNCTION", "ENTRIES", "SIZE", "HITS", "COMPUTED", "SAVED"], &[1, 2, 3, 4, 5], rows)?;
    out.flush()?;
    let entries = count(entries, "entry", "entries");
    let cut = if functions.len() < all { format!("{} of {all} functions; ", functions.len()) } else { String::new() };
    print_message(&format!("{cut}{entries}, {} in {}", size(bytes), context.root.display()));
    Ok(())
}

fn sum(functions: &[FunctionInfo], number: impl Fn(&FunctionInfo) -> u64) -> u64 {
    functions.iter().map(number).sum()
}

fn entries(context: &Context, cache: &Cache, ls: &Ls, out: &mut dyn Write) -> Result<(), Failure> {
    let functions = cache.functions()?;
    let function = match &ls.function {
        None => None,
        Some(function) => Some(select::function(context, &functions, function)?),
    };
    let most = ls.most(context);
    let (entries, all) = listed(cache, function, ls, most)?;
    if context.json {
        return write_json(out, &entries);
    }
    if entries.is_empty() {
        let what = function.map_or_else(String::new, |function| format!(" of {}", one_line(&function.name)));
        let such = if ls.filter.is_any() { "no such entry is cached" } else { "nothing is cached" };
        print_message(&format!("{such}{what} in {}", context.root.display()));
        return Ok(());
    }
    if function.is_some() {
        let header = ["KEY", "AGE", "USED", "TOOK", "SIZE", "COMPRESSOR"];
        table::write_with_texts(out, header, "ARGUMENTS", &[3, 4], entries.iter().map(row).collect())?;
    } else {
        let header = ["KEY", "FUNCTION", "AGE", "USED", "TOOK", "SIZE", "COMPRESSOR"];
        let rows = entries.iter().map(|entry| {
            let Row { cells: [key, age, used, took, size, compressor], text, is_fault } = row(entry);
            Row { cells: [key, one_line(&entry.function), age, used, took, size, compressor], text, is_fault }
        });
        table::write_with_texts(out, header, "ARGUMENTS", &[4, 5], rows.collect())?;
    }
    out.flush()?;
    if (entries.len() as u64) < all {
        print_message(&format!(
            "{} of {}; `--limit 0` lists all",
            number(entries.len() as u64),
            count(all, "entry", "entries")
        ));
    }
    Ok(())
}

/// Returns the entries to list, and how many entries match.
fn listed(cache: &Cache, function: Option<&FunctionInfo>, ls: &Ls, most: usize) -> Result<(Vec<Entry>, u64), Failure> {
    // The order by last use needs the times of files only, so headers are read for the listed entries alone.
    if matches!(ls.sort, None | Some(Sort::Used)) && !ls.reverse && !ls.filter.is_any() && most < usize::MAX {
        let entries = match function {
            Some(function) => function.recently_used(most)?,
            None => cache.recently_used(most)?,
        };
        return Ok((entries, function.map_or(cache.stats()?.entries, |function| function.entries)));
    }
    let entries = match function {
        Some(function) => function.entries()?,
        None => cache.entries()?,
    };
    let total = function.map_or(cache.stats()?.entries, |function| function.entries);
    let bar = Bar::new("reading");
    let seen = (1..).zip(entries).inspect(|(done, _)| bar.set(*done, total)).map(|(_, entry)| entry);
    let mut entries: Vec<_> = seen.filter(|entry| ls.filter.lets_pass(entry)).collect();
    match ls.sort {
        Some(Sort::Name) => entries.sort_by_key(|entry| entry.key),
        Some(Sort::Size) => entries.sort_by_key(|entry| (Reverse(entry.size), entry.key)),
        Some(Sort::Created) => entries.sort_by_key(|entry| (Reverse(entry.created), entry.key)),
        Some(Sort::Took) => entries.sort_by_key(|entry| (Reverse(entry.took), entry.key)),
        _ => entries.sort_by_key(|entry| (Reverse(entry.used), entry.key)),
    }
    if ls.reverse {
        entries.reverse();
    }
    let all = entries.len() as u64;
    entries.truncate(most);
    Ok((entries, all))
}

impl Filter {
    fn is_any(&self) -> bool {
        let Filter { older_than, newer_than, idle, larger_than, smaller_than, code, faulty } = self;
        let times = [older_than, newer_than, idle].into_iter().any(Option::is_some);
        times || larger_than.is_some() || smaller_than.is_some() || code.is_some() || *faulty
    }

    fn lets_pass(&self, entry: &Entry) -> bool {
        // Times in the future count as now.
        let since = |time: SystemTime| time.elapsed().unwrap_or_default();
        // Of an entry that can't be read, only the file's metadata is known.
        let readable = entry.fault.is_none();
        self.older_than.is_none_or(|age| readable && since(entry.created) > age)
            && self.newer_than.is_none_or(|age| readable && since(entry.created) <= age)
            && self.idle.is_none_or(|idle| since(entry.used) > idle)
            && self.larger_than.is_none_or(|size| entry.size > size)
            && self.smaller_than.is_none_or(|size| entry.size < size)
            && self.code.as_ref().is_none_or(|code| readable && entry.code.starts_with(&code.to_ascii_lowercase()))
            && (!self.faulty || !readable)
    }
}

fn row(entry: &Entry) -> Row<impl Fn(usize) -> String, 6> {
    let unknown = || "?".to_owned();
    let (key, used, size) = (short_key(&entry.key), ago(entry.used), size(entry.size));
    let cells = if entry.fault.is_some() {
        [key, unknown(), used, unknown(), size, unknown()]
    } else {
        [key, ago(entry.created), used, duration(entry.took), size, one_line(&entry.compressor)]
    };
    let text = move |limit| match &entry.fault {
        Some(fault) => cut(&one_line(&format!("can't be read: {}", without_path(fault, &entry.path))), limit),
        None => arguments(&entry.arguments, limit),
    };
    Row { cells, text, is_fault: entry.fault.is_some() }
}
