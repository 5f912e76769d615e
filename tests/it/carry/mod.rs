//! Entries that are recompressed, and exported to another cache.

#[cfg(feature = "archive")]
mod archived;
#[cfg(feature = "archive")]
mod hostile;
mod recompressed;
