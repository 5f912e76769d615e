//! The tables of the page.

use std::time::Duration;

use larder::__text::{count, cut, duration, number, one_line, size};
use maud::{Markup, html};

use super::bars::bar;
use super::data::{Age, Compressor, Data, Function, Unreadable};
use super::parts::{date_and_time, name, section};
use crate::output::entry::{arguments, short_key};
use crate::output::text::{age, share};

/// The most rows of a table. The data in the page has all of them.
const MOST_ROWS: usize = 1000;

/// The most characters of arguments, or of a fault.
const LONGEST_TEXT: usize = 120;

/// The heading of a column, and whether it has numbers.
type Column = (&'static str, bool);

/// Renders a table that scrolls within the page. The script turns its headings into buttons that sort.
fn table(label: &str, columns: &[Column], rows: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(label) {
            table.sortable {
                thead {
                    tr {
                        @for (heading, is_number) in columns {
                            th.number[*is_number] scope="col" { (heading) }
                        }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

/// Renders a number, with the value to sort it by.
fn cell(value: impl maud::Render, text: &str) -> Markup {
    html! { td.number data-value=(value) { (text) } }
}

pub(crate) fn functions(functions: &[Function]) -> Markup {
    let columns = [
        ("Function", false),
        ("Saved", true),
        ("Spent", true),
        ("Hits", true),
        ("Computed", true),
        ("Entries", true),
        ("Size", true),
    ];
    let rows = html! {
        @for (index, function) in functions.iter().enumerate().take(MOST_ROWS) {
            @let stats = &function.stats;
            tr id={ "function-" (index) } {
                th scope="row" title=(one_line(&function.signature)) { (name(&function.name)) }
                (cell(stats.saved.as_secs_f64(), &duration(stats.saved)))
                (cell(stats.computed.as_secs_f64(), &duration(stats.computed)))
                (cell(stats.hits, &number(stats.hits)))
                (cell(stats.misses, &number(stats.misses)))
                (cell(function.entries, &number(function.entries)))
                (cell(function.bytes, &size(function.bytes)))
            }
        }
    };
    let content = html! {
        (table("Functions", &columns, &rows))
        (rest(functions.len()))
    };
    section("functions", "Functions", &content)
}

fn rest(all: usize) -> Markup {
    html! {
        @if all > MOST_ROWS {
            p.note { "And " (number((all - MOST_ROWS) as u64)) " more; " code { "larder ls" } " lists them all." }
        }
    }
}

pub(crate) fn ages(data: &Data) -> Markup {
    let ages = &data.ages;
    let most = |number: fn(&Age) -> u64| ages.iter().map(number).max().unwrap_or(0) as f64;
    let (entries, bytes) = (most(|age| age.sum.entries), most(|age| age.sum.bytes));
    let rows = html! {
        @for age in ages {
            tr {
                th scope="row" { (age.name) }
                td.barred data-value=(age.sum.entries) {
                    (bar("saved", age.sum.entries as f64, entries)) (number(age.sum.entries))
                }
                td.barred data-value=(age.sum.bytes) {
                    (bar("saved", age.sum.bytes as f64, bytes)) (size(age.sum.bytes))
                }
            }
        }
    };
    let content = html! {
        div.scroll tabindex="0" role="region" aria-label="Ages" {
            table {
                thead { tr {
                    th scope="col" { "Computed" } th.number scope="col" { "Entries" } th.number scope="col" { "Size" }
                } }
                tbody { (rows) }
            }
        }
    };
    section("ages", "Ages", &content)
}

pub(crate) fn compressors(compressors: &[Compressor]) -> Markup {
    let columns = [("Compressor", false), ("Entries", true), ("Stored", true), ("Before", true), ("Ratio", true)];
    let rows = html! {
        @for compressor in compressors {
            @let ratio = compressor.before as f64 / compressor.stored.max(1) as f64;
            tr {
                th scope="row" { bdi { (cut(&one_line(&compressor.name), LONGEST_TEXT)) } }
                (cell(compressor.entries, &number(compressor.entries)))
                (cell(compressor.stored, &size(compressor.stored)))
                (cell(compressor.before, &size(compressor.before)))
                (cell(ratio, &format!("{ratio:.1}")))
            }
        }
    };
    let content = html! {
        (table("Compressors", &columns, &rows))
        p.note { "Sizes are those of the values, without the headers of the entries: as stored, and before compression." }
    };
    section("compressors", "Compressors", &content)
}

pub(crate) fn largest(data: &Data) -> Markup {
    let columns =
        [("Key", false), ("Function", false), ("Arguments", false), ("Size", true), ("Took", true), ("Age", true)];
    let rows = html! {
        @for entry in &data.largest {
            @let since = data.written.saturating_sub(entry.created);
            tr {
                th.key scope="row" { code title=(entry.key) { (short_key(&entry.key)) } }
                td.function { (name(&entry.function)) }
                td.arguments { bdi { (arguments(&entry.arguments, LONGEST_TEXT)) } }
                (cell(entry.size, &size(entry.size)))
                (cell(entry.took, &duration(Duration::try_from_secs_f64(entry.took).unwrap_or_default())))
                td.number data-value=(since) title=(date_and_time(entry.created)) { (age(Duration::from_secs(since))) }
            }
        }
    };
    if data.largest.is_empty() {
        return html! {};
    }
    let content = html! {
        (table("Largest entries", &columns, &rows))
        p.note { code { "larder show KEY" } " shows one of them, with its value." }
    };
    section("largest", "Largest entries", &content)
}

/// Renders which entries were computed by older code.
pub(crate) fn codes(functions: &[Function]) -> Markup {
    let older: Vec<&Function> = functions.iter().filter(|function| function.older.entries > 0).collect();
    let sum = |number: fn(&Function) -> u64| older.iter().map(|function| number(function)).sum::<u64>();
    let (entries, bytes) = (sum(|function| function.older.entries), sum(|function| function.older.bytes));
    let all = functions.iter().map(|function| function.older.bytes + function.current.bytes).sum();
    let columns = [
        ("Function", false),
        ("Codes", true),
        ("Of the latest", true),
        ("Of older code", true),
        ("Size of these", true),
    ];
    let rows = html! {
        @for function in older.iter().take(MOST_ROWS) {
            tr {
                th scope="row" { (name(&function.name)) }
                (cell(function.codes, &number(function.codes as u64)))
                (cell(function.current.entries, &number(function.current.entries)))
                (cell(function.older.entries, &number(function.older.entries)))
                (cell(function.older.bytes, &size(function.older.bytes)))
            }
        }
    };
    let content = html! {
        @if older.is_empty() {
            p.note { "All entries of a function are of the same code." }
        } @else {
            p {
                (count(entries, "entry is", "entries are")) " of older code: " (size(bytes)) ", " (share(bytes, all))
                " of all. They are used again only if the code changes back."
            }
            (table("Code versions", &columns, &rows))
            (rest(older.len()))
            p.note {
                "The latest code is the one that was used last. " code { "larder trim --max-idle 30d" }
                " removes entries that were not used for 30 days."
            }
        }
    };
    section("codes", "Code versions", &content)
}

pub(crate) fn unreadable(unreadable: &Unreadable) -> Markup {
    if unreadable.sum.entries == 0 {
        return html! {};
    }
    let all = count(unreadable.sum.entries, "entry", "entries");
    let columns = [("File", false), ("Fault", false), ("Size", true)];
    let rows = html! {
        @for fault in &unreadable.some {
            tr {
                th.file scope="row" { code { bdi { (one_line(&fault.path)) } } }
                td { (cut(&one_line(&fault.fault), LONGEST_TEXT)) }
                (cell(fault.size, &size(fault.size)))
            }
        }
    };
    let content = html! {
        p {
            (all) " of " (size(unreadable.sum.bytes)) " can't be read, and will be computed again. "
            code { "larder verify --delete" } " removes them."
        }
        (table("Unreadable entries", &columns, &rows))
        @if (unreadable.some.len() as u64) < unreadable.sum.entries {
            p.note { "These are the first " (unreadable.some.len()) "." }
        }
    };
    section("unreadable", "Unreadable entries", &content)
}
