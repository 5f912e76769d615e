//! Everything that larder promises, in one binary.
#![allow(
    missing_docs,
    clippy::allow_attributes,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these are tests"
)]

/// Functions under the attribute, and their companions.
mod memoize;

/// What the compiler says of mistakes with the attribute.
mod ui;

/// Generated values, for the modules below.
mod values;

/// Values come back as they went in.
mod roundtrip;

/// Dumps in files and streams.
mod persist;

/// Arrays of numbers in every form.
mod arrays;

/// Values used where they lie in a file.
mod map;

/// Damage, by accident and by hand.
mod damage;

/// What a power failure leaves.
mod torn;

/// Faults of what is around a cache.
#[cfg(target_os = "linux")]
mod faults;

/// What the system refuses.
#[cfg(target_os = "linux")]
mod refused;

/// Only what is larder's is removed.
#[cfg(target_os = "linux")]
mod own_files;

/// Several users of one cache.
#[cfg(target_os = "linux")]
mod shared;

/// File systems of many kinds.
#[cfg(target_os = "linux")]
mod file_systems;

/// Folders that are full.
#[cfg(target_os = "linux")]
mod full_folders;

/// Folders that move.
#[cfg(target_os = "linux")]
mod moved;

/// Mounting them.
#[cfg(target_os = "linux")]
mod mounts;

/// What there is little of.
#[cfg(target_os = "linux")]
mod scarce;

/// Documents made by hand.
mod craft;

/// Types of every kind that a reader may ask for.
mod readers;

/// Content made to harm.
mod hostile;

/// One process after another.
mod process;

/// Hits that are computed again, to see whether they are the same.
mod verify;

/// Of all who make one call at one time, one computes.
mod never_stale;
mod once;

/// Nobody waits for ever.
mod waits;

/// Calls that are tried, and sets of them.
mod sweep;

/// Panics of what larder calls.
mod panics;

/// How much of the stack calls take.
mod stack;

/// Processes that fork.
#[cfg(unix)]
mod fork;

/// Many processes with many threads, in one folder.
mod stress;

/// Random numbers, for the modules around.
mod random;

/// Files by what they hold.
mod file_digest;

/// What users of other caches are used to.
mod habits;

/// Why a call hits or misses.
mod explain;

/// Results in memory.
mod hot;

/// What is counted.
mod counted;

/// Looking into a cache from a program.
mod inside;

/// Limits.
mod bounds;

/// Results that are larger than a limit.
mod too_large;

/// Clocks that differ.
#[cfg(target_os = "linux")]
mod clocks;

/// The variables of the environment.
mod settings;

/// Why a result was not kept.
mod reasons;

/// Names of functions that could be names of files.
mod names;

/// Sealed entries.
mod secret;

/// Making a cache smaller.
mod trim;

/// Results by reference.
mod shelved;

/// Tests in processes of their own.
mod child;

/// Keys of arrays and maps, in bulk.
mod bulk_keys;

/// Keys of values.
mod keys;

/// Other programs read what larder writes.
mod tools;

/// Large values as several members, by several threads.
mod compressors;

/// Compressors that are registered.
mod registered;

/// A cache of large values, which the tests of the program use as well.
#[path = "../common/model_cache.rs"]
mod model_cache;

/// Entries that are recompressed, and exported to another cache.
mod carry;

/// Bytes and digests that never change.
mod golden;

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Functions that are `async`.
#[cfg(feature = "async")]
mod futures;

/// The README agrees with the rest.
mod readme;

/// What is logged.
mod log;

/// Changes of the code that a function reaches.
#[cfg(feature = "macros")]
mod tracking;

/// Several programs in one cache.
#[cfg(feature = "macros")]
mod programs;
