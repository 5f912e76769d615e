//! Attributes and items that don't go together with the attribute.
#![allow(dead_code, non_camel_case_types, unused_variables)]

use larder::memoize;

mod parse {}

#[memoize]
fn parse(n: u8) -> u8 {
    n
}

mod inner {
    #[larder::memoize]
    pub(super) fn shape(n: u8) -> u8 {
        n
    }

    pub(super) struct shape {}
}

#[memoize]
fn serde(n: &serde::de::IgnoredAny) -> u8 {
    0
}

#[memoize]
fn larder(n: u8) -> Vec<u8> {
    let _ = larder::Cache::disabled();
    vec![n]
}

// The companion is no mistake, and neither is an item of the body.
#[memoize]
fn fit(n: u8) -> u8 {
    if n > 0 { fit::call(n - 1).run() } else { 0 }
}

#[memoize]
fn own(n: u8) -> u8 {
    mod own {
        pub(super) const N: u8 = 1;
    }
    n + own::N
}

#[memoize(companion = false)]
fn std(n: u8) -> u8 {
    n + std::cmp::min(n, 1)
}

#[memoize]
#[test]
fn a_test() {}

#[memoize(companion = false)]
#[tokio::test]
async fn a_test_of_tasks() {}

#[memoize]
#[target_feature(enable = "sse2")]
fn vectorized(n: u8) -> u8 {
    n
}

#[memoize]
fn boxed_future(n: u8) -> std::pin::Pin<Box<dyn Future<Output = u8>>> {
    Box::pin(async move { n })
}

#[memoize]
async fn local_error(n: u8) -> Result<u8, Box<dyn std::error::Error>> {
    Ok(n)
}

#[memoize]
async fn error_for_all_threads(n: u8) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
    Ok(n)
}

#[memoize]
fn local_error_of_a_thread(n: u8) -> Result<u8, Box<dyn std::error::Error>> {
    Ok(n)
}

#[memoize(cache = "folder")]
fn folder(n: u8) -> u8 {
    n
}

#[memoize(companion = no)]
fn neither_true_nor_false(n: u8) -> u8 {
    n
}

#[memoize]
fn main() {
    parse(1) + inner::shape(1) + serde(&serde::de::IgnoredAny) + fit(1) + own(1) + std(1) + folder(1);
    larder(1).len() + neither_true_nor_false(1) as usize;
    (boxed_future(1), local_error(1), error_for_all_threads(1), local_error_of_a_thread(1));
}
