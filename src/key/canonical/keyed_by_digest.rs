//! Values that have a digest of their own, which replaces them in keys.

use serde::{Serialize, Serializer};

use crate::key::canonical::encoder::CanonicalEncoder;
use crate::key::canonical::hash_buffer::Tag;
use crate::key::digest::Key;

/// The kind of value that a digest replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByDigest {
    /// The content of a file.
    File,
    /// The value of an entry, represented by the entry's key.
    Shelved,
}

impl ByDigest {
    const ALL: [ByDigest; 2] = [ByDigest::File, ByDigest::Shelved];

    /// Name of the newtype struct that is passed to the canonical encoder. No Rust type can have this name, unless
    /// `#[serde(rename)]` sets it on purpose.
    const fn name(self) -> &'static str {
        match self {
            ByDigest::File => "$larder::FileDigest",
            ByDigest::Shelved => "$larder::Shelved",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        if !name.starts_with('$') {
            return None;
        }
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) fn tag(self) -> Tag {
        match self {
            ByDigest::File => Tag::File,
            ByDigest::Shelved => Tag::Shelved,
        }
    }

    /// Returns whether `S` computes a key, so that [`serialize`](ByDigest::serialize) should be called. A serializer
    /// that wraps it, such as serde's for `flatten`, is not recognised: the value is then serialized as for any other
    /// format.
    pub(crate) fn is_wanted<S: Serializer>() -> bool {
        typeid::of::<S>() == typeid::of::<&mut CanonicalEncoder<'_>>()
    }

    /// Serializes a digest for the canonical encoder.
    pub(crate) fn serialize<S: Serializer>(self, digest: &Key, serializer: S) -> Result<S::Ok, S::Error> {
        struct Digest<'d>(&'d [u8; 32]);

        impl Serialize for Digest<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(self.0)
            }
        }

        serializer.serialize_newtype_struct(self.name(), &Digest(digest.as_bytes()))
    }
}
