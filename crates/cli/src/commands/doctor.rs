//! `larder doctor`: problems of the cache.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use larder::__text::{count, one_line};
use larder::Severity;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::streams::write_json;

/// Prints what the cache's diagnosis finds, with advice. Fails if there are faults.
pub(crate) fn doctor(context: &Context, out: &mut dyn Write) -> Result<(), Failure> {
    let findings = context.open_unchecked()?.diagnose();
    let faults = findings.iter().filter(|finding| finding.severity == Severity::Fault).count();
    if context.json {
        write_json(out, &findings)?;
    } else {
        writeln!(out, "{}", one_line(&format!("{:<10}{}", "cache", context.root.display())))?;
        for finding in &findings {
            let style = style(finding.severity);
            let what = one_line(&finding.what);
            writeln!(out, "{:<10}{style}{:<6}{style:#}{what}", finding.about, finding.severity)?;
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

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Good => AnsiColor::Green.on_default(),
        Severity::Note => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Red.on_default().bold(),
    }
}
