//! Which function a call is of: its name, its version and its code.

use crate::key::canonical::hash_buffer::{HashBuffer, Tag};
use crate::key::digest::Key;
use crate::key::path;
use crate::key::path::without_generics;

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
    /// The line and column of a function that lies within another, or in a block: its path alone does
    /// not tell it from one of the same name in another block.
    pub(crate) position: Option<(u32, u32)>,
    /// What the user counts up.
    pub(crate) version: u64,
    /// The fingerprint of the function's code; for a closure, whose code nobody sees, the type of its
    /// result.
    pub(crate) code: Vec<u8>,
}

impl Function {
    /// The path without what is in angle brackets: `a::Model::fit` for `a::Model<b::T>::fit`.
    pub(crate) fn plain_path(&self) -> String {
        path::plain(&self.path).unwrap_or_else(|| without_generics(&self.path))
    }

    /// The key with which the digests of this function's calls are made.
    pub(crate) fn key(&self) -> Key {
        let Function { package, path, position, version, code } = self;
        let mut buffer = HashBuffer::new();
        buffer.text(package);
        buffer.text(path);
        if let Some((line, column)) = position {
            buffer.write(&line.to_le_bytes());
            buffer.write(&column.to_le_bytes());
            buffer.tag(Tag::Position);
        }
        buffer.write(&version.to_le_bytes());
        buffer.write(code);
        buffer.end(code.len() as u64, Tag::Function);
        buffer.digest()
    }
}
