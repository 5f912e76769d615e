//! Values that are known by a digest: in keys, the digest stands for what it is of.

use serde::{Serialize, Serializer};

use crate::key::canonical::encoder::CanonicalEncoder;
use crate::key::canonical::hash_buffer::Tag;
use crate::key::digest::Key;

/// What a digest stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByDigest {
    /// The content of a file.
    File,
    /// The value in an entry, by the entry's key.
    Shelved,
}

impl ByDigest {
    const ALL: [ByDigest; 2] = [ByDigest::File, ByDigest::Shelved];

    /// What the newtype struct is called that the canonical encoder is given. No type can have such a name, unless
    /// it is renamed to it on purpose.
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

    /// Whether `S` makes a key, so that [`serialize`](ByDigest::serialize) is what to call. Through serde's own
    /// serializers (of `flatten`, for one) it can't be seen: then the value is what it is for others.
    pub(crate) fn is_wanted<S: Serializer>() -> bool {
        typeid::of::<S>() == typeid::of::<&mut CanonicalEncoder<'_>>()
    }

    /// Serialises a digest for the canonical encoder.
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
