//! Attributes that put code around a function.

use cached::macros::cached;
use larder::memoize;
use tracing::instrument;

use crate::CACHE;

/// The span covers the computation.
#[instrument]
#[memoize(cache = &CACHE)]
fn span_above(n: u8) -> u8 {
    n
}

/// The span covers each call.
#[memoize(cache = &CACHE)]
#[instrument(fields(twice = n * 2))]
fn span_below(n: u8) -> u8 {
    n
}

#[instrument]
#[memoize(cache = &CACHE)]
async fn async_span_above(n: u8) -> u8 {
    n
}

#[memoize(cache = &CACHE)]
#[instrument(skip(n))]
async fn async_span_below(n: u8) -> u8 {
    n
}

#[derive(Debug, serde::Serialize)]
struct Number(u8);

impl Number {
    #[memoize(cache = &CACHE)]
    #[instrument]
    fn get(&self) -> u8 {
        self.0
    }
}

#[memoize(cache = &CACHE)]
#[cached]
fn cached_below(n: u8) -> u8 {
    n
}

#[tokio::test]
async fn each_is_memoized() {
    for _ in 0..2 {
        assert_eq!((span_above(1), span_below(1), Number(1).get()), (1, 1, 1));
        assert_eq!((async_span_above(1).await, async_span_below(1).await), (1, 1));
        assert_eq!(cached_below(1), 1);
    }
    for name in ["span_above", "span_below", "Number::get", "async_span_above", "async_span_below", "cached_below"] {
        assert_eq!(crate::entries(&format!("attributes::wrappers::{name}")), 1, "{name}");
    }
}
