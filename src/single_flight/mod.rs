//! Once: of several calls that are the same and are made at the same time, one computes and the others wait.
//!
//! In this process, the call that computes has a `InFlight` in the cache's table; others find it there
//! and wait for it. Between processes, it holds the key's lock as well, see `lock`. DESIGN.md says
//! why every wait ends.
//!
//! - `join` is the way to a turn: it waits for what is in the way, which `watch` looks at in this process, and `queue` in others.
//! - `circle` knows who waits for whom in this process; `signs` tells how a thread gets on.
//! - `patience` says how long to wait; `others` looks at other processes, which say in `report` what they do.

pub(crate) mod flight;
pub(crate) mod holder;
pub(crate) mod join;
pub(crate) mod other_process;
pub(crate) mod progress_probe;
pub(crate) mod report_file;
pub(crate) mod running_calls;
pub(crate) mod table;
#[cfg(feature = "async")]
pub(crate) mod task;
#[cfg(feature = "async")]
pub(crate) mod task_state;
pub(crate) mod wait_graph;
pub(crate) mod wait_policy;
pub(crate) mod wait_process;
pub(crate) mod wait_thread;
