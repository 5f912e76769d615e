//! Limits of the encoding.

/// Containers (arrays, maps, `Some`, newtypes, payloads of variants) may be nested this deep, on the
/// way in as on the way out: a hostile file must not overflow the stack of the reader. As in serde_json.
pub(crate) const MAX_DEPTH: u32 = 128;

/// Elements that a container is said to have before they are read: whoever believes it takes memory
/// for them, at each level of nesting. serde's own containers take up to 1 MiB.
pub(super) const LARGEST_HINT: usize = 32 << 10;

/// Binary and self-describing formats disagree on which form of an IP address, a UUID or a date
/// they ask for. serde's own buffering (behind `flatten`, untagged and internally tagged enums)
/// always asks for the readable form, so writing any other could not be read back.
pub(crate) const HUMAN_READABLE: bool = true;
