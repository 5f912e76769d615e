//! Tests memoized `async` functions.

use std::pin::Pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId, sleep};
use std::time::Duration;

use larder::{Cache, Outcome, Reason, Shelved, memoize};
use serde::{Deserialize, Serialize};
use smol::block_on;
use smol::future::zip;
use tempfile::{TempDir, tempdir};

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());

/// Polls a future until it has begun its work.
fn started<'f, T>(
    future: impl Future<Output = T> + 'f,
    has_begun: impl Fn() -> bool,
) -> Pin<Box<dyn Future<Output = T> + 'f>> {
    let mut future = Box::pin(future);
    while !has_begun() {
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        sleep(Duration::from_millis(1));
    }
    future
}

/// Is pending once, then ready.
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

impl Serialize for Client {
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
    // A cancelled call stores nothing.
    drop(started(fetch(2, "b", vec![]), || RUNS.load(Ordering::SeqCst) == 4));
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

/// How often each number was looked up.
static LOOKUPS: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];

#[memoize(cache = cache, ignore(cache))]
async fn lookup(n: usize, cache: &Cache) -> usize {
    let _ = cache;
    LOOKUPS[n].fetch_add(1, Ordering::SeqCst);
    smol::Timer::after(Duration::from_millis(100)).await;
    n * 2
}

fn lookups(n: usize) -> u32 {
    LOOKUPS[n].load(Ordering::SeqCst)
}

#[test]
fn one_of_many_tasks_computes_on_tokio() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(lookup(0, &CACHE))).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 0);
        }
    });
    assert_eq!(lookups(0), 1);
}

#[test]
fn one_of_many_tasks_computes_on_smol() {
    block_on(async {
        let executor = smol::Executor::new();
        let tasks: Vec<_> = (0..20).map(|_| executor.spawn(lookup(1, &CACHE))).collect();
        let all = async {
            for task in tasks {
                assert_eq!(task.await, 2);
            }
        };
        executor.run(all).await;
    });
    assert_eq!(lookups(1), 1);
}

/// Two handles of one folder act like two processes. One thread runs all tasks, so none may block it.
#[test]
fn one_task_does_not_block_another_and_processes_wait_for_each_other() {
    let folder = tempdir().unwrap();
    let (here, there) = (Cache::open(folder.path()).unwrap(), Cache::open(folder.path()).unwrap());
    let both = async { tokio::join!(lookup(2, &here), lookup(2, &there), lookup(2, &here)) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(both), (4, 4, 4));
    assert_eq!(lookups(2), 1);
}

#[test]
fn another_task_computes_after_a_future_is_dropped() {
    let first = started(lookup(3, &CACHE), || lookups(3) == 1);
    let second = thread::spawn(|| block_on(lookup(3, &CACHE)));
    sleep(Duration::from_millis(50));
    assert_eq!(lookups(3), 1, "the second must wait");
    drop(first);
    assert_eq!(second.join().unwrap(), 6);
    assert_eq!(lookups(3), 2);
}

/// `select!` and buffered streams do this: the waiting task is the one that should poll the other.
#[test]
fn a_future_that_is_not_polled_blocks_no_other() {
    let held = started(lookup(4, &CACHE), || lookups(4) == 1);
    assert_eq!(block_on(lookup(4, &CACHE)), 8);
    assert_eq!(lookups(4), 2);
    // The held future can still complete.
    assert_eq!(block_on(held), 8);
}

#[test]
fn a_pending_future_that_is_polled_is_waited_for() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE)]
    async fn download(seconds: f64) -> f64 {
        RUNS.fetch_add(1, Ordering::SeqCst);
        smol::Timer::after(Duration::from_secs_f64(seconds)).await;
        seconds
    }

    // Longer than a waiter waits for a future that is not polled.
    assert_eq!(block_on(zip(download(2.5), download(2.5))), (2.5, 2.5));
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}

static READ_BY: std::sync::Mutex<Option<ThreadId>> = std::sync::Mutex::new(None);

/// Records which thread deserialises it.
#[derive(Debug, PartialEq)]
struct Noting;

impl Serialize for Noting {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Noting {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        *READ_BY.lock().unwrap() = Some(thread::current().id());
        <()>::deserialize(deserializer).map(|()| Noting)
    }
}

#[test]
fn files_are_read_on_other_threads() {
    #[memoize(cache = &CACHE)]
    async fn note() -> Noting {
        Noting
    }

    block_on(async {
        assert_eq!(note().await, Noting);
        *READ_BY.lock().unwrap() = None;
        assert_eq!(note().await, Noting);
    });
    let read_by = READ_BY.lock().unwrap().unwrap();
    assert_ne!(read_by, thread::current().id());
}

#[test]
fn async_calls_are_explained_and_shelved() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let call = || lookup::call(5, &cache);
    assert_eq!(call().explain().reason(), Some(&Reason::NeverComputed));
    let shelved: Shelved<usize> = block_on(call().shelve()).unwrap();
    assert_eq!((shelved.get().unwrap(), lookups(5)), (10, 1));
    assert!(call().explain().is_hit());
    block_on(call().shelve()).unwrap();
    assert_eq!(lookups(5), 1);
    assert!(matches!(block_on(call().outcome()), (10, Outcome::Hit { .. })));
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

/// If a result is removed before the waiters have loaded it, only one of them computes it again.
#[test]
fn a_task_recomputes_only_after_a_removal() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE)]
    async fn forgotten(n: u32) -> u32 {
        RUNS.fetch_add(1, Ordering::SeqCst);
        smol::Timer::after(Duration::from_millis(1)).await;
        n
    }

    let times = AtomicU32::new(0);
    thread::scope(|scope| {
        for thread in 0..8 {
            let times = &times;
            scope.spawn(move || {
                for turn in 0..200 {
                    if turn % 8 == thread && forgotten::call(1).forget().unwrap() {
                        times.fetch_add(1, Ordering::SeqCst);
                    }
                    assert_eq!(block_on(forgotten(1)), 1);
                }
            });
        }
    });
    let (runs, times) = (RUNS.load(Ordering::SeqCst), times.into_inner());
    assert!(runs > 1 && runs <= 1 + times, "{runs} runs, forgotten {times} times");
}
