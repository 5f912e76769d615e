//! Output of the canonical encoding: writes tags and lengths, and computes the digest.

use std::cell::Cell;

use crate::error::Result;
use crate::key::digest::Key;
use crate::key::hashing::parallel_blake3::{Scratch, Source, Tree, index};

/// The last byte of every item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    // Runs of scalars: the elements, their number, the tag.
    Bool = 1,
    Char,
    U8,
    U16,
    U32,
    U64,
    U128,
    I8,
    I16,
    I32,
    I64,
    I128,
    F32,
    F64,
    // No content.
    Unit = 32,
    None,
    // Bytes and their number.
    Str = 48,
    Bytes,
    // One item.
    Some = 64,
    // Items and their number.
    Seq = 80,
    Tuple,
    Map,
    Struct,
    // The digests of items, sorted, and their number.
    UnorderedSeq = 96,
    UnorderedMap,
    // Variants: the payload, the name, the tag.
    UnitVariant = 112,
    NewtypeVariant,
    TupleVariant,
    StructVariant,
    // A digest that replaces a long item.
    Digest = 128,
    // Kind of value that a digest, as bytes, replaces: see `keyed_by_digest.rs`.
    File,
    Shelved,
    // Elements of a call: see `call_key.rs`.
    TypeParameter = 144,
    ConstParameter,
    Argument,
    // Elements of a function's identity: see `function_key.rs`.
    Function = 160,
    Position,
}

impl Tag {
    /// Returns the tag of a run of scalars.
    pub(super) fn of_scalar(tag: u8) -> Option<Tag> {
        use Tag::{Bool, Char, F32, F64, I8, I16, I32, I64, I128, U8, U16, U32, U64, U128};
        let all = [Bool, Char, U8, U16, U32, U64, U128, I8, I16, I32, I64, I128, F32, F64];
        all.into_iter().find(|scalar| *scalar as u8 == tag)
    }
}

/// The buffer is hashed when it is longer than this, in bytes. BLAKE3 is fastest on many chunks at once.
const HASH_AT: usize = 64 << 10;

/// Maximum bytes of memory that are kept for the next buffer.
const LARGEST_KEPT: usize = 4 << 10;

/// Receives the encoding. Keeps a short one in memory, and hashes a long one in pieces.
pub(crate) struct HashBuffer {
    bytes: Vec<u8>,
    /// Start of the current encoding. Complete ones are before it.
    start: usize,
    /// The encoding is hashed when it is longer than this, in bytes.
    limit: usize,
    tree: Option<Box<Tree>>,
}

thread_local! {
    /// Memory of the last buffer, for reuse.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Drop for HashBuffer {
    fn drop(&mut self) {
        if self.bytes.capacity() <= LARGEST_KEPT {
            self.bytes.clear();
            let _ = BUFFER.try_with(|buffer| buffer.set(std::mem::take(&mut self.bytes)));
        }
    }
}

impl HashBuffer {
    pub(crate) fn new() -> Self {
        let bytes = BUFFER.try_with(Cell::take).ok().filter(|buffer| buffer.capacity() > 0);
        HashBuffer { bytes: bytes.unwrap_or_else(|| Vec::with_capacity(128)), start: 0, limit: HASH_AT, tree: None }
    }

    /// Returns a buffer that keeps the whole encoding in memory.
    pub(super) fn unlimited() -> Self {
        let mut buffer = HashBuffer::new();
        buffer.limit = usize::MAX;
        buffer
    }

    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.rest().len() + bytes.len() > self.limit {
            return self.write_slowly(bytes);
        }
        self.bytes.extend_from_slice(bytes);
    }

    #[cold]
    fn write_slowly(&mut self, bytes: &[u8]) {
        let tree = self.hash_what_is_there();
        if bytes.len() >= HASH_AT {
            return tree.update(bytes);
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn hash_what_is_there(&mut self) -> &mut Tree {
        let tree = self.tree.get_or_insert_with(|| Box::new(Tree::new()));
        tree.update(&self.bytes[self.start..]);
        self.bytes.truncate(self.start);
        tree
    }

    /// Writes a source that may be long. Uses several threads if it is.
    pub(crate) fn write_from(&mut self, source: &impl Source) -> Result<()> {
        let size = source.size();
        if size > (self.limit - self.rest().len()) as u64 {
            return self.hash_what_is_there().update_from(source);
        }
        self.bytes.reserve(index(size));
        source.part(0..size, &mut Scratch::default(), &mut self.bytes)
    }

    /// Writes a small, constant number of bytes. The compiler can inline this.
    #[inline]
    pub(crate) fn write_few<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.rest().len() + N > self.limit {
            return self.write_slowly(&bytes);
        }
        self.bytes.extend_from_slice(&bytes);
    }

    /// Writes a length or a number of elements: its bytes, least significant first and without trailing zeros, then the
    /// number of those bytes.
    pub(crate) fn length(&mut self, length: u64) {
        let (bytes, count) = length_bytes(length);
        self.write(&bytes[..count + 1]);
    }

    /// Writes the end of an item: a length and the tag.
    #[inline]
    pub(crate) fn end(&mut self, length: u64, tag: Tag) {
        // Most lengths are below 256: one byte, and the count 1.
        if let Ok(byte @ 1..) = u8::try_from(length) {
            return self.write_few([byte, 1, tag as u8]);
        }
        let (mut bytes, count) = length_bytes(length);
        bytes[count + 1] = tag as u8;
        if self.rest().len() + bytes.len() > self.limit {
            return self.write_slowly(&bytes[..count + 2]);
        }
        let end = self.bytes.len() + count + 2;
        self.bytes.extend_from_slice(&bytes);
        self.bytes.truncate(end);
    }

    #[inline]
    pub(crate) fn tag(&mut self, tag: Tag) {
        self.write_few([tag as u8]);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.write(text.as_bytes());
        self.end(text.len() as u64, Tag::Str);
    }

    #[inline]
    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Returns the current encoding, unless it is longer than `limit`.
    pub(crate) fn short(&self, limit: usize) -> Option<&[u8]> {
        (self.tree.is_none() && self.rest().len() <= limit).then(|| self.rest())
    }

    /// Completes the current encoding, which must be short, and begins another.
    pub(crate) fn keep(&mut self) {
        self.start = self.bytes.len();
    }

    /// Completes the current encoding and begins another. Returns where it ends, or its digest as the error value if it
    /// was too long to keep.
    pub(crate) fn begin_next(&mut self) -> Result<usize, Key> {
        if self.tree.is_none() {
            self.keep();
            return Ok(self.start);
        }
        let digest = self.digest();
        self.clear();
        Err(digest)
    }

    /// Returns all kept encodings.
    pub(crate) fn all(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn clear_all(&mut self) {
        self.start = 0;
        self.clear();
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(self.start);
        self.tree = None;
    }

    pub(crate) fn digest(&self) -> Key {
        match &self.tree {
            None => Key::from_bytes(*blake3::hash(self.rest()).as_bytes()),
            Some(tree) => tree.digest_with(self.rest()),
        }
    }

    /// Returns the digest of all kept encodings, under a key.
    pub(crate) fn keyed_digest(&self, key: &Key) -> Key {
        if self.bytes.len() <= HASH_AT {
            return Key::from_bytes(*blake3::keyed_hash(key.as_bytes(), &self.bytes).as_bytes());
        }
        // A call with very many arguments: use their digest instead.
        let mut short = blake3::hash(&self.bytes).as_bytes().to_vec();
        short.push(Tag::Digest as u8);
        Key::from_bytes(*blake3::keyed_hash(key.as_bytes(), &short).as_bytes())
    }
}

/// Returns the bytes of a length followed by their number, with room for a tag, and the number itself.
#[inline]
fn length_bytes(length: u64) -> ([u8; 10], usize) {
    let count = 8 - length.leading_zeros().to_le_bytes()[0] / 8;
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&length.to_le_bytes());
    bytes[usize::from(count)] = count;
    (bytes, count.into())
}
