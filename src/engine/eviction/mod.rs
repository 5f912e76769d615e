//! Eviction: keeps a cache within its limits as entries are written, and trims it on request.
//!
//! `policy` decides which entries are evicted, and does no I/O. `evictor` evicts them as entries are written, in the
//! order of a `victim_queue` that a `scan` fills, each time as much as a `budget` allows. `trim` does all of it at
//! once.

pub(crate) mod budget;
pub(crate) mod evictor;
pub(crate) mod function_limits;
pub(crate) mod policy;
pub(crate) mod scan;
pub(crate) mod trim;
pub(crate) mod victim;
pub(crate) mod victim_queue;
