//! Keys: the digest of a canonical, injective encoding of what a call depends on.

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
