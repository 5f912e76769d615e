//! Content of `function.json`, which says to which function a folder belongs.

use serde::{Deserialize, Serialize};

/// Content of `function.json`.
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
    /// Size limit in bytes; longer files are not read.
    pub(crate) const LONGEST: u64 = 1 << 20;
}
