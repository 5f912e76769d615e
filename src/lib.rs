#![doc = include_str!("../README.md")]

// The way of a call, in the order in which it goes through these files.
#[cfg(feature = "async")]
mod async_call;
mod call;
mod closure;
mod memo;
mod memoize;
mod site;

mod cache;
mod file_digest;
mod key;

mod store;

mod container;
mod document;

mod compress;

mod codec;

mod mapped;
mod persist;

// What several of them need.
mod atomic;
mod error;
mod faithful;
mod file;
mod lock;
mod memory;
mod numeric;
mod outcome;
mod preview;
mod rules;
mod shape;
mod stats;
mod target;
mod threads;

#[cfg(feature = "async")]
pub use async_call::AsyncCall;
pub use cache::{Cache, CacheBuilder};
pub use call::Call;
pub use codec::Element;
pub use compress::{BlockCodec, Compression, CompressionWriter, Compressor, register_compressor};
pub use error::{Error, ErrorKind, Result};
pub use file_digest::FileDigest;
pub use key::{Argument, Key, key_of};
pub use mapped::{Mapped, map};
pub use memo::Memo;
pub use outcome::Outcome;
pub use persist::{dump, dump_into, dump_with, load, load_from};
pub use stats::Stats;
pub use store::{Entries, Entry, FunctionInfo};
pub use threads::set_threads;

#[cfg(feature = "macros")]
pub use larder_macros::memoize;

/// What the attribute's expansion uses. Not for use by hand, and free to change.
#[doc(hidden)]
pub mod __private {
    pub use crate::key::Describe;
    pub use crate::memo::{Code, Definition, Track, path_of_function, path_of_method, position_of};
    #[cfg(feature = "async")]
    pub use crate::memoize::call_async;
    pub use crate::memoize::{call, compute_fn, describe_fn};
    pub use crate::rules::Rules;
    pub use crate::shape::{FallibleShape, PlainShape, Probe, Shape};
}
