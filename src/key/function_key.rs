//! Identity of a memoized function: its name, its version and its code.

use crate::key::canonical::hash_buffer::{HashBuffer, Tag};
use crate::key::digest::Key;
use crate::key::path;
use crate::key::path::without_generics;

/// Identity of a memoized function, as far as all its calls share it.
///
/// The types and constants of a generic function differ from call to call. They belong to the call, see `call_key.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// The package that defines the function.
    pub(crate) package: String,
    /// The path with the crate, the modules and the enclosing functions or type, or the name that the user chose.
    pub(crate) path: String,
    /// Line and column of a function inside another function or a block. Its path alone may equal that of a function in
    /// another block.
    pub(crate) position: Option<(u32, u32)>,
    /// The version number that the user sets.
    pub(crate) version: u64,
    /// Fingerprint of the function's code. For a closure, whose code no attribute can see, the type of its result.
    pub(crate) code: Vec<u8>,
}

impl Function {
    /// Returns the path without generic arguments: `a::Model::fit` for `a::Model<b::T>::fit`.
    pub(crate) fn plain_path(&self) -> String {
        path::plain(&self.path).unwrap_or_else(|| without_generics(&self.path))
    }

    /// Returns the key under which this function's calls are hashed.
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
