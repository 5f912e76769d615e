#![doc = include_str!("../README.md")]

// The way of a call, in the order in which it goes through these files.
#[cfg(feature = "async")]
mod async_call;
mod call;
mod closure;
mod code;
mod memo;
mod memoize;
#[cfg(feature = "async")]
mod memoize_async;
mod miss;
mod site;
mod sweep;

mod compare;
mod doctor;
mod explain;
mod flight;
mod recent;
mod shelf;

mod file_digest;

mod builder;
mod cache;
mod inspect;
mod key;

mod hot;
mod upkeep;

#[cfg(feature = "archive")]
mod archive;
mod bounds;
mod recompress;
mod store;

mod container;
mod document;

mod compress;

mod codec;

mod mapped;
mod persist;
mod value;

// What several of them need.
mod access;
mod apart;
mod as_json;
#[cfg(feature = "async")]
mod aside;
mod at_exit;
mod atomic;
mod binary;
mod crates_in;
mod error;
mod exchange;
mod faithful;
mod fault;
mod file;
mod file_system;
mod fit;
mod fork;
mod guard;
mod identity;
mod in_trait;
mod kept;
mod lock;
mod marks;
mod memory;
#[cfg(feature = "metrics")]
mod metered;
mod numeric;
mod origin;
mod outcome;
mod parts;
mod policy;
mod preview;
mod proc;
mod progress;
mod readable;
mod reason;
mod repeats;
mod rules;
mod secret;
mod settings;
mod shape;
mod stack;
mod stats;
mod steering;
mod summary;
mod target;
mod threads;
#[cfg(feature = "async")]
mod timer;
mod too_large;
mod units;
mod unkept;
mod valid;

#[cfg(feature = "archive")]
pub use archive::Carried;
#[cfg(feature = "async")]
pub use async_call::AsyncCall;
pub use builder::CacheBuilder;
pub use cache::Cache;
pub use call::Call;
pub use codec::Element;
pub use compare::Comparison;
pub use compress::{BlockCodec, Compression, CompressionWriter, Compressor, register_compressor};
pub use doctor::{Finding, Health};
pub use error::{Error, ErrorKind, Result};
pub use explain::{Explanation, Verdict};
pub use file_digest::FileDigest;
pub use flight::{Process, RunningCall};
pub use key::{Argument, Key, key_of};
pub use mapped::{Mapped, map};
pub use memo::Memo;
pub use outcome::Outcome;
pub use persist::{dump, dump_into, dump_with, load, load_from};
pub use policy::Limits;
pub use progress::Progress;
pub use reason::{Change, ChangeKind, Difference, NotKept, Reason};
pub use recent::Recent;
pub use shelf::Shelved;
pub use stats::Stats;
pub use store::{Activity, Entries, Entry, FunctionInfo, Trimmed, Verified};
pub use summary::Summary;
pub use sweep::{Sweep, sweep};
pub use threads::set_threads;
pub use units::{parse_bytes, parse_duration};

pub use value::{NumberArray, Value};

#[cfg(feature = "macros")]
pub use larder_macros::memoize;

/// What the attribute's expansion uses. Not for use by hand, and free to change.
#[doc(hidden)]
pub mod __private {
    pub use crate::code::{Code, Items, Track};
    pub use crate::fit::{Part, argument, wanted};
    pub use crate::fork::Once;
    pub use crate::in_trait::{path_in_trait, position_in_trait};
    pub use crate::key::Describe;
    pub use crate::memo::{Definition, path_of_function, path_of_method, position_of};
    pub use crate::memoize::{call, compute_fn, describe_fn};
    #[cfg(feature = "async")]
    pub use crate::memoize_async::call_async;
    pub use crate::rules::Rules;
    pub use crate::shape::{Probe, Shape};
    pub use crate::valid::{valid_both, valid_one};

    /// What method resolution chooses from.
    pub mod shapes {
        pub use crate::fit::checks::*;
        pub use crate::shape::probes::*;
    }
}
