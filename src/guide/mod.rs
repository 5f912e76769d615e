//! How to use larder, page by page. Each example on these pages is compiled and run as a test.
//!
//! | page | what it is about |
//! |---|---|
//! | [`first_steps`] | a first memoized function, and what its companions do |
//! | [`keys`] | when two calls are the same call |
//! | [`code_tracking`] | which edits make results stale, and what larder can't see |
//! | [`arrays_and_files`] | files of your own, large arrays, and files as arguments |
//! | [`processes`] | several threads, processes and machines with one cache |
//! | [`testing`] | tests of code that memoizes |
//! | `async_functions` | `async fn`; the page needs feature `async` |
//! | [`other_attributes`] | together with `#[pyfunction]`, `#[fixture]`, `#[instrument]` and others |
//! | [`from_cached`] | for those who know the crate `cached` |
//! | [`from_joblib`] | for those who know Python's joblib |
//! | [`performance`] | what a call costs, and what to do about it |
//! | [`troubleshooting`] | a call misses, a result is not stored, a build warns |

#[doc = include_str!("first_steps.md")]
pub mod first_steps {}

#[doc = include_str!("keys.md")]
pub mod keys {}

#[doc = include_str!("code_tracking.md")]
pub mod code_tracking {}

#[doc = include_str!("arrays_and_files.md")]
pub mod arrays_and_files {}

#[doc = include_str!("processes.md")]
pub mod processes {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[cfg(feature = "async")]
#[doc = include_str!("async_functions.md")]
pub mod async_functions {}

#[doc = include_str!("other_attributes.md")]
pub mod other_attributes {}

#[doc = include_str!("from_cached.md")]
pub mod from_cached {}

#[doc = include_str!("from_joblib.md")]
pub mod from_joblib {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}
