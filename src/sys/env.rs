//! Environment variables: their names, and how their values are parsed.

use std::ffi::OsStr;
use std::sync::Mutex;

use crate::error::{Error, ErrorKind, Result};
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;

/// An environment variable.
pub(crate) struct Setting<T> {
    pub(crate) name: &'static str,
    pub(crate) parse: fn(&OsStr) -> Result<T>,
}

impl<T> Setting<T> {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the value; `None` if the variable is unset, empty, or invalid. An invalid value is logged once as a
    /// warning.
    pub(crate) fn get(&self) -> Option<T> {
        self.try_get().unwrap_or_else(|error| {
            warn_once(self.name, &error, "a variable can't be read, and is ignored");
            None
        })
    }

    /// Returns the value; `None` if the variable is unset or empty.
    ///
    /// # Errors
    /// If the value is invalid.
    pub(crate) fn try_get(&self) -> Result<Option<T>> {
        std::env::var_os(self.name).filter(|text| !text.is_empty()).map(|text| (self.parse)(&text)).transpose()
    }

    pub(crate) fn check(&self, text: &OsStr) -> Result<()> {
        if text.is_empty() { Ok(()) } else { (self.parse)(text).map(drop) }
    }
}

pub(crate) fn warn_once(name: &str, error: &Error, what: &str) {
    static WARNED: PerProcess<Mutex<Vec<String>>> = PerProcess::new();
    let mut warned = locked(WARNED.get());
    if warned.iter().any(|warned| warned == name) {
        return;
    }
    warned.push(name.to_owned());
    drop(warned);
    tracing::warn!(variable = name, %error, "{what}");
}

pub(crate) fn wrong(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{text:?}: {why}"))
}

pub(crate) fn text_of<T>(text: &OsStr, parse: impl FnOnce(&str) -> Result<T>) -> Result<T> {
    let text = text.to_str().ok_or_else(|| wrong(&text.to_string_lossy(), "it is not UTF-8"))?;
    parse(text.trim())
}

pub(crate) fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| wrong(text, "it is no number"))
}
