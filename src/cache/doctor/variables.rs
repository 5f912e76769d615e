//! Checks the environment variables that programs started from here would see.

use crate::cache::doctor::diagnosis::{Diagnosis, fault, good, note};
use crate::settings;
use crate::settings::Wrong;
use crate::settings::run_mode::RunMode;

/// Returns whether programs that are started from here use their caches.
pub(super) fn run_mode() -> Diagnosis {
    let does = match settings::MODE.try_get() {
        Ok(None | Some(RunMode::Normal)) => {
            return good("steering", "programs use their caches: LARDER does not say otherwise");
        }
        // The error itself is reported with the other variables.
        Err(_) => return good("steering", "programs use their caches: what LARDER says can't be read, and is ignored"),
        Ok(Some(RunMode::Off)) => "keep nothing and load nothing",
        Ok(Some(RunMode::Refresh)) => "compute every call again",
        Ok(Some(RunMode::ReadOnly)) => "load results and store none",
        Ok(Some(RunMode::Verify(_))) => "compute some of the hits again, to compare",
    };
    let mode = std::env::var("LARDER").unwrap_or_default();
    let what = format!("LARDER={mode} is set here, so programs that are started here {does}");
    note("steering", what, "`unset LARDER` if that is not meant")
}

/// Returns the variables with invalid values, and warns about a relative cache folder.
pub(super) fn wrong_ones() -> Vec<Diagnosis> {
    let wrong = |wrong: Wrong| {
        let (what, name) = (wrong.error.to_string(), wrong.name);
        let what = if what.contains(&name) { what } else { format!("{name} can't be read: {what}") };
        if name == settings::FOLDER.name() {
            return fault("variables", format!("{what}; so the global cache is off"), format!("correct {name}"));
        }
        note("variables", format!("{what}; it is ignored"), format!("correct it, or `unset {name}`"))
    };
    let mut findings: Vec<_> = settings::wrong_ones(true).into_iter().map(wrong).collect();
    if let Ok(Some(folder)) = settings::FOLDER.try_get()
        && folder.is_relative()
    {
        let what = format!(
            "LARDER_DIR is relative, so each folder in which a program starts has its own {}",
            folder.display()
        );
        findings.push(note("variables", what, "write the whole path, unless that is meant"));
    }
    findings
}
