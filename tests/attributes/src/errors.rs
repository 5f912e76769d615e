//! `anyhow`.

use larder::memoize;

use crate::CACHE;

#[memoize(cache = &CACHE)]
fn parse(text: &str) -> anyhow::Result<u8> {
    Ok(text.parse()?)
}

#[memoize(cache = &CACHE)]
async fn fetch(text: &str) -> anyhow::Result<u8> {
    Ok(text.parse()?)
}

/// It has the name of a crate.
#[memoize(cache = &CACHE, companion = false)]
fn anyhow(text: &str) -> anyhow::Result<u8> {
    Ok(text.parse()?)
}

#[tokio::test]
async fn errors_need_no_serde() {
    assert_eq!(CACHE.get_or_try_compute("parse", "5", || parse("5")).unwrap(), 5);
    assert_eq!((parse("1").unwrap(), fetch("2").await.unwrap(), anyhow("3").unwrap()), (1, 2, 3));
    assert!(parse("x").is_err() && fetch("x").await.is_err() && anyhow("x").is_err());
}
