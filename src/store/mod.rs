//! Storage of entries: paths, file formats, reading, writing and listing.
//!
//! `Store` is the interface. Caches use `Tiered`, which keeps entries in files (`directory`) and many small ones of a
//! function in `segments`.

pub(crate) mod clear;
pub(crate) mod code_items;
pub(crate) mod counters;
pub(crate) mod create;
pub(crate) mod directory;
pub(crate) mod entries;
pub(crate) mod entry;
pub(crate) mod entry_format;
pub(crate) mod entry_value;
pub(crate) mod file_names;
pub(crate) mod function_file;
pub(crate) mod function_info;
pub(crate) mod history;
pub(crate) mod hourly_stats;
pub(crate) mod interface;
pub(crate) mod layout;
pub(crate) mod listed_entry;
pub(crate) mod mac;
pub(crate) mod names;
pub(crate) mod orphaned_temps;
pub(crate) mod owned_files;
pub(crate) mod read;
pub(crate) mod record_file;
pub(crate) mod references;
pub(crate) mod root;
pub(crate) mod segments;
pub(crate) mod share;
pub(crate) mod stored_entry;
pub(crate) mod tiered;
pub(crate) mod trim_report;
pub(crate) mod usage_scan;
pub(crate) mod verify_report;
pub(crate) mod walk;
pub(crate) mod write;
