//! `Diagnosis`: the result of one check.

use std::fmt;

use serde::Serialize;

/// Result of one check. [`Cache::diagnose`](crate::Cache::diagnose) returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The subject of the check, in one or two words.
    pub about: &'static str,
    /// How serious the result is.
    pub severity: Severity,
    /// The result of the check.
    pub what: String,
    /// What to do about it; `None` if nothing needs to be done.
    pub advice: Option<String>,
}

/// How serious the result of a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Severity {
    /// Everything is fine.
    Good,
    /// The cache works, but could work better.
    Note,
    /// The cache does not work, or it is not safe.
    Fault,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Good => "good",
            Severity::Note => "note",
            Severity::Fault => "fault",
        })
    }
}

pub(super) fn good(about: &'static str, what: impl Into<String>) -> Diagnosis {
    Diagnosis { about, severity: Severity::Good, what: what.into(), advice: None }
}

pub(super) fn note(about: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Diagnosis {
    Diagnosis { about, severity: Severity::Note, what: what.into(), advice: Some(advice.into()) }
}

pub(super) fn fault(about: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Diagnosis {
    Diagnosis { about, severity: Severity::Fault, what: what.into(), advice: Some(advice.into()) }
}
