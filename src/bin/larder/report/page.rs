//! The page as a whole.

use std::time::UNIX_EPOCH;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::gather::Gathered;
use super::parts::{date_and_time, moment};
use super::{activity, bars, space, tables};
use crate::format::{count, duration, number, one_line, share, size};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page as HTML.
pub(crate) fn page(gathered: &Gathered) -> serde_json::Result<String> {
    let data = embedded(&serde_json::to_string(gathered)?);
    // Only the script that bears it runs, and whoever named a function could not know it.
    let nonce = larder::key_of(&(std::process::id(), UNIX_EPOCH.elapsed().unwrap_or_default(), &data));
    let nonce = nonce.map(|key| key.to_string()).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
    );
    let root = one_line(&gathered.root);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "larder " (gathered.larder) };
                title { "larder report: " (root) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header {
                    p.kind { "larder report" }
                    h1 { bdi { (root) } }
                    p.note {
                        "Written " time datetime=(moment(gathered.written)) { (date_and_time(gathered.written)) }
                        " by larder " (gathered.larder) "."
                    }
                }
                main id="content" tabindex="-1" { (content(gathered)) }
                script type="application/json" id="larder-data" { (PreEscaped(data)) }
                script nonce=(nonce) { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
}

/// JSON as it can stand in a script. There HTML knows no escapes; JSON does.
fn embedded(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '<' || c.is_control() { text += &format!("\\u{:04x}", u32::from(c)) } else { text.push(c) }
    }
    text
}

fn content(gathered: &Gathered) -> Markup {
    let nothing = gathered.stats == larder::Stats::default() && gathered.found.entries == 0;
    html! {
        @if nothing {
            p.empty { "Nothing is cached in " bdi { (one_line(&gathered.root)) } "." }
            p.note { "Once a memoized function was called, there is something to see here." }
            div hidden { (headline(gathered)) }
        } @else {
            (headline(gathered))
            (space::space(gathered))
            (bars::time_saved(&gathered.functions))
            (activity::activity(&gathered.activity, gathered.written))
            (tables::functions(&gathered.functions))
            div.pair {
                (tables::ages(gathered))
                (tables::compressors(&gathered.compressors))
            }
            (tables::largest(gathered))
            (tables::codes(&gathered.functions))
            (tables::unreadable(&gathered.unreadable))
        }
    }
}

/// The numbers of `larder stats`.
fn headline(gathered: &Gathered) -> Markup {
    let stats = &gathered.stats;
    let calls = stats.hits + stats.misses + stats.bypasses;
    let (found, counted) = (gathered.found, (stats.entries, stats.bytes));
    html! {
        section.headline aria-label="Sums" {
            dl.tiles {
                div.tile.first { dt { "Time saved" } dd { (stat("saved", stats.saved.as_secs_f64(), &duration(stats.saved))) }
                    dd.more { "spent computing: " (stat("computed", stats.computed.as_secs_f64(), &duration(stats.computed))) } }
                div.tile { dt { "Hit rate" } dd { (share(stats.hits, calls)) }
                    dd.more { "of " (count(calls, "call", "calls")) } }
                div.tile { dt { "Hits" } dd { (stat("hits", stats.hits, &number(stats.hits))) }
                    dd.more { (stat("hot_hits", stats.hot_hits, &number(stats.hot_hits))) " of them from memory" } }
                div.tile { dt { "Computed" } dd { (stat("misses", stats.misses, &number(stats.misses))) }
                    dd.more { (stat("bypasses", stats.bypasses, &number(stats.bypasses))) " went past the cache" } }
                div.tile { dt { "Entries" } dd { (stat("entries", stats.entries, &number(stats.entries))) }
                    dd.more { (stat("bytes", stats.bytes, &size(stats.bytes))) } }
                div.tile.faulty[stats.errors > 0] { dt { "Errors" } dd { (stat("errors", stats.errors, &number(stats.errors))) }
                    dd.more { (errors(gathered)) } }
            }
            p.note {
                (stat("bytes_read", stats.bytes_read, &size(stats.bytes_read))) " were read from entries, and "
                (stat("bytes_written", stats.bytes_written, &size(stats.bytes_written))) " written."
                @if (found.entries, found.bytes) != counted {
                    " In the folder are " (count(found.entries, "entry", "entries")) " of " (size(found.bytes))
                    ": files came or went uncounted."
                }
            }
        }
    }
}

fn errors(gathered: &Gathered) -> Markup {
    let stats = &gathered.stats;
    html! {
        @if stats.errors == 0 { "none" }
        @for (index, (kind, count)) in stats.errors_by_kind.iter().enumerate() {
            @if index > 0 { ", " }
            (stat(&format!("errors_by_kind.{}", kind.name()), count, &number(*count))) " " (kind.name())
        }
        @if stats.unequal > 0 && !stats.errors_by_kind.is_empty() { ", " }
        span hidden[stats.unequal == 0] {
            (stat("unequal", stats.unequal, &number(stats.unequal))) " not the same when verified"
        }
        span hidden[stats.too_large == 0] {
            "; " (stat("too_large", stats.too_large, &number(stats.too_large))) " larger than the cache may be"
        }
    }
}

/// A number of `larder stats --json`, for people and for programs.
fn stat(name: &str, value: impl maud::Render, text: &str) -> Markup {
    html! { span data-stat=(name) data-value=(value) { (text) } }
}
