//! Bars beside names: the time that was saved.

use std::cmp::Reverse;
use std::time::Duration;

use maud::{Markup, html};

use super::gather::Function;
use super::parts::{name, percent, section};
use crate::format::{count, duration};

/// Functions that have a bar of their own, at most.
const MOST_BARS: usize = 12;

/// What each function saved, and what it took before.
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

/// A bar as long as its part of the longest. It says nothing that the number beside it does not.
pub(crate) fn bar(class: &str, value: f64, longest: f64) -> Markup {
    html! {
        span.bar aria-hidden="true" {
            @if value > 0.0 { span.(class) style=(format!("width:{}%", percent(value, longest))) {} }
        }
    }
}

/// What the colours mean.
pub(crate) fn legend(colours: &[(&str, &str)]) -> Markup {
    html! {
        ul.legend {
            @for (class, meaning) in colours {
                li { span.sample.(class) aria-hidden="true" {} (meaning) }
            }
        }
    }
}
