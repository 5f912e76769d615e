//! The header: numbers of the whole cache.

use std::time::SystemTime;

use larder::__text::{count, duration, number, size};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Sparkline;

use crate::output::text::share;
use crate::top::state::State;
use crate::top::view::palette::Palette;
use crate::top::view::widgets::end_of;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, palette: Palette) {
    let [first, second, third, _] = Layout::vertical([Constraint::Length(1); 4]).areas(area);
    draw_title(frame, first, state, palette);
    frame.render_widget(sums(state, palette), second);
    // A small screen has two lines only.
    if area.height > 2 {
        draw_rates(frame, third, state, palette);
    }
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, state: &State, palette: Palette) {
    let watched = SystemTime::now().duration_since(state.since).unwrap_or_default();
    let since = match area.width {
        ..100 => String::new(),
        _ => format!(", since {}", humantime::format_rfc3339_seconds(state.since)),
    };
    let watching = match watched.as_secs() {
        0 => String::new(),
        seconds @ ..60 => format!("watching for {seconds} s{since} "),
        _ => format!("watching for {}{since} ", duration(watched)),
    };
    let name = " larder top ";
    let room = usize::from(area.width).saturating_sub(name.len() + watching.chars().count() + 2);
    let root = end_of(&state.root.display().to_string(), room);
    let line = Line::from_iter([Span::styled(name, palette.selected().bold()), Span::raw(format!(" {root}"))]);
    frame.render_widget(line, area);
    frame.render_widget(Line::styled(watching, palette.quiet()).right_aligned(), area);
}

fn sums(state: &State, palette: Palette) -> Line<'static> {
    let (entries, bytes) = state.rows.iter().fold((0, 0), |(n, bytes), row| (n + row.entries, bytes + row.bytes));
    let totals = &state.totals;
    let calls = totals.hits + totals.misses + totals.bypasses;
    let rate = if calls == 0 { "no calls".to_owned() } else { format!("{} hits", share(totals.hits, calls)) };
    let mut spans = vec![
        Span::raw(format!(" {}, {}   ", count(entries, "entry", "entries"), size(bytes))),
        Span::styled(rate, palette.good()),
        Span::raw("   "),
        Span::styled(format!("{} saved", duration(totals.saved)), palette.good().bold()),
        Span::raw(format!("   {} computed", duration(totals.computed))),
    ];
    if totals.errors > 0 {
        spans.push(Span::styled(format!("   {}", count(totals.errors, "error", "errors")), palette.wrong()));
    }
    Line::from(spans)
}

/// Draws the calls per second, with a chart of the past.
fn draw_rates(frame: &mut Frame<'_>, area: Rect, state: &State, palette: Palette) {
    let now = state.rates.back().copied().unwrap_or_default();
    let (hits, computed) = (format!(" {} hits/s", rate(now.hits)), format!("   {} computed/s ", rate(now.computed)));
    let line = Line::from_iter([Span::styled(hits, palette.accent()), Span::styled(computed, palette.fresh())]);
    // Wide enough for any numbers, so that the chart does not move.
    let [left, right] = Layout::horizontal([Constraint::Length(34), Constraint::Fill(1)]).areas(area);
    frame.render_widget(line, left);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown to people only")]
    let bars: Vec<u64> = state.rates.iter().map(|rate| (rate.hits * 10.0) as u64).collect();
    let first = bars.len().saturating_sub(usize::from(right.width).saturating_sub(1));
    frame.render_widget(Sparkline::default().data(&bars[first..]).style(palette.accent()), right);
}

fn rate(rate: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown to people only")]
    if rate >= 10.0 || rate == 0.0 { number(rate as u64) } else { format!("{rate:.1}") }
}
