//! Single-flight: concurrent identical calls are computed once; the other callers wait for the leader.
//!
//! In this process, the leader has an `InFlight` in the cache's table, where other callers find it. Between processes,
//! the leader also holds the key's lock, see `sys::lock`. `docs/design/concurrency.md` shows why every wait ends.
//!
//! In reading order:
//!
//! | file | content |
//! |---|---|
//! | `table` | the in-flight calls of a cache, and `LeaderGuard` |
//! | `flight` | one in-flight call |
//! | `join` | becoming the leader, or waiting |
//! | `wait_thread`, `wait_process` | a wait for this process, and for others |
//! | `wait_graph` | which call waits for which, to avoid cycles |
//! | `wait_policy` | how long to wait |
//! | `progress_probe` | whether threads and processes make progress |
//! | `task`, `task_state` | the same for tasks |
//! | `report_file`, `running_calls` | what each process reports to the others |
//! | `other_process`, `holder` | evaluates these reports |

pub(crate) mod flight;
pub(crate) mod holder;
pub(crate) mod join;
#[cfg(test)]
mod order_tests;
pub(crate) mod other_process;
pub(crate) mod progress_probe;
pub(crate) mod report_file;
pub(crate) mod running_calls;
#[cfg(test)]
mod schedule_tests;
pub(crate) mod table;
#[cfg(feature = "async")]
pub(crate) mod task;
#[cfg(feature = "async")]
pub(crate) mod task_state;
pub(crate) mod wait_graph;
pub(crate) mod wait_policy;
pub(crate) mod wait_process;
pub(crate) mod wait_thread;
