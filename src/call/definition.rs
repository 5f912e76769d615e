//! What the attribute knows about a function.

use std::time::Duration;

use crate::engine::eviction::policy::Limits;
use crate::format::compress::compression::Compression;
use crate::key::code_version::{Code, Items, Track};

/// Everything that the attribute knows about a function.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `CARGO_PKG_NAME`.
    pub package: &'static str,
    /// The function's path, or the name that the user chose.
    pub path: String,
    /// The position in the source, if several functions may have the same path.
    pub position: Option<(u32, u32)>,
    /// The option `version`.
    pub version: u64,
    /// The function's code.
    pub code: Code,
    /// The function's signature, to show to people.
    pub signature: &'static str,
    /// The option `compress`.
    pub compression: Option<Compression>,
    /// The options `max_bytes`, `max_entries` and `max_idle`.
    pub limits: Limits,
    /// The option `stale_on_error`.
    pub stale_on_error: Option<Duration>,
}

impl Definition {
    /// Returns the definition of a closure, from its name and the type of its result.
    pub(crate) fn of_closure(name: &str, stored: &'static str) -> Self {
        Definition {
            package: "",
            path: name.to_owned(),
            position: None,
            version: 0,
            code: Code {
                track: Track::Type(stored),
                unseen: &[],
                items: Items::new(""),
                predicates: &[],
                environment: &[],
            },
            signature: "",
            compression: None,
            limits: Limits::default(),
            stale_on_error: None,
        }
    }
}
