//! `larder doctor`: what keeps the cache from working.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use larder::Severity;

use crate::failure::Failure;
use crate::format::{count, one_line};
use crate::output::write_json;
use crate::place::Place;

/// Looks at everything, and says what to do.
pub(crate) fn doctor(place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
    let findings = place.look_anyway()?.diagnose();
    let faults = findings.iter().filter(|finding| finding.health == Severity::Fault).count();
    if place.json {
        write_json(out, &findings)?;
    } else {
        writeln!(out, "{}", one_line(&format!("{:<10}{}", "cache", place.root.display())))?;
        for finding in &findings {
            let style = style(finding.health);
            let what = one_line(&finding.what);
            writeln!(out, "{:<10}{style}{:<6}{style:#}{what}", finding.about, finding.health)?;
            if let Some(advice) = &finding.advice {
                writeln!(out, "{:16}-> {}", "", one_line(advice))?;
            }
        }
    }
    match faults {
        0 => Ok(()),
        faults => Err(Failure::Failed(format!("found {}", count(faults as u64, "fault", "faults")))),
    }
}

fn style(health: Severity) -> Style {
    match health {
        Severity::Good => AnsiColor::Green.on_default(),
        Severity::Note => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Red.on_default().bold(),
    }
}
