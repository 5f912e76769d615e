//! The memory tier: results in this process's memory, as they are encoded, so that a repeated hit touches no file.
//!
//! `tier` has the parts: `memory_cache` keeps the results, `thread_cache` the last few that each thread used, `validity` says
//! which of them may be used, and `touch_times` when an entry's file was touched.

pub(crate) mod memory_cache;
pub(crate) mod memory_entry;
pub(crate) mod thread_cache;
pub(crate) mod tier;
pub(crate) mod touch_times;
pub(crate) mod validity;
