//! Which function a call is of: its name, its version and its code.

use super::Key;
use super::sink::{Sink, Tag};

/// The identity of a memoized function, as far as it is the same for all of its calls.
///
/// What differs from call to call besides the arguments (the types and constants that a generic
/// function is used with) belongs to the call, see `call.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// The package that the function is from.
    pub(crate) package: String,
    /// The path with the crate, the modules and the enclosing functions or the type, or the name
    /// that the user chose.
    pub(crate) path: String,
    /// What the user counts up.
    pub(crate) version: u64,
    /// The fingerprint of the function's code; for a closure, whose code nobody sees, the type of its
    /// result.
    pub(crate) code: Vec<u8>,
}

impl Function {
    /// The key with which the digests of this function's calls are made.
    pub(crate) fn key(&self) -> Key {
        let Function { package, path, version, code } = self;
        let mut sink = Sink::new();
        sink.text(package);
        sink.text(path);
        sink.write(&version.to_le_bytes());
        sink.write(code);
        sink.length(code.len() as u64);
        sink.tag(Tag::Function);
        sink.digest()
    }
}
