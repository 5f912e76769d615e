//! Engine of a cache: the state that all its handles in this process share.
//!
//! [`cache_engine`] combines the components: the folder, the accounting, the memory tier, the evictor, and the
//! background thread. [`entry_changes`] and [`maintenance`] have the operations on several of them.

pub(crate) mod accounting;
pub(crate) mod background;
pub(crate) mod cache_engine;
pub(crate) mod cache_folder;
pub(crate) mod deferred_open;
pub(crate) mod entry_changes;
pub(crate) mod eviction;
pub(crate) mod failures;
pub(crate) mod free_space;
pub(crate) mod idle_clock;
#[cfg(test)]
pub(crate) mod interleave;
pub(crate) mod maintenance;
pub(crate) mod memory_tier;
pub(crate) mod roster;
pub(crate) mod unstored;
pub(crate) mod usage;
pub(crate) mod verbose;
pub(crate) mod version_table;
