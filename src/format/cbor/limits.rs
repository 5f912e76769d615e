//! Limits of the encoding.

/// Maximum nesting depth of containers (arrays, maps, `Some`, newtypes, payloads of variants), for writing and for
/// reading: a hostile file must not overflow the reader's stack. serde_json has the same limit.
pub(crate) const MAX_DEPTH: u32 = 128;

/// Largest size hint, in elements. A container may reserve memory for as many elements before they arrive, at each
/// level of nesting. serde's own containers cap the reservation at 1 MiB.
pub(super) const LARGEST_HINT: usize = 32 << 10;

/// Binary and self-describing formats disagree on which form of an IP address, a UUID or a date they ask for. serde's
/// own buffering (behind `flatten`, untagged and internally tagged enums) always asks for the readable form. So any
/// other form could not be read back.
pub(crate) const HUMAN_READABLE: bool = true;
