//! Who computes a call that others wait for.

use std::fmt;
use std::time::SystemTime;

use crate::text::humanize::duration;

/// Who computes the call that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Here {
        since: SystemTime,
    },
    Elsewhere {
        pid: u32,
        host: String,
        since: SystemTime,
    },
    /// It has not reported yet.
    Unknown,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Here { since } => write!(f, "this process, for {}", duration(since.elapsed().unwrap_or_default())),
            Holder::Elsewhere { pid, host, since } => {
                write!(f, "process {pid} on {host}, for {}", duration(since.elapsed().unwrap_or_default()))
            }
            Holder::Unknown => f.write_str("another process, which does not say which"),
        }
    }
}
