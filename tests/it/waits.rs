//! Tests that no call waits forever: not for a stopped process, not in a cycle, and not for itself.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, LazyLock, mpsc};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use larder::{Cache, Outcome, memoize};
use tempfile::{TempDir, tempdir};
use tracing::Level;

use crate::child::{self, tell, told};
use crate::log::Lines;
use crate::once::Watchdog;

/// Limit that no test reaches.
const LONG: Duration = Duration::from_secs(3600);

/// Limit after which a leader without progress is not waited for.
const SHORT: Duration = Duration::from_millis(200);

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempdir().unwrap());
#[cfg(feature = "async")]
static LONG_WAIT: LazyLock<Cache> = LazyLock::new(|| Cache::builder(FOLDER.path()).wait_limit(LONG).open().unwrap());
static SHORT_WAIT: LazyLock<Cache> =
    LazyLock::new(|| Cache::builder(FOLDER.path().join("with_short_limit")).wait_limit(SHORT).open().unwrap());

fn with_long_limit(folder: &Path) -> Cache {
    Cache::builder(folder.join("cache")).wait_limit(LONG).open().unwrap()
}

fn with_short_limit(folder: &Path) -> Cache {
    Cache::builder(folder.join("cache")).wait_limit(SHORT).open().unwrap()
}

fn wait_until(what: impl Fn() -> bool) {
    while !what() {
        sleep(Duration::from_millis(10));
    }
}

fn start(test: &str, root: &Path, variables: &[(&str, &str)]) -> Child {
    let mut command = child::command(test, root);
    command.envs(variables.iter().copied()).stdout(Stdio::null()).spawn().unwrap()
}

// Programs that start themselves.

#[test]
fn starts_itself_again() {
    let Some(root) = child::root() else { return };
    let depth: u32 = std::env::var("DEPTH").unwrap().parse().unwrap();
    let cache = with_long_limit(&root);
    let value = cache.get_or_compute("isolated", &1, || {
        tell(&root, &format!("depth {depth}"));
        if depth == 0 {
            return 1;
        }
        let mut command = child::command("waits::starts_itself_again", &root);
        if depth == 2 {
            // Another process may be between the two.
            let program = std::env::current_exe().unwrap();
            command = std::process::Command::new("sh");
            let test = "waits::starts_itself_again --exact --nocapture --test-threads=1";
            command.args(["-c", &format!("{} {test}; true", program.display())]);
        }
        command.env("DEPTH", (depth - 1).to_string()).stdout(Stdio::null());
        assert!(command.status().unwrap().success());
        depth + 10
    });
    tell(&root, &format!("got {value}"));
}

/// A memoized function starts its own program, which makes the same call.
#[cfg(target_os = "linux")]
#[test]
fn a_program_that_starts_itself_within_a_call_computes_it() {
    let _watchdog = Watchdog::of("a_program_that_starts_itself_within_a_call_computes_it");
    let root = tempdir().unwrap();
    assert!(start("waits::starts_itself_again", root.path(), &[("DEPTH", "2")]).wait().unwrap().success());
    let told = told(root.path());
    assert_eq!(told[..3], ["depth 0", "depth 1", "depth 2"]);
    assert_eq!(told.len(), 6, "{told:?}");
}

#[test]
fn makes_the_call_when_the_parent_computes() {
    let Some(root) = child::root() else { return };
    let cache = with_long_limit(&root);
    tell(&root, "ready");
    wait_until(|| told(&root).contains(&"computing".to_owned()));
    cache.get_or_compute("shared", &1, || tell(&root, "computed by the child"));
    tell(&root, "done");
}

/// A process that was started before its parent began to compute is not part of the computation. It waits and loads.
#[test]
fn a_child_started_before_the_call_waits_for_its_parent() {
    let _watchdog = Watchdog::of("a_child_started_before_the_call_waits_for_its_parent");
    let root = tempdir().unwrap();
    let mut child = start("waits::makes_the_call_when_the_parent_computes", root.path(), &[]);
    wait_until(|| told(root.path()).contains(&"ready".to_owned()));
    with_long_limit(root.path()).get_or_compute("shared", &1, || {
        tell(root.path(), "computing");
        sleep(Duration::from_millis(500));
    });
    assert!(child.wait().unwrap().success());
    assert_eq!(told(root.path()), ["computing", "done", "ready"]);
}

// Stopped processes.

#[test]
fn computes_until_the_end_file_exists() {
    let Some(root) = child::root() else { return };
    let value = with_long_limit(&root).get_or_compute("long", &1, || {
        tell(&root, "began");
        wait_until(|| root.join("end").exists());
        7
    });
    assert_eq!(value, 7);
}

/// The process that computes is stopped. One of the waiters computes.
#[cfg(unix)]
#[test]
fn a_stopped_process_is_not_waited_for() {
    use rustix::process::{Pid, Signal, kill_process};

    let _watchdog = Watchdog::of("a_stopped_process_is_not_waited_for");
    let root = tempdir().unwrap();
    let mut child = start("waits::computes_until_the_end_file_exists", root.path(), &[]);
    let pid = Pid::from_child(&child);
    let look = Cache::builder(root.path().join("cache")).read_only(true).open().unwrap();
    wait_until(|| look.processes().unwrap().iter().any(|process| !process.computing.is_empty()));
    kill_process(pid, Signal::STOP).unwrap();

    let runs = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // Separate handles act like separate processes.
                let value = with_short_limit(root.path()).get_or_compute("long", &1, || {
                    runs.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_millis(300));
                    7
                });
                assert_eq!(value, 7);
            });
        }
    });
    assert_eq!(runs.load(Ordering::SeqCst), 1);

    // The process continues normally.
    kill_process(pid, Signal::CONT).unwrap();
    fs::write(root.path().join("end"), "").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(with_short_limit(root.path()).get_or_compute("long", &1, || 0), 7);
}

/// A leader that makes progress is waited for much longer than the limit.
#[test]
fn a_process_that_makes_progress_is_waited_for() {
    let _watchdog = Watchdog::of("a_process_that_makes_progress_is_waited_for");
    let root = tempdir().unwrap();
    let mut child = start("waits::computes_until_the_end_file_exists", root.path(), &[]);
    wait_until(|| !told(root.path()).is_empty());
    let end = root.path().join("end");
    let ender = thread::spawn(move || {
        sleep(Duration::from_secs(5));
        fs::write(end, "").unwrap();
    });
    assert_eq!(with_short_limit(root.path()).get_or_compute("long", &1, || 0), 7);
    ender.join().unwrap();
    assert!(child.wait().unwrap().success());
}

/// The log and the reports of running calls say which process a call waits for.
#[test]
fn a_long_wait_names_the_leader() {
    let _watchdog = Watchdog::of("a_long_wait_names_the_leader");
    let root = tempdir().unwrap();
    let mut child = start("waits::computes_until_the_end_file_exists", root.path(), &[]);
    wait_until(|| !told(root.path()).is_empty());
    let cache = with_long_limit(root.path());
    let end = root.path().join("end");
    let ender = thread::spawn(move || {
        // One process reports that it computes, and one that it waits.
        wait_until(|| {
            let processes = cache.processes().unwrap();
            let calls = |of: fn(&larder::Process) -> &[larder::RunningCall]| {
                processes.iter().flat_map(of).filter(|call| call.function == "long").count()
            };
            calls(|process| &process.computing) == 1 && calls(|process| &process.waiting) == 1
        });
        sleep(Duration::from_secs(3));
        fs::write(end, "").unwrap();
    });
    let log = Lines::up_to(Level::INFO);
    let value = tracing::subscriber::with_default(log.clone(), || {
        with_long_limit(root.path()).get_or_compute("long", &1, || 0)
    });
    assert_eq!(value, 7);
    ender.join().unwrap();
    let lines: Vec<String> = log.take().into_iter().map(|(_, line)| line).collect();
    let waits: Vec<_> = lines.iter().filter(|line| line.contains("waits for a call")).collect();
    assert_eq!(waits.len(), 1, "{lines:?}");
    for part in ["long", "= 1", &format!("process {} on ", child.id())] {
        assert!(waits[0].contains(part), "{part}: {waits:?}");
    }
    assert!(child.wait().unwrap().success());
    assert!(with_long_limit(root.path()).processes().unwrap().is_empty());
}

// Calls that wait for themselves.

/// A thread that the function joins makes the same call.
#[test]
fn a_thread_joined_by_the_function_computes_the_call() {
    let _watchdog = Watchdog::of("a_thread_joined_by_the_function_computes_the_call");

    #[memoize(cache = &SHORT_WAIT, ignore(depth))]
    fn joins(n: u32, depth: u32) -> u32 {
        if depth == 0 { n } else { thread::spawn(move || joins(n, depth - 1)).join().unwrap() + 1 }
    }
    assert_eq!(joins(1, 2), 3);
}

/// The same with an existing thread that receives the work through a channel.
#[test]
fn a_thread_that_receives_work_computes_the_call() {
    let _watchdog = Watchdog::of("a_thread_that_receives_work_computes_the_call");
    type Job = (u32, mpsc::Sender<u32>);

    #[memoize(cache = &SHORT_WAIT, ignore(jobs))]
    fn sends(n: u32, jobs: Option<mpsc::Sender<Job>>) -> u32 {
        let Some(jobs) = jobs else { return n };
        let (answer, answers) = mpsc::channel();
        jobs.send((n, answer)).unwrap();
        answers.recv().unwrap() + 1
    }

    let (jobs, todo) = mpsc::channel::<Job>();
    thread::spawn(move || todo.into_iter().for_each(|(n, answer)| answer.send(sends(n, None)).unwrap()));
    sleep(Duration::from_millis(50));
    assert_eq!(sends(1, Some(jobs)), 2);
}

/// The same if the function polls the thread instead of joining it.
#[test]
fn a_function_that_polls_is_not_waited_for_forever() {
    let _watchdog = Watchdog::of("a_function_that_polls_is_not_waited_for_forever");

    #[memoize(cache = &HASTY, ignore(spins, depth))]
    fn looks(spins: bool, n: u32, depth: u32) -> u32 {
        if depth == 0 {
            return n;
        }
        let thread = thread::spawn(move || looks(spins, n, depth - 1));
        while !thread.is_finished() {
            if spins { std::hint::spin_loop() } else { sleep(Duration::from_millis(5)) }
        }
        thread.join().unwrap() + 1
    }
    static HASTY: LazyLock<Cache> = LazyLock::new(|| {
        Cache::builder(FOLDER.path().join("hasty")).wait_limit(Duration::from_millis(20)).open().unwrap()
    });
    assert_eq!(looks(false, 1, 1), 2);
    assert_eq!(looks(true, 2, 1), 3);
}

/// An unusable entry is no reason for a second computation while one is running.
#[test]
fn an_unusable_entry_does_not_end_a_wait() {
    let _watchdog = Watchdog::of("an_unusable_entry_does_not_end_a_wait");
    let root = tempdir().unwrap();
    let open = || Cache::builder(root.path()).max_age(Duration::from_secs(3600)).hot_bytes(0).open().unwrap();
    open().get_or_compute("aged", &1, || 0);
    let entry = open().entries().unwrap().next().unwrap();
    // The entry exists but can't be used.
    let mut bytes = fs::read(&entry.path).unwrap();
    bytes.truncate(bytes.len() - 1);
    fs::write(&entry.path, bytes).unwrap();
    let runs = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            // Each handle acts like a process, and has two threads.
            let cache = open();
            for _ in 0..2 {
                let (cache, runs) = (cache.clone(), &runs);
                scope.spawn(move || {
                    cache.get_or_compute("aged", &1, || {
                        sleep(Duration::from_millis(2500));
                        runs.fetch_add(1, Ordering::SeqCst);
                    });
                });
            }
        }
    });
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

/// A leader that sleeps or works counts as making progress.
#[test]
fn a_thread_that_sleeps_or_works_is_waited_for() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let _watchdog = Watchdog::of("a_thread_that_sleeps_or_works_is_waited_for");

    #[memoize(cache = &SHORT_WAIT)]
    fn sleepy(seconds: f64) -> f64 {
        RUNS.fetch_add(1, Ordering::SeqCst);
        let started = Instant::now();
        sleep(Duration::from_secs_f64(seconds / 2.0));
        while started.elapsed().as_secs_f64() < seconds {
            std::hint::spin_loop();
        }
        seconds
    }
    let threads: Vec<_> = (0..3).map(|_| thread::spawn(|| sleepy(2.0))).collect();
    threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), 2.0));
    if cfg!(target_os = "linux") {
        assert_eq!(RUNS.load(Ordering::SeqCst), 1);
    }
}

/// In each of two processes, a thread that the function joins waits for the other process.
#[test]
fn waits_across_two_processes() {
    let Some(root) = child::root() else { return };
    let cache = with_short_limit(&root);
    let who = std::env::var("WHO").unwrap();
    let other = if who == "a" { "b" } else { "a" };
    let value = cache.get_or_compute(&who, &1, || {
        tell(&root, &who);
        // Without this, one process may end before the other makes its call.
        wait_until(|| told(&root).len() >= 2);
        let cache = cache.clone();
        thread::spawn(move || cache.get_or_compute(other, &1, || 1)).join().unwrap() + 1
    });
    // The process that stops waiting later may find the result of the other.
    assert!([2, 3].contains(&value), "{value}");
}

#[test]
fn a_cycle_across_two_processes_is_broken() {
    let _watchdog = Watchdog::of("a_cycle_across_two_processes_is_broken");
    let root = tempdir().unwrap();
    let children = ["a", "b"].map(|who| start("waits::waits_across_two_processes", root.path(), &[("WHO", who)]));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

#[cfg(feature = "async")]
fn two_workers() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

/// An async function awaits itself with equal arguments.
#[cfg(feature = "async")]
#[test]
fn an_async_function_that_awaits_itself_computes() {
    let _watchdog = Watchdog::of("an_async_function_that_awaits_itself_computes");

    #[memoize(cache = &LONG_WAIT, ignore(depth))]
    async fn awaits(n: u32, depth: u32) -> u32 {
        if depth == 0 {
            return n;
        }
        // It runs beside another future that makes progress.
        let other = async { tokio::time::sleep(Duration::from_millis(20)).await };
        let (inner, ()) = tokio::join!(Box::pin(awaits(n, depth - 1)), other);
        inner + 1
    }

    #[memoize(cache = &LONG_WAIT, ignore(depth))]
    async fn there(n: u32, depth: u32) -> u32 {
        if depth == 0 { n } else { Box::pin(and_back(n, depth - 1)).await + 1 }
    }

    #[memoize(cache = &LONG_WAIT, ignore(depth))]
    async fn and_back(n: u32, depth: u32) -> u32 {
        Box::pin(there(n, depth)).await + 1
    }

    let runtime = two_workers();
    assert_eq!(runtime.block_on(awaits(1, 3)), 4);
    assert_eq!(runtime.block_on(there(1, 2)), 5);
    assert_eq!(smol::block_on(there(2, 2)), 6);
}

/// The same in a task or thread that the function awaits. larder can't know that these are part of the call.
#[cfg(feature = "async")]
#[test]
fn a_task_awaited_by_the_function_computes_the_call() {
    let _watchdog = Watchdog::of("a_task_awaited_by_the_function_computes_the_call");

    #[memoize(cache = &SHORT_WAIT, ignore(depth))]
    async fn spawns(n: u32, depth: u32) -> u32 {
        match depth {
            0 => n,
            1 => tokio::spawn(spawns_boxed(n, 0)).await.unwrap() + 1,
            _ => {
                let runtime = tokio::runtime::Handle::current();
                tokio::task::spawn_blocking(move || runtime.block_on(spawns_boxed(n, depth - 1))).await.unwrap() + 1
            }
        }
    }
    fn spawns_boxed(n: u32, depth: u32) -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(spawns(n, depth))
    }

    let runtime = two_workers();
    assert_eq!(runtime.block_on(spawns(1, 2)), 3);
}

/// Tasks of several handles of one folder act like several processes: one computes, and the others are woken.
#[cfg(feature = "async")]
#[test]
fn tasks_wait_for_other_processes() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let _watchdog = Watchdog::of("tasks_wait_for_other_processes");

    #[memoize(cache = &cache, ignore(cache))]
    async fn slow(n: u32, cache: Cache) -> u32 {
        let _ = cache;
        RUNS.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
        n + 1
    }

    let root = tempdir().unwrap();
    let runtime = two_workers();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..6).map(|n| tokio::spawn(slow(n / 3, with_long_limit(root.path())))).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap() as usize, n / 3 + 1);
        }
    });
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
}

// Other cases.

/// With a limit of zero, no call waits.
#[test]
fn with_a_limit_of_zero_no_call_waits() {
    let root = tempdir().unwrap();
    let caches: Vec<_> = (0..2)
        .map(|_| Cache::builder(root.path()).wait_limit(Duration::ZERO).open().unwrap())
        .flat_map(|cache| [cache.clone(), cache])
        .collect();
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = caches
        .into_iter()
        .map(|cache| {
            let barrier = barrier.clone();
            // Each computation waits until all others compute the same.
            thread::spawn(move || cache.get_or_compute("f", &1, || _ = barrier.wait()))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn waits_as_the_variable_says() {
    let Some(root) = child::root() else { return };
    let cache = Cache::open(root.join("cache")).unwrap();
    cache.get_or_compute("f", &1, || {
        tell(&root, "computing");
        wait_until(|| told(&root).len() == 2);
    });
}

#[test]
fn the_variable_sets_the_wait_limit() {
    let _watchdog = Watchdog::of("the_variable_sets_the_wait_limit");
    let root = tempdir().unwrap();
    let children = [0, 1].map(|_| start("waits::waits_as_the_variable_says", root.path(), &[("LARDER_WAIT", "0")]));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

/// Time that a call waits for another one does not count as saved.
#[test]
fn waiting_time_does_not_count_as_saved() {
    let root = tempdir().unwrap();
    let cache = with_long_limit(root.path());
    let began = Barrier::new(2);

    #[memoize(cache = cache, ignore(cache, began))]
    fn slow(cache: &Cache, began: Option<&Barrier>) -> u32 {
        began.unwrap().wait();
        let _ = cache;
        // Enough for the other call to begin its wait.
        sleep(Duration::from_secs(1));
        1
    }

    let saved = thread::scope(|scope| {
        scope.spawn(|| slow(&cache, Some(&began)));
        began.wait();
        let (_, outcome) = slow::call(&cache, None).outcome();
        let Outcome::Hit { saved, .. } = outcome else { panic!("{outcome:?}") };
        saved
    });
    // Only the time before the call arrived was saved.
    let took = cache.entries().unwrap().next().unwrap().took;
    assert!(saved < took, "{saved:?} of {took:?}");
    assert_eq!(cache.stats().unwrap().saved, saved);
}
