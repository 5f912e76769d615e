//! Bars of the time that each function saved and took.

use std::cmp::Reverse;
use std::time::Duration;

use larder::__text::{count, duration};
use maud::{Markup, html};

use super::data::Function;
use super::parts::{name, percent, section};

/// The most functions with bars of their own.
const MOST_BARS: usize = 12;

/// Renders the time that each function saved, and the time it took to compute.
pub(crate) fn time_saved(functions: &[Function]) -> Markup {
    let mut order: Vec<&Function> =
        functions.iter().filter(|function| function.stats.saved + function.stats.computed > Duration::ZERO).collect();
    if order.is_empty() {
        return html! {};
    }
    order.sort_by_key(|function| Reverse((function.stats.saved, function.stats.computed)));
    let shown = if order.len() == MOST_BARS + 1 { order.len() } else { MOST_BARS.min(order.len()) };
    let (shown, others) = order.split_at(shown);
    let sum = |time: fn(&Function) -> Duration| others.iter().map(|function| time(function)).sum::<Duration>();
    let (saved, computed) = (sum(|function| function.stats.saved), sum(|function| function.stats.computed));
    let times = shown.iter().flat_map(|function| [function.stats.saved, function.stats.computed]);
    let longest = times.chain([saved, computed]).max().unwrap_or_default();
    let content = html! {
        (legend(&[("saved", "saved by hits"), ("computed", "spent computing")]))
        ul.bars {
            @for function in shown {
                (bars(&name(&function.name), function.stats.saved, function.stats.computed, longest))
            }
            @if !others.is_empty() {
                @let name = html! { bdi.name { (count(others.len() as u64, "other function", "other functions")) } };
                (bars(&name, saved, computed, longest))
            }
        }
    };
    section("saved", "Time saved", &content)
}

fn bars(name: &Markup, saved: Duration, computed: Duration, longest: Duration) -> Markup {
    html! {
        li {
            span.what { (name) }
            span.values {
                @for (class, what, time) in [("saved", "saved", saved), ("computed", "computed", computed)] {
                    span.value {
                        (bar(class, time.as_secs_f64(), longest.as_secs_f64()))
                        span.number data-value=(time.as_secs_f64()) {
                            span.spoken { (what) " " } (duration(time))
                        }
                    }
                }
            }
        }
    }
}

/// Renders a bar relative to the longest. Screen readers skip it, as the number beside it says the same.
pub(crate) fn bar(class: &str, value: f64, longest: f64) -> Markup {
    html! {
        span.bar aria-hidden="true" {
            @if value > 0.0 { span.(class) style=(format!("width:{}%", percent(value, longest))) {} }
        }
    }
}

/// Renders the meaning of the colours.
pub(crate) fn legend(colours: &[(&str, &str)]) -> Markup {
    html! {
        ul.legend {
            @for (class, meaning) in colours {
                li { span.sample.(class) aria-hidden="true" {} (meaning) }
            }
        }
    }
}
