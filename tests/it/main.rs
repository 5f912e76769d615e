//! Tests everything that larder promises, in one binary.
#![allow(
    missing_docs,
    clippy::allow_attributes,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these are tests"
)]

/// The layers of the library, and that no files import each other in a cycle.
mod layers;

/// Memoized functions and their companion items.
mod memoize;

/// Compiler messages about mistakes with the attribute.
mod ui;

/// Generated values for the modules below.
mod values;

/// Keys of maps whose container is not known.
#[cfg(feature = "macros")]
mod map_order;

/// Options that limit results, let them expire, and share them.
#[cfg(feature = "macros")]
mod options;

/// Results whose encoding leaves something out.
#[cfg(feature = "macros")]
mod lossy;

/// Values are read exactly as they were stored.
mod roundtrip;

/// Dumps in files and streams.
mod persist;

/// Arrays of numbers in every form.
mod arrays;

/// Values used in place in their files.
mod map;

/// Damaged files and entries.
mod damage;

/// Entries after a power failure.
mod torn;

/// Faults of the environment of a cache.
#[cfg(target_os = "linux")]
mod faults;

/// Operations that the system refuses.
#[cfg(target_os = "linux")]
mod refused;

/// Only larder's own files are removed.
#[cfg(target_os = "linux")]
mod own_files;

/// Caches that several users share.
#[cfg(target_os = "linux")]
mod shared;

/// Different file systems.
#[cfg(target_os = "linux")]
mod file_systems;

/// Folders that accept no more names.
#[cfg(target_os = "linux")]
mod full_folders;

/// Folders that are moved during use.
#[cfg(target_os = "linux")]
mod moved;

/// Mounts file systems for tests.
#[cfg(target_os = "linux")]
mod mounts;

/// Scarce descriptors and threads.
#[cfg(target_os = "linux")]
mod scarce;

/// Builds invalid documents.
mod craft;

/// Types of every kind that a reader may request.
mod readers;

/// Hostile content.
mod hostile;

/// Results of earlier processes.
mod process;

/// `LARDER=verify`: hits are recomputed and compared.
mod verify;

/// Edits of programs in real builds.
mod never_stale;

/// Single-flight: of equal calls at the same time, only one computes.
mod once;

/// No call waits forever.
mod waits;

/// `try_run` and sweeps of calls.
mod sweep;

/// Panics in code that larder calls.
mod panics;

/// Stack use of calls.
mod stack;

/// Processes that fork.
#[cfg(unix)]
mod fork;

/// Many processes with many threads in one folder.
mod stress;

/// Pseudorandom numbers for other modules.
mod random;

/// Arguments that are files.
mod file_digest;

/// Expectations of users of other caches.
mod habits;

/// Reasons of hits and misses.
mod explain;

/// The memory tier.
mod hot;

/// Segments of many small results.
mod segments;

/// Counts over processes and functions.
mod counted;

/// Inspection of a cache from a program.
mod inside;

/// Limits and eviction.
mod bounds;

/// Results larger than a limit.
mod too_large;

/// Clocks that differ.
#[cfg(target_os = "linux")]
mod clocks;

/// Environment variables.
mod settings;

/// `LARDER_VERBOSE`: a line for each computed call.
mod verbose;

/// Reasons why a result was not stored.
mod reasons;

/// Functions with names of cache files.
mod names;

/// Entries with a MAC.
mod secret;

/// Trimming of a cache.
mod trim;

/// References to stored results.
mod shelved;

/// Starts child processes for tests.
mod child;

/// Removes folders of open caches.
mod removal;

/// Keys of arrays and maps, computed in bulk.
mod bulk_keys;

/// Keys of values.
mod keys;

/// Other programs read larder's files.
mod tools;

/// Streams of other programs, with all that their formats allow.
mod streams;

/// Large values as several members, by several threads.
mod compressors;

/// Registered compressors.
mod registered;

/// A cache of large values, which the tests of the program use as well.
#[path = "../common/model_cache.rs"]
mod model_cache;

/// Entries that are recompressed, and exported to another cache.
mod carry;

/// Bytes and digests that never change.
mod golden;

/// Returns bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Memoized `async` functions.
#[cfg(feature = "async")]
mod futures;

/// The README matches the code.
mod readme;

/// Log messages.
mod log;

/// Tracking of the code that a function reaches.
#[cfg(feature = "macros")]
mod tracking;

/// Several programs in one cache.
#[cfg(feature = "macros")]
mod programs;
