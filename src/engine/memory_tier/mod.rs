//! Memory tier: encoded results in this process's memory, so that a repeated hit touches no file.
//!
//! `tier` combines the components: `memory_cache` holds the results, `thread_cache` the last few results of each
//! thread, `validity` decides which of them may be used, and `touch_times` remembers when an entry's file was touched.

pub(crate) mod memory_cache;
pub(crate) mod memory_entry;
pub(crate) mod thread_cache;
pub(crate) mod tier;
pub(crate) mod touch_times;
pub(crate) mod validity;
