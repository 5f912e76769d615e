//! What the variable `LARDER` asks of a run.

use crate::error::{Error, ErrorKind, Result};
use crate::text::nearest::nearest;

/// The share of the hits that are tried, unless another one is given.
const SHARE: f64 = 0.1;

const MODES: [&str; 5] = ["on", "off", "refresh", "readonly", "verify"];

/// What the variable `LARDER` asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RunMode {
    Normal,
    Off,
    Refresh,
    ReadOnly,
    /// Compute this share of the hits again.
    Verify(f64),
}

impl RunMode {
    /// What a mode is called.
    ///
    /// # Errors
    /// For other words, with the one that was most likely meant.
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
    fn modes_are_read() {
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
