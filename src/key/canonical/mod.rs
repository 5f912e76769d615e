//! The canonical encoding of serde values. It is only hashed, never decoded.
//!
//! It is injective because it can be parsed from its end: every item is its content, then its length if that is not
//! fixed, then a tag. The length follows the content, so nothing must be known in advance, and the encoding streams in
//! constant memory. `docs/design/keys.md` has the grammar and the proof.
//!
//! In reading order:
//!
//! | file | content |
//! |---|---|
//! | `encode` | entry points |
//! | `hash_buffer` | tags, lengths, and the digest |
//! | `encoder` | state: runs of scalars and depth |
//! | `serializer` | serde's `Serializer` |
//! | `compound`, `seq_encoder`, `map_encoder` | containers |
//! | `hash_containers` | tells by a type's name whether its order has a meaning |
//! | `map_order` | which maps have an order that counts |
//! | `number_slices` | arrays of numbers |
//! | `keyed_by_digest` | files and stored results |
//! | `unordered` | values whose maps have no order |

pub(crate) mod compound;
pub(crate) mod encode;
pub(crate) mod encoder;
pub(crate) mod hash_buffer;
pub(crate) mod hash_containers;
pub(crate) mod keyed_by_digest;
pub(crate) mod map_encoder;
pub(crate) mod map_order;
pub(crate) mod number_slices;
pub(crate) mod seq_encoder;
pub(crate) mod serializer;
pub(crate) mod unordered;
