//! call.

#[cfg(feature = "async")]
pub(crate) mod async_handle;
pub(crate) mod closure;
pub(crate) mod context;
#[cfg(test)]
mod faulty_store_tests;
pub(crate) mod function;
pub(crate) mod handle;
pub(crate) mod miss;
pub(crate) mod options;
pub(crate) mod outcome;
pub(crate) mod predicate;
pub(crate) mod result_shape;
pub(crate) mod roundtrip_check;
pub(crate) mod run;
#[cfg(feature = "async")]
pub(crate) mod run_async;
pub(crate) mod stored_ref;
pub(crate) mod sweep;
pub(crate) mod type_checks;
