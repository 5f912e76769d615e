//! Parts that several panes use.

use larder::__text::one_line;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders};

use crate::top::state::Cursor;
use crate::top::view::palette::Palette;

/// Returns the line above a pane, with its title.
pub(super) fn rule<'t>(title: &'t str, right: String, has_focus: bool, palette: Palette) -> Block<'t> {
    let style = if has_focus { palette.accent().bold() } else { palette.quiet() };
    Block::new()
        .borders(Borders::TOP)
        .border_style(if has_focus { palette.accent() } else { palette.quiet() })
        .title(Span::styled(format!(" {title} "), style))
        .title(Line::styled(format!(" {right} "), palette.quiet()).right_aligned())
}

/// Scrolls a list so that the selected row is visible.
pub(super) fn scroll(cursor: &mut Cursor, visible: usize, len: usize) {
    cursor.visible = visible;
    let last = len.saturating_sub(visible);
    cursor.offset = cursor.offset.min(cursor.at).max((cursor.at + 1).saturating_sub(visible)).min(last);
}

/// Returns the columns of a terminal that a text takes. Some characters take two.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// Returns the end of a name, as much as fits into `limit` columns. The end says more than the beginning.
pub(super) fn end_of(name: &str, limit: usize) -> String {
    let name = one_line(name);
    if width(&name) <= limit {
        return name;
    }
    let ends = name.char_indices().map(|(at, _)| &name[at..]);
    let end = ends.skip(1).find(|end| width(end) < limit).unwrap_or_default();
    format!("…{end}")
}
