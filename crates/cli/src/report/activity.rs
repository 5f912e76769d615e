//! Hits and computed calls over time: stacked bars as SVG. Labels are HTML, so that they keep their size when the drawing
//! is stretched.

use larder::__text::{count, number};
use larder::Activity;
use maud::{Markup, html};

use super::bars::legend;
use super::data::seconds;
use super::parts::{date_and_time, day, hour, section};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Longer times are drawn by the day.
const LONGEST_BY_HOURS: u64 = 4 * DAY;

/// Older activity is left out.
const LONGEST: u64 = 366 * DAY;

/// Bars that there is always room for, so that a few bars are not too wide.
const FEWEST: u64 = 24;

/// The most labels on the axis.
const MOST_LABELS: u64 = 8;

/// Sizes in units of the drawing: a bar with the gap after it, a bar, and the height.
const STEP: f64 = 10.0;
const WIDTH: f64 = 7.6;
const HEIGHT: f64 = 100.0;

/// An hour or a day.
#[derive(Clone, Copy, Default)]
struct Period {
    hits: u64,
    computed: u64,
}

struct Chart {
    start: u64,
    each: u64,
    periods: Vec<Period>,
}

pub(crate) fn activity(activity: &[Activity], now: u64) -> Markup {
    let Some(chart) = Chart::of(activity, now) else { return html! {} };
    let top = top(chart.periods.iter().map(|period| period.hits + period.computed).max().unwrap_or(0));
    let unit = if chart.each == HOUR { "hour" } else { "day" };
    let content = html! {
        (legend(&[("hits", "hits"), ("computed", "computed")]))
        figure.activity {
            div.scale aria-hidden="true" {
                @for part in [top, top / 2, 0] { span { (number(part)) } }
            }
            (chart.drawing(top, unit))
            div.axis aria-hidden="true" {
                @for (at, label) in chart.labels() {
                    span style=(format!("left:{at:.3}%")) { (label) }
                }
            }
            figcaption.note { "Calls by the " (unit) ", in UTC." }
        }
        details {
            summary { "The same as a table" }
            (chart.table(unit))
        }
    };
    section("activity", "Hits and computed calls over time", &content)
}

impl Chart {
    /// Returns the hours, or days, from the first to the last with activity.
    fn of(activity: &[Activity], now: u64) -> Option<Chart> {
        let all = activity.iter().map(|hour| (seconds(hour.hour), hour.hits, hour.misses));
        // Hours outside of this range come from a wrong clock.
        let hours: Vec<_> = all.filter(|(hour, ..)| (now.saturating_sub(LONGEST)..=now).contains(hour)).collect();
        let (first, last) = (hours.first()?.0, hours.last()?.0);
        let each = if last - first <= LONGEST_BY_HOURS { HOUR } else { DAY };
        let last = last / each;
        let first = (first / each).min((last + 1).saturating_sub(FEWEST));
        let mut periods = vec![Period::default(); usize::try_from(last - first).ok()? + 1];
        for (hour, hits, computed) in hours {
            let period = periods.get_mut(usize::try_from(hour / each - first).ok()?)?;
            period.hits += hits;
            period.computed += computed;
        }
        Some(Chart { start: first * each, each, periods })
    }

    /// Returns the periods with activity, and their indices.
    fn busy(&self) -> impl Iterator<Item = (usize, Period)> {
        self.periods.iter().copied().enumerate().filter(|(_, period)| period.hits + period.computed > 0)
    }

    fn begin(&self, index: usize) -> u64 {
        self.start + index as u64 * self.each
    }

    fn drawing(&self, top: u64, unit: &str) -> Markup {
        let width = self.periods.len() as f64 * STEP;
        let sum = |number: fn(&Period) -> u64| self.periods.iter().map(number).sum();
        let (hits, computed) = (number(sum(|period| period.hits)), number(sum(|period| period.computed)));
        let (from, to) = (day(self.start), day(self.begin(self.periods.len() - 1)));
        let label =
            format!("Bars by the {unit}, from {from} to {to}: {hits} hits and {computed} computed calls in all");
        let height = |calls: u64| if calls == 0 { 0.0 } else { (calls as f64 / top as f64 * HEIGHT).max(0.6) };
        html! {
            svg viewBox=(format!("0 0 {width} {HEIGHT}")) preserveAspectRatio="none" role="img" aria-label=(label) {
                @for y in [0.0, HEIGHT / 2.0, HEIGHT] {
                    line.grid x1="0" x2=(width) y1=(y) y2=(y) {}
                }
                @for (index, period) in self.busy() {
                    @let x = index as f64 * STEP + (STEP - WIDTH) / 2.0;
                    @let (hits, computed) = (height(period.hits), height(period.computed));
                    @let hits_at = HEIGHT - hits;
                    g.period {
                        title { (self.name(index)) "\n" (number(period.hits)) " hits, " (number(period.computed)) " computed" }
                        rect.room x=(index as f64 * STEP) y="0" width=(STEP) height=(HEIGHT) {}
                        @if hits > 0.0 {
                            rect.hits x=(format!("{x:.2}")) y=(format!("{hits_at:.3}")) width=(WIDTH) height=(format!("{hits:.3}")) {}
                        }
                        @if computed > 0.0 {
                            @let y = (hits_at - computed).max(0.0);
                            rect.computed x=(format!("{x:.2}")) y=(format!("{y:.3}")) width=(WIDTH) height=(format!("{computed:.3}")) {}
                        }
                    }
                }
            }
        }
    }

    fn name(&self, index: usize) -> String {
        let begin = self.begin(index);
        if self.each == HOUR { date_and_time(begin) } else { day(begin) }
    }

    /// Returns labels and their positions in percent of the width: at full hours, or some days apart.
    fn labels(&self) -> Vec<(f64, String)> {
        let count = self.periods.len() as u64;
        let steps: &[u64] = if self.each == HOUR { &[1, 2, 3, 6, 12, 24] } else { &[1, 2, 7, 14, 28, 56] };
        let step = steps.iter().copied().find(|step| count / step <= MOST_LABELS).unwrap_or(56);
        let first = self.start / self.each;
        (0..count)
            .filter(|index| (first + index).is_multiple_of(step))
            .map(|index| {
                let begin = self.start + index * self.each;
                let label = if begin.is_multiple_of(DAY) { day(begin) } else { hour(begin) };
                ((index as f64 + 0.5) / count as f64 * 100.0, label)
            })
            .collect()
    }

    fn table(&self, unit: &str) -> Markup {
        html! {
            div.scroll tabindex="0" role="region" aria-label={ "Calls by the " (unit) } {
                table {
                    thead { tr { th scope="col" { (unit) } th.number scope="col" { "hits" } th.number scope="col" { "computed" } } }
                    tbody {
                        @for (index, period) in self.busy() {
                            tr {
                                th scope="row" { (self.name(index)) }
                                td.number { (number(period.hits)) }
                                td.number { (number(period.computed)) }
                            }
                        }
                    }
                }
            }
            p.note { (count(self.busy().count() as u64, unit, &format!("{unit}s"))) " with any activity." }
        }
    }
}

/// Rounds up to 2, 4, 6, 8, 10, 20, …
fn top(most: u64) -> u64 {
    let mut unit: u64 = 1;
    loop {
        for round in [2, 4, 6, 8, 10] {
            match unit.checked_mul(round) {
                Some(top) if top < most => {}
                top => return top.unwrap_or(most),
            }
        }
        unit *= 10;
    }
}
