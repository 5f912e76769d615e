//! A memoized call, from its arguments to its result.
//!
//! Read the files in this order:
//!
//! - `definition`, `function`: a memoized function; `function_state`, `function_homes`: its state in each cache that it is
//!   used with.
//! - `options`, `predicate`: when a stored result may be used and a new one stored (`max_age`, `valid`, `store_if`).
//! - `result_shape`, `type_checks`: which part of the return value is stored, and the compiler messages if it can't
//!   be.
//! - `context`: one call of a function in a cache: looks up and stores its result, counts and logs the outcome.
//! - `run`, `miss`: the steps of a call: look up, join calls that run already, compute, store.
//! - `run_async`: the same steps for an `async fn`.
//! - `outcome`: what a call did: hit, computed or bypassed.
//! - `handle`, `async_handle`: the public `Call` and `AsyncCall`.
//! - `shared_results`: results in an `Arc` that hits share.
//! - `memory_only`, `memory_results`: functions whose results stay in memory.
//! - `stored_ref`: `Shelved`, a reference to a stored result.
//! - `closure`, `sweep`: memoized closures, and sets of calls.

#[cfg(feature = "async")]
pub(crate) mod async_handle;
pub(crate) mod closure;
pub(crate) mod context;
pub(crate) mod definition;
#[cfg(test)]
mod faulty_store_tests;
pub(crate) mod function;
mod function_homes;
pub(crate) mod function_state;
pub(crate) mod handle;
pub(crate) mod memory_only;
pub(crate) mod memory_results;
pub(crate) mod miss;
pub(crate) mod options;
pub(crate) mod outcome;
pub(crate) mod predicate;
#[cfg(test)]
mod publishing_tests;
pub(crate) mod result_shape;
pub(crate) mod run;
#[cfg(feature = "async")]
pub(crate) mod run_async;
pub(crate) mod shared_results;
pub(crate) mod stored_ref;
pub(crate) mod sweep;
pub(crate) mod type_checks;
