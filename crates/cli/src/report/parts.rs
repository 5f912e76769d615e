//! Elements that several parts of the page use.

use std::time::{Duration, UNIX_EPOCH};

use larder::__text::{cut, one_line};
use maud::{Markup, html};

use super::treemap::segments;

/// The most characters of a name.
const LONGEST_NAME: usize = 200;

/// Renders a section, labelled by its heading.
pub(crate) fn section(id: &str, heading: &str, content: &Markup) -> Markup {
    let heading_id = format!("{id}-heading");
    html! {
        section id=(id) aria-labelledby=(heading_id) {
            h2 id=(heading_id) { (heading) }
            (content)
        }
    }
}

/// Renders the name of a function. Modules are less prominent, and lines break between them.
pub(crate) fn name(name: &str) -> Markup {
    let shown = cut(&one_line(name), LONGEST_NAME);
    let segments = segments(&shown);
    let (own, modules) = segments.split_last().map_or(("", &[][..]), |(own, modules)| (*own, modules));
    html! {
        bdi.name {
            @if !modules.is_empty() {
                span.modules { @for module in modules { (module) "::" wbr; } }
            }
            span.own { (own) }
        }
    }
}

/// Returns a share in percent, with two decimal places.
pub(crate) fn percent(part: f64, all: f64) -> f64 {
    if all > 0.0 { (part / all * 1e4).round() / 100.0 } else { 0.0 }
}

/// Formats a time as HTML expects it.
pub(crate) fn moment(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

pub(crate) fn date_and_time(seconds: u64) -> String {
    let moment = moment(seconds);
    format!("{} {} UTC", &moment[..10], &moment[11..16])
}

/// Formats a day: `Nov 25`.
pub(crate) fn day(seconds: u64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let moment = moment(seconds);
    let month = moment[5..7].parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    format!("{} {}", month.unwrap_or(&"?"), moment[8..10].trim_start_matches('0'))
}

pub(crate) fn hour(seconds: u64) -> String {
    moment(seconds)[11..16].to_owned()
}
