//! Text for people: formatting, previews of values, and suggestions.
//!
//! - `humanize`: sizes, durations and counts.
//! - `cut`: shortened lines.
//! - `preview`: the beginning of a value.
//! - `nearest`: suggestions for misspelt words.
//! - `json`: times as JSON numbers.
//! - `serde_traits`: macros for the serializers of this and other layers.

pub(crate) mod cut;
pub(crate) mod humanize;
pub(crate) mod json;
pub(crate) mod nearest;
pub(crate) mod preview;
pub(crate) mod serde_traits;
