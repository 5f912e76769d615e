//! Parses the run mode in the variable `LARDER`.

use crate::error::{Error, ErrorKind, Result};
use crate::text::nearest::nearest;

/// The share of the hits to verify, if the variable gives none.
const SHARE: f64 = 0.1;

const MODES: [&str; 5] = ["on", "off", "refresh", "readonly", "verify"];

/// The run mode, from the variable `LARDER`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RunMode {
    Normal,
    Off,
    Refresh,
    ReadOnly,
    /// Verify this share of the hits, from 0 to 1.
    Verify(f64),
}

impl RunMode {
    /// Parses the name of a mode.
    ///
    /// # Errors
    /// Returns an error for any other word; the message suggests the mode that was probably meant.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        RunMode::from_text(text).ok_or_else(|| {
            let hint = match nearest(text, &MODES) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {} and verify:SHARE, with a share from 0 to 1", MODES.join(", ")),
            };
            Error::new(ErrorKind::InvalidInput, format!("{text:?} is no mode; {hint}"))
        })
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "" | "on" => RunMode::Normal,
            "off" => RunMode::Off,
            "refresh" => RunMode::Refresh,
            "readonly" => RunMode::ReadOnly,
            "verify" => RunMode::Verify(SHARE),
            _ => {
                let share: f64 = text.strip_prefix("verify:")?.parse().ok()?;
                Some(share).filter(|share| (0.0..=1.0).contains(share)).map(RunMode::Verify)?
            }
        })
    }

    pub(crate) fn share_to_verify(self) -> f64 {
        match self {
            RunMode::Verify(share) => share,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_parsed() {
        assert_eq!(RunMode::from_text("verify"), Some(RunMode::Verify(0.1)));
        assert_eq!(RunMode::from_text("verify:1"), Some(RunMode::Verify(1.0)));
        assert_eq!(RunMode::from_text("readonly"), Some(RunMode::ReadOnly));
        for wrong in ["verify:", "verify:2", "verify:-1", "verify:NaN", "Off", "no"] {
            assert_eq!(RunMode::from_text(wrong), None, "{wrong}");
        }
        let said = RunMode::parse("refesh").unwrap_err().to_string();
        assert!(said.contains("did you mean `refresh`?"), "{said}");
    }
}
