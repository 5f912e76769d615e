//! Keys: digests of a canonical, injective encoding of everything that a call depends on.
//!
//! In reading order:
//!
//! | module | content |
//! |---|---|
//! | `digest` | the type `Key` |
//! | `key_of` | the key of a value |
//! | `canonical` | the encoding that is hashed |
//! | `hashing` | parallel BLAKE3, and digests of unordered containers |
//! | `call_key` | the key of a call |
//! | `random_order` | finds maps whose order has no meaning, by decoding an argument |
//! | `function_key`, `path`, `code_version` | identity of a function: path, version, fingerprint of its code |
//! | `caller`, `crate_names` | identity of a closure: the crates of its type |
//! | `file_digest` | files and folders as arguments |

pub(crate) mod call_key;
pub(crate) mod caller;
pub(crate) mod canonical;
pub(crate) mod code_version;
pub(crate) mod crate_names;
pub(crate) mod digest;
pub(crate) mod file_digest;
pub(crate) mod function_key;
pub(crate) mod hashing;
pub(crate) mod key_of;
pub(crate) mod path;
pub(crate) mod random_order;
