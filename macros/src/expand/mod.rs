//! The code that replaces the function.
//!
//! ```text
//! fn fit(data: &Data, alpha: f64) -> Model      the wrapper: calls into larder
//! struct fit {}                                 the companion: fit::call(..), fit::memo()
//! fn __larder_body(data, alpha) -> Model        the function as it was
//! ```

pub(crate) mod expansion;

mod alone;
mod companions;
mod memo;
mod steps;

mod parts;
