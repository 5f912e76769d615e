//! `function.json`: which function a folder is of.

use serde::{Deserialize, Serialize};

/// What `function.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FunctionFile {
    pub(crate) package: String,
    pub(crate) name: String,
    pub(crate) signature: String,
    pub(crate) version: u64,
    /// The fingerprint of the code that was used last, in hexadecimal digits.
    pub(crate) code: String,
}

impl FunctionFile {
    /// Bytes of the longest one that is read.
    pub(crate) const LONGEST: u64 = 1 << 20;
}
