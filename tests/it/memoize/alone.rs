//! Tests functions without companions: `companion = false`.

use std::sync::atomic::{AtomicU32, Ordering};

use larder::{Cache, memoize};

use super::CACHE;

/// Modules of the functions' names, as `#[pyfunction]` makes them.
mod parse {
    #[derive(serde::Serialize)]
    pub(super) struct Text(pub(super) &'static str);
}
mod total {}

static PARSE_RUNS: AtomicU32 = AtomicU32::new(0);
static TOTAL_RUNS: AtomicU32 = AtomicU32::new(0);
static AREA_RUNS: AtomicU32 = AtomicU32::new(0);

#[memoize(cache = &CACHE, companion = false)]
fn parse(text: &parse::Text, (mut base, _): (u32, u8)) -> Result<u32, std::num::ParseIntError> {
    count!(PARSE_RUNS);
    if text.0.is_empty() {
        return Ok(0);
    }
    base += text.0.parse::<u32>()?;
    Ok(base)
}

#[memoize(cache = cache, ignore(cache), companion = false)]
fn total<T: serde::Serialize, const N: usize>(cache: &Cache, numbers: &[T], more: impl serde::Serialize) -> usize {
    count!(TOTAL_RUNS);
    let _ = more;
    numbers.len() * N
}

#[derive(serde::Serialize)]
struct Square(f64);

impl Square {
    #[memoize(cache = &CACHE, companion = false)]
    fn area(&self) -> f64 {
        count!(AREA_RUNS);
        self.0 * self.0
    }

    /// It may have the name that a companion of `area` would have.
    fn area_memo(&self) -> f64 {
        self.area()
    }
}

#[test]
fn a_function_without_companions_may_share_its_name_with_a_module() {
    for _ in 0..2 {
        assert_eq!(parse(&parse::Text("4"), (2, 0)), Ok(6));
        assert_eq!(parse(&parse::Text(""), (2, 0)), Ok(0));
        assert!(parse(&parse::Text("x"), (2, 0)).is_err());
    }
    // An `Err` is not stored.
    assert_eq!(runs!(PARSE_RUNS), 4);
    for _ in 0..2 {
        assert_eq!(total::<_, 3>(&CACHE, &[1_u8, 2], "x"), 6);
        assert_eq!(total::<_, 2>(&CACHE, &[1_u8, 2], "x"), 4);
        assert_eq!(total::<_, 2>(&CACHE, &[1_u16, 2], 'x'), 4);
    }
    assert_eq!(runs!(TOTAL_RUNS), 3);
    assert_eq!((Square(2.0).area(), Square(2.0).area_memo()), (4.0, 4.0));
    assert_eq!(runs!(AREA_RUNS), 1);
}

mod shared {}

#[memoize(companion = false, memory_only)]
fn shared(n: u32) -> std::sync::Arc<std::sync::Mutex<u32>> {
    std::sync::Arc::new(n.into())
}

#[test]
fn a_result_in_memory_needs_no_companions() {
    assert!(std::sync::Arc::ptr_eq(&shared(1), &shared(1)));
    assert!(!std::sync::Arc::ptr_eq(&shared(1), &shared(2)));
}

/// The same function, with companions and without, as before and after an edit.
mod edited {
    use super::CACHE;

    pub(super) mod before {
        #[larder::memoize(cache = &super::CACHE, track = "none")]
        pub(in super::super) fn double(n: u32) -> u32 {
            n * 2
        }
    }

    pub(super) mod after {
        #[larder::memoize(cache = &super::CACHE, track = "none", companion = false)]
        pub(in super::super) fn double(n: u32) -> u32 {
            n * 2
        }
    }
}

#[test]
fn a_function_without_companions_is_known_by_its_path() {
    edited::after::double(1);
    edited::before::double(1);
    let names: Vec<String> = CACHE.functions().unwrap().into_iter().map(|function| function.name).collect();
    let path = edited::before::double::memo().name().replace("before", "after");
    assert!(path.ends_with("edited::after::double"), "{path}");
    assert!(names.contains(&path), "{path} is not among {names:?}");
    assert!(CACHE.clear_function(&path).unwrap());
}

#[cfg(feature = "async")]
mod tasks {
    use super::*;

    static RUNS: AtomicU32 = AtomicU32::new(0);

    mod slow {}

    #[memoize(cache = &CACHE, companion = false)]
    async fn slow(n: u32) -> Result<u32, std::num::ParseIntError> {
        count!(RUNS);
        let one: u32 = "1".parse()?;
        std::future::ready(()).await;
        Ok(n + one)
    }

    trait Fetch {
        fn fetch(&self) -> impl Future<Output = u8> + Send;
    }

    impl Fetch for Square {
        #[memoize(cache = &CACHE, in_trait)]
        async fn fetch(&self) -> u8 {
            5
        }
    }

    #[test]
    fn an_async_function_needs_no_companions_either() {
        for _ in 0..2 {
            assert_eq!(smol::block_on(slow(3)), Ok(4));
        }
        assert_eq!(runs!(RUNS), 1);
        assert_eq!(smol::block_on(Square(1.0).fetch()), 5);
        let names: Vec<String> = CACHE.functions().unwrap().into_iter().map(|function| function.name).collect();
        let has = |end: &str| names.iter().any(|name| name.ends_with(end));
        assert!(has("tasks::slow") && has("Square>::fetch"), "{names:?}");
    }
}
