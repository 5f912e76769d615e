//! The colours.

use ratatui::style::{Color, Style};

/// The styles of the screen, with colours or without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    colours: bool,
}

impl Palette {
    /// Uses no colours if `NO_COLOR` is set, see <https://no-color.org>.
    pub(crate) fn from_environment() -> Self {
        Palette { colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    fn ink(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    /// The style of time saved and of hits.
    pub(super) fn good(self) -> Style {
        self.ink(Color::Green)
    }

    /// The style of computed calls.
    pub(super) fn fresh(self) -> Style {
        self.ink(Color::Yellow)
    }

    /// The style of errors and removals.
    pub(super) fn wrong(self) -> Style {
        self.ink(Color::Red)
    }

    /// The style of titles, keys and names.
    pub(super) fn accent(self) -> Style {
        self.ink(Color::Cyan)
    }

    pub(super) fn quiet(self) -> Style {
        if self.colours { Style::new().fg(Color::DarkGray) } else { Style::new().dim() }
    }

    pub(super) fn selected(self) -> Style {
        if self.colours { Style::new().fg(Color::Black).bg(Color::Cyan) } else { Style::new().reversed() }
    }
}
