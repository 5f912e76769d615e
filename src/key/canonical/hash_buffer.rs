//! Where the canonical encoding goes: its tags, its lengths, and the digest of it all.

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
    // A digest that stands for a long item.
    Digest = 128,
    // What a digest, as bytes, stands for: see `stand_in.rs`.
    File,
    Shelved,
    // Parts of a call: see `call.rs`.
    TypeParameter = 144,
    ConstParameter,
    Argument,
    // Parts of a function's identity: see `function.rs`.
    Function = 160,
    Position,
}

/// Bytes are hashed when they are more than this: BLAKE3 is fastest on many chunks at once.
const HASH_AT: usize = 64 << 10;

/// Memory of so many bytes is kept for the next sink.
const LARGEST_KEPT: usize = 4 << 10;

/// Takes the encoding: in memory while it is short, hashed piece by piece when it is long.
pub(crate) struct HashBuffer {
    bytes: Vec<u8>,
    /// Where the encoding begins: before it are others, which are complete.
    start: usize,
    tree: Option<Box<Tree>>,
}

thread_local! {
    /// The memory of the last sink.
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
        HashBuffer { bytes: bytes.unwrap_or_else(|| Vec::with_capacity(128)), start: 0, tree: None }
    }

    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.rest().len() + bytes.len() > HASH_AT {
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

    /// Writes all of what may be long, with several threads if it is.
    pub(crate) fn write_from(&mut self, source: &impl Source) -> Result<()> {
        let size = source.size();
        if size > (HASH_AT - self.rest().len()) as u64 {
            return self.hash_what_is_there().update_from(source);
        }
        self.bytes.reserve(index(size));
        source.part(0..size, &mut Scratch::default(), &mut self.bytes)
    }

    /// Writes few bytes, the same number each time: the compiler then needs no call.
    #[inline]
    pub(crate) fn write_few<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.rest().len() + N > HASH_AT {
            return self.write_slowly(&bytes);
        }
        self.bytes.extend_from_slice(&bytes);
    }

    /// A length, or a number of elements: its bytes, least significant first and without zeros at
    /// the end, then how many those are.
    pub(crate) fn length(&mut self, length: u64) {
        let (bytes, count) = length_bytes(length);
        self.write(&bytes[..count + 1]);
    }

    /// The end of an item: a length and the tag.
    #[inline]
    pub(crate) fn end(&mut self, length: u64, tag: Tag) {
        // Most are short: a byte, and that it is one.
        if let Ok(byte @ 1..) = u8::try_from(length) {
            return self.write_few([byte, 1, tag as u8]);
        }
        let (mut bytes, count) = length_bytes(length);
        bytes[count + 1] = tag as u8;
        if self.rest().len() + bytes.len() > HASH_AT {
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

    /// The encoding, unless it is longer than `limit`.
    pub(crate) fn short(&self, limit: usize) -> Option<&[u8]> {
        (self.tree.is_none() && self.rest().len() <= limit).then(|| self.rest())
    }

    /// The encoding, which is short, is complete, and another one follows.
    pub(crate) fn keep(&mut self) {
        self.start = self.bytes.len();
    }

    /// The encoding is complete, and another one follows. Gives where it ends, or its digest if it was too long to be
    /// kept.
    pub(crate) fn begin_next(&mut self) -> Result<usize, Key> {
        if self.tree.is_none() {
            self.keep();
            return Ok(self.start);
        }
        let digest = self.digest();
        self.clear();
        Err(digest)
    }

    /// All encodings that were kept.
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

    /// The digest of all encodings that were kept, under a key.
    pub(crate) fn keyed_digest(&self, key: &Key) -> Key {
        if self.bytes.len() <= HASH_AT {
            return Key::from_bytes(*blake3::keyed_hash(key.as_bytes(), &self.bytes).as_bytes());
        }
        // A call with very many arguments: by their digest, then.
        let mut short = blake3::hash(&self.bytes).as_bytes().to_vec();
        short.push(Tag::Digest as u8);
        Key::from_bytes(*blake3::keyed_hash(key.as_bytes(), &short).as_bytes())
    }
}

/// The bytes of a length, with room for a tag, and how many come before the last one.
#[inline]
fn length_bytes(length: u64) -> ([u8; 10], usize) {
    let count = 8 - length.leading_zeros().to_le_bytes()[0] / 8;
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&length.to_le_bytes());
    bytes[usize::from(count)] = count;
    (bytes, count.into())
}
