//! Attributes on `async fn`.

use async_recursion::async_recursion;
use async_trait::async_trait;
use larder::memoize;

use crate::CACHE;

#[memoize(cache = &CACHE)]
#[async_recursion]
async fn countdown(n: u8) -> u8 {
    if n > 0 { countdown(n - 1).await } else { n }
}

#[memoize(cache = &CACHE, companion = false)]
#[async_recursion]
async fn alone(n: u8) -> u8 {
    if n > 0 { alone(n - 1).await } else { n }
}

#[async_trait]
trait Fetch {
    async fn fetch(&self, n: u8) -> u8;
}

#[async_trait]
impl Fetch for u8 {
    async fn fetch(&self, n: u8) -> u8 {
        fetched(*self, n).await
    }
}

#[memoize(cache = &CACHE)]
async fn fetched(a: u8, b: u8) -> u8 {
    a + b
}

/// It is async, unless the feature `is_sync` of `maybe_async` is on.
#[maybe_async::maybe_async]
#[memoize(cache = &CACHE)]
async fn perhaps(n: u8) -> u8 {
    n
}

#[maybe_async::must_be_sync]
#[memoize(cache = &CACHE)]
async fn not_async(n: u8) -> u8 {
    n
}

#[tokio::test]
async fn each_is_memoized() {
    for _ in 0..2 {
        assert_eq!(
            (countdown(3).await, alone(3).await, 1.fetch(2).await, perhaps(4).await, not_async(5)),
            (0, 0, 3, 4, 5)
        );
    }
    for (name, entries) in [("countdown", 4), ("alone", 4), ("fetched", 1), ("perhaps", 1), ("not_async", 1)] {
        assert_eq!(crate::entries(&format!("attributes::tasks::{name}")), entries, "{name}");
    }
    assert!(countdown::call(2).is_cached());
}
