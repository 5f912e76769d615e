//! Functions that are `async`.

use std::pin::pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use larder::{Cache, Outcome, memoize};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());

/// No runtime is needed: polls until the future is ready.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// Is pending once.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

static RUNS: AtomicU32 = AtomicU32::new(0);

#[memoize(cache = &CACHE)]
async fn fetch(id: u32, path: &str, data: Vec<f64>) -> Result<String, std::fmt::Error> {
    RUNS.fetch_add(1, Ordering::SeqCst);
    pause().await;
    if id == 0 { Err(std::fmt::Error) } else { Ok(format!("{path}/{id}/{}", data.len())) }
}

struct Client {
    base: &'static str,
}

impl serde::Serialize for Client {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.base.serialize(serializer)
    }
}

impl Client {
    #[memoize(cache = &CACHE)]
    async fn get(&self, path: &str) -> String {
        pause().await;
        format!("{}{path}", self.base)
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn an_async_function_runs_once() {
    let first = block_on(is_send(fetch(1, "a", vec![0.5])));
    assert_eq!(first.as_deref(), Ok("a/1/1"));
    assert_eq!(block_on(fetch(1, "a", vec![0.5])), first);
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
    for _ in 0..2 {
        assert!(block_on(fetch(0, "a", vec![])).is_err());
    }
    assert_eq!(RUNS.load(Ordering::SeqCst), 3);

    let call = fetch::call(2, "b", vec![]);
    assert!(!call.is_cached());
    // A call that is given up stores nothing.
    {
        let mut future = pin!(fetch(2, "b", vec![]));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(call.cached().unwrap(), None);
    let (value, outcome) = block_on(is_send(call.outcome()));
    assert_eq!(value.as_deref(), Ok("b/2/0"));
    assert!(matches!(outcome, Outcome::Computed { size: Some(_), .. }));
    assert_eq!(block_on(fetch::call(2, "b", vec![]).run()), value);
    assert_eq!(fetch::call(2, "b", vec![]).cached().unwrap(), Some(value));
    assert_eq!(RUNS.load(Ordering::SeqCst), 5);
    block_on(fetch::call(2, "b", vec![]).refresh()).unwrap();
    assert_eq!(RUNS.load(Ordering::SeqCst), 6);
    assert!(fetch::call(2, "b", vec![]).forget().unwrap());
}

#[test]
fn an_async_method_runs_once() {
    let client = Client { base: "http://" };
    assert_eq!(block_on(client.get("x")), "http://x");
    assert!(client.get_call("x").is_cached());
    assert_eq!(block_on(client.get_call("x").run()), "http://x");
    assert_eq!(Client::get_memo().stats().unwrap().hits, 1);
}

static TRAIT_RUNS: AtomicU32 = AtomicU32::new(0);

#[allow(async_fn_in_trait, reason = "nobody asks for more of the future")]
trait Fetch {
    async fn fetch(&self, id: u32) -> Result<String, String>;
    async fn into_text(self, id: u32) -> String;
}

impl Fetch for Client {
    #[memoize(cache = &CACHE, in_trait)]
    async fn fetch(&self, id: u32) -> Result<String, String> {
        TRAIT_RUNS.fetch_add(1, Ordering::SeqCst);
        pause().await;
        let text = if id == 0 { Err("nothing".to_owned()) } else { Ok(self.base) }?;
        Ok(format!("{text}{id}"))
    }

    #[memoize(cache = &CACHE, in_trait)]
    async fn into_text(self, id: u32) -> String {
        TRAIT_RUNS.fetch_add(1, Ordering::SeqCst);
        pause().await;
        format!("{}{id}", self.base)
    }
}

#[test]
fn an_async_method_of_a_trait_runs_once() {
    let client = || Client { base: "x" };
    for _ in 0..2 {
        assert_eq!(block_on(client().fetch(1)).as_deref(), Ok("x1"));
        assert_eq!(block_on(client().into_text(1)), "x1");
        assert!(block_on(client().fetch(0)).is_err());
    }
    assert_eq!(TRAIT_RUNS.load(Ordering::SeqCst), 4);
    assert_eq!(block_on(is_send(client().into_text(1))), "x1");
}
