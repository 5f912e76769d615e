//! Cache handles: opening, configuration, inspection and maintenance.

#[cfg(feature = "archive")]
pub(crate) mod archive;
pub(crate) mod builder;
pub(crate) mod doctor;
#[cfg(test)]
mod eviction_tests;
pub(crate) mod handle;
pub(crate) mod inspect;
#[cfg(test)]
mod maintenance_tests;
pub(crate) mod open;
pub(crate) mod recompress;
pub(crate) mod summary;
pub(crate) mod temporary;
pub(crate) mod weak_handle;
