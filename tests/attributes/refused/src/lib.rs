//! Functions that larder refuses, each with one message. `../tests/refused.rs` compares the messages with the comments `//~`,
//! which stand above the line of the message.
#![allow(dead_code, unused)]

use larder::memoize;

#[test]
//~ remove `#[memoize]` or `#[test]`
#[memoize]
fn test_above() {}

#[memoize]
//~ remove `#[memoize]` or `#[test]`
#[test]
fn test_below() {}

//~ remove `#[memoize]` or `#[test]`
#[tokio::test]
#[memoize]
async fn tokio_above() {}

#[memoize]
//~ remove `#[memoize]` or `#[test]`
#[tokio::test]
async fn tokio_below() {}

//~ remove `#[memoize]` or `#[rstest]`
#[rstest::rstest]
#[memoize]
fn rstest_above() {}

#[memoize]
//~ remove `#[memoize]` or `#[rstest]`
#[rstest::rstest]
#[case(1)]
fn rstest_below(#[case] n: u8) {}

#[test_case::test_case(1)]
//~ remove `#[memoize]` or `#[test_case]`
#[memoize]
fn case_above(n: u8) {}

#[memoize]
//~ remove `#[memoize]` or `#[test_case]`
#[test_case::test_case(1)]
fn case_below(n: u8) {}

mod program {
    #[tokio::main]
    //~ memoize the functions that it calls
    #[larder::memoize]
    async fn above() {}

    #[larder::memoize]
    //~ memoize the functions that it calls
    #[tokio::main]
    async fn below() {}
}

#[rstest::fixture]
//~ `#[fixture]` copies `#[memoize]` to a second function
#[memoize]
fn fixture_above() -> u8 {
    1
}

#[memoize]
//~ write `#[memoize(companion = false)]`
#[rstest::fixture]
fn fixture_below() -> u8 {
    1
}

#[pyo3::pyfunction]
//~ write `#[memoize(companion = false)]`
#[memoize]
fn python_above(n: u8) -> u8 {
    n
}

#[memoize]
//~ write `#[memoize(companion = false)]`
#[pyo3::pyfunction]
fn python_below(n: u8) -> u8 {
    n
}

#[wasm_bindgen::prelude::wasm_bindgen]
//~ `#[wasm_bindgen]` copies `#[memoize]` to a second function
#[memoize]
pub fn web_above(n: u8) -> u8 {
    n
}

#[napi_derive::napi]
//~ `#[napi]` copies `#[memoize]` to a second function
#[memoize]
pub fn node_above(n: u32) -> u32 {
    n
}

#[cached::macros::cached]
//~ `#[cached]` copies `#[memoize]` to a second function
#[memoize]
fn cached_above(n: u8) -> u8 {
    n
}

#[async_recursion::async_recursion]
#[memoize]
//~ put `#[memoize]` above it
async fn recursion_above(n: u8) -> u8 {
    if n > 0 { recursion_above(n - 1).await } else { n }
}

#[async_trait::async_trait]
trait Fetch {
    async fn fetch(&self) -> u8;
}

#[async_trait::async_trait]
impl Fetch for u8 {
    #[memoize(in_trait)]
    //~ for `#[async_trait]`, memoize a function that the method calls
    async fn fetch(&self) -> u8 {
        *self
    }
}

#[memoize]
//~ put `#[maybe_async]` above `#[memoize]`
#[maybe_async::maybe_async]
async fn maybe_below(n: u8) -> u8 {
    n
}

#[memoize]
//~ write `#[memoize(companion = false)]`
fn anyhow(n: u8) -> anyhow::Result<u8> {
    Ok(n)
}

fn closure(cache: &larder::Cache) {
    //~ can't be stored
    let _: anyhow::Result<u8> = cache.get_or_compute("f", &1, || Ok(1));
}
