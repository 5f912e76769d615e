//! The calls that are being computed.

use std::time::SystemTime;

use larder::__text::{count, cut, duration, one_line};
use larder::{Process, RunningCall};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::top::state::State;
use crate::top::view::palette::Palette;

/// The most calls that are shown. Of more, only the number is shown.
const MOST: usize = 3;

/// Seconds after which a process that does not report is assumed to be stopped.
const SILENT: u64 = 5;

/// Returns the lines that the running calls need.
pub(super) fn height(state: &State) -> u16 {
    let calls = calls(state).count();
    u16::try_from(calls.min(MOST) + usize::from(calls > MOST)).unwrap_or(u16::MAX)
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, palette: Palette) {
    let width = usize::from(area.width);
    let mut lines: Vec<_> = calls(state)
        .take(MOST)
        .map(|(process, call)| {
            let silent = process.silent.as_secs() > SILENT;
            let style = if silent { palette.wrong() } else { palette.fresh() };
            let text = cut(&describe(state, process, call), width.saturating_sub(3));
            Line::from_iter([Span::styled(" ▶ ", style), Span::raw(text)])
        })
        .collect();
    let more = calls(state).count().saturating_sub(MOST);
    if more > 0 {
        let text = format!(
            "   and {} more that {} being computed",
            count(more as u64, "call", "calls"),
            if more == 1 { "is" } else { "are" }
        );
        lines.push(Line::styled(text, palette.quiet()));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn calls(state: &State) -> impl Iterator<Item = (&Process, &RunningCall)> {
    state.processes.iter().flat_map(|process| process.computing.iter().map(move |call| (process, call)))
}

fn describe(state: &State, process: &Process, call: &RunningCall) -> String {
    let since = duration(SystemTime::now().duration_since(call.since).unwrap_or_default());
    let place = format!("process {} on {}", process.pid, one_line(&process.host));
    let waits = state.processes.iter().filter(|other| other.waiting.iter().any(|one| one.key == call.key)).count();
    let waits = match waits {
        0 => String::new(),
        1 => ", 1 process waits for it".to_owned(),
        waits => format!(", {waits} processes wait for it"),
    };
    let silent = match process.silent.as_secs() {
        ..=SILENT => String::new(),
        _ => format!(", silent for {}", duration(process.silent)),
    };
    format!("{} is being computed for {since} by {place}{waits}{silent}", one_line(&call.function))
}
