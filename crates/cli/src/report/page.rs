//! The whole page.

use std::time::UNIX_EPOCH;

use larder::__text::{count, duration, number, one_line, size};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::data::Data;
use super::parts::{date_and_time, moment};
use super::{activity, bars, space, tables};
use crate::output::text::share;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Renders the page as HTML.
pub(crate) fn page(data: &Data) -> serde_json::Result<String> {
    let json = embedded(&serde_json::to_string(data)?);
    // Only the script with this nonce runs. It depends on the time, so the name of a function can't contain it.
    let nonce = larder::key_of(&(std::process::id(), UNIX_EPOCH.elapsed().unwrap_or_default(), &json));
    let nonce = nonce.map(|key| key.to_string()).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
    );
    let root = one_line(&data.root);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "larder " (data.larder) };
                title { "larder report: " (root) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header {
                    p.kind { "larder report" }
                    h1 { bdi { (root) } }
                    p.note {
                        "Written " time datetime=(moment(data.written)) { (date_and_time(data.written)) }
                        " by larder " (data.larder) "."
                    }
                }
                main id="content" tabindex="-1" { (content(data)) }
                script type="application/json" id="larder-data" { (PreEscaped(json)) }
                script nonce=(nonce) { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
}

/// Escapes JSON for a script element, in which HTML has no escapes but JSON has.
fn embedded(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '<' || c.is_control() { text += &format!("\\u{:04x}", u32::from(c)) } else { text.push(c) }
    }
    text
}

fn content(data: &Data) -> Markup {
    let nothing = data.stats == larder::Stats::default() && data.found.entries == 0;
    html! {
        @if nothing {
            p.empty { "Nothing is cached in " bdi { (one_line(&data.root)) } "." }
            p.note { "Results of memoized functions will appear here." }
            div hidden { (headline(data)) }
        } @else {
            (headline(data))
            (space::space(data))
            (bars::time_saved(&data.functions))
            (activity::activity(&data.activity, data.written))
            (tables::functions(&data.functions))
            div.pair {
                (tables::ages(data))
                (tables::compressors(&data.compressors))
            }
            (tables::largest(data))
            (tables::codes(&data.functions))
            (tables::unreadable(&data.unreadable))
        }
    }
}

/// Renders the numbers of `larder stats`.
fn headline(data: &Data) -> Markup {
    let stats = &data.stats;
    let calls = stats.hits + stats.misses + stats.bypasses;
    let (found, counted) = (data.found, (stats.entries, stats.bytes));
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
                    dd.more { (stat("bypasses", stats.bypasses, &number(stats.bypasses))) " did not use the cache" } }
                div.tile { dt { "Entries" } dd { (stat("entries", stats.entries, &number(stats.entries))) }
                    dd.more { (stat("bytes", stats.bytes, &size(stats.bytes))) } }
                div.tile.faulty[stats.errors > 0] { dt { "Errors" } dd { (stat("errors", stats.errors, &number(stats.errors))) }
                    dd.more { (errors(data)) } }
            }
            p.note {
                (stat("bytes_read", stats.bytes_read, &size(stats.bytes_read))) " were read from entries, and "
                (stat("bytes_written", stats.bytes_written, &size(stats.bytes_written))) " written."
                @if (found.entries, found.bytes) != counted {
                    " In the folder are " (count(found.entries, "entry", "entries")) " of " (size(found.bytes))
                    ": files were added or removed without being counted."
                }
            }
        }
    }
}

fn errors(data: &Data) -> Markup {
    let stats = &data.stats;
    html! {
        @if stats.errors == 0 { "none" }
        @for (index, (kind, count)) in stats.errors_by_kind.iter().enumerate() {
            @if index > 0 { ", " }
            (stat(&format!("errors_by_kind.{}", kind.name()), count, &number(*count))) " " (kind.name())
        }
        @if stats.unequal > 0 && !stats.errors_by_kind.is_empty() { ", " }
        span hidden[stats.unequal == 0] {
            (stat("unequal", stats.unequal, &number(stats.unequal))) " different when verified"
        }
        span hidden[stats.too_large == 0] {
            "; " (stat("too_large", stats.too_large, &number(stats.too_large))) " larger than the cache may be"
        }
    }
}

/// Renders a number of `larder stats --json`, with its exact value as an attribute.
fn stat(name: &str, value: impl maud::Render, text: &str) -> Markup {
    html! { span data-stat=(name) data-value=(value) { (text) } }
}
