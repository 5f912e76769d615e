#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(doc, doctest))]
pub mod guide;

// The layers, from the top to the bottom: a file imports from its own folder or from a layer below.
mod call;

mod explain;

mod cache;

mod engine;

mod single_flight;

mod store;

mod settings;

mod files;

mod key;

mod format;

mod observe;

mod sys;

mod error;

mod text;

#[cfg(feature = "archive")]
pub use cache::archive::report::ArchiveReport;
pub use cache::builder::CacheBuilder;
pub use cache::doctor::diagnosis::{Diagnosis, Severity};
pub use cache::handle::Cache;
pub use cache::summary::Summary;
#[cfg(feature = "async")]
pub use call::async_handle::AsyncCall;
pub use call::function::Memo;
pub use call::handle::Call;
pub use call::outcome::Outcome;
pub use call::stored_ref::Shelved;
pub use call::sweep::{Sweep, sweep};
pub use engine::eviction::policy::Limits;
pub use error::{Error, ErrorKind, Result};
pub use explain::comparison::Comparison;
pub use explain::recent::Computation;
pub use explain::{Explanation, Verdict};
pub use files::mapped::{Mapped, map};
pub use files::{dump, dump_checked, dump_into, dump_with, load, load_from};
pub use format::cbor::find::Element;
pub use format::compress::compression::{BlockCodec, Compression};
pub use format::compress::custom::{CompressionWriter, Compressor};
pub use format::compress::registry::register_compressor;

pub use key::call_key::Argument;
pub use key::canonical::unordered::Unordered;
pub use key::digest::Key;
pub use key::file_digest::digest::FileDigest;
pub use key::key_of::key_of;
pub use observe::clear_report::ClearReport;
pub use observe::progress::Progress;
pub use observe::reason::{Cause, Change, ChangeKind, Difference, NotKept, Reason};
pub use observe::stats::Stats;
pub use settings::units::{parse_bytes, parse_duration};
pub use single_flight::running_calls::{Process, RunningCall};
pub use store::entries::Entries;
pub use store::entry::Entry;
pub use store::function_info::FunctionInfo;
pub use store::hourly_stats::Activity;
pub use store::trim_report::TrimReport;
pub use store::verify_report::VerifyReport;
pub use sys::workers::set_threads;

pub use format::value::tree::{NumberArray, Value};

#[cfg(feature = "macros")]
pub use larder_macros::memoize;

/// Text for people, as the program `larder` prints it. Not for use by hand, and free to change.
#[doc(hidden)]
pub mod __text {
    pub use crate::text::cut::{cut, cut_fairly};
    pub use crate::text::humanize::{count, duration, number, one_line, size};
}

/// What the attribute's expansion uses. Not for use by hand, and free to change.
#[doc(hidden)]
pub mod __private {
    pub use crate::call::definition::Definition;
    pub use crate::call::memory_only::call_in_memory;
    #[cfg(feature = "async")]
    pub use crate::call::memory_only::call_in_memory_async;
    pub use crate::call::options::Rules;
    pub use crate::call::predicate::{valid_both, valid_one};
    pub use crate::call::result_shape::{Probe, ResultShape};
    pub use crate::call::run::{call, compute_fn, describe_fn};
    #[cfg(feature = "async")]
    pub use crate::call::run_async::call_async;
    pub use crate::call::type_checks::{Part, key_part, stored, wanted};
    pub use crate::key::call_key::Describe;
    pub use crate::key::code_version::{Code, Items, Track};
    pub use crate::key::path::{path_of_function, path_of_method, path_within, position_of, position_within};
    pub use crate::sys::fork::once::Once;

    /// What method resolution chooses from.
    pub mod shapes {
        // Without their names, which a type of the user's may have as well.
        pub use crate::call::memory_only::probes::{FallibleMemoryShape as _, PlainMemoryShape as _};
        pub use crate::call::result_shape::probes::{
            FallibleShape as _, PlainShape as _, UnfitFallibleShape as _, UnfitShape as _,
        };
        pub use crate::call::type_checks::checks::{
            ComparableAndShown as _, Fit as _, KeyedArgument as _, LacksBoth as _, LacksDeserialize as _,
            LacksSerialize as _, NotComparable as _, NotShared as _, OnlyComparable as _, OnlyShown as _,
            ReadableArgument as _, ReadableReference as _, ReadableSlice as _, SharedArc as _, UnfitArgument as _,
        };
    }
}
