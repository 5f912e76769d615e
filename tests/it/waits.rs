//! Nobody waits for ever: not for a process that was stopped, not for one that waits in turn, not for itself.

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

/// So long that a test which depends on it does not end.
const LONG: Duration = Duration::from_secs(3600);

/// Somebody who stands still is not waited for.
const SHORT: Duration = Duration::from_millis(200);

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempdir().unwrap());
static PATIENT: LazyLock<Cache> = LazyLock::new(|| Cache::builder(FOLDER.path()).wait_limit(LONG).open().unwrap());
static IMPATIENT: LazyLock<Cache> =
    LazyLock::new(|| Cache::builder(FOLDER.path().join("impatient")).wait_limit(SHORT).open().unwrap());

fn patient(folder: &Path) -> Cache {
    Cache::builder(folder.join("cache")).wait_limit(LONG).open().unwrap()
}

fn impatient(folder: &Path) -> Cache {
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

// A program that starts itself again.

#[test]
fn starts_itself_again() {
    let Some(root) = child::root() else { return };
    let depth: u32 = std::env::var("DEPTH").unwrap().parse().unwrap();
    let cache = patient(&root);
    let value = cache.get_or_compute("isolated", &1, || {
        tell(&root, &format!("depth {depth}"));
        if depth == 0 {
            return 1;
        }
        let mut command = child::command("waits::starts_itself_again", &root);
        if depth == 2 {
            // Somebody else may stand between the two.
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

/// F17: a memoized function starts its own program again, which makes the same call.
#[cfg(target_os = "linux")]
#[test]
fn a_program_that_starts_itself_again_within_a_call_computes_it_there() {
    let _watchdog = Watchdog::of("a_program_that_starts_itself_again_within_a_call_computes_it_there");
    let root = tempdir().unwrap();
    assert!(start("waits::starts_itself_again", root.path(), &[("DEPTH", "2")]).wait().unwrap().success());
    let told = told(root.path());
    assert_eq!(told[..3], ["depth 0", "depth 1", "depth 2"]);
    assert_eq!(told.len(), 6, "{told:?}");
}

#[test]
fn asks_when_it_is_told_to() {
    let Some(root) = child::root() else { return };
    let cache = patient(&root);
    tell(&root, "ready");
    wait_until(|| told(&root).contains(&"computing".to_owned()));
    cache.get_or_compute("shared", &1, || tell(&root, "computed by the child"));
    tell(&root, "done");
}

/// A process that was started before its parent began to compute is no part of that: it waits, and loads.
#[test]
fn a_child_that_was_there_before_waits_for_its_parent() {
    let _watchdog = Watchdog::of("a_child_that_was_there_before_waits_for_its_parent");
    let root = tempdir().unwrap();
    let mut child = start("waits::asks_when_it_is_told_to", root.path(), &[]);
    wait_until(|| told(root.path()).contains(&"ready".to_owned()));
    patient(root.path()).get_or_compute("shared", &1, || {
        tell(root.path(), "computing");
        sleep(Duration::from_millis(500));
    });
    assert!(child.wait().unwrap().success());
    assert_eq!(told(root.path()), ["computing", "done", "ready"]);
}

// A process that is stopped.

#[test]
fn computes_until_it_is_told_to_end() {
    let Some(root) = child::root() else { return };
    let value = patient(&root).get_or_compute("long", &1, || {
        tell(&root, "began");
        wait_until(|| root.join("end").exists());
        7
    });
    assert_eq!(value, 7);
}

/// F18: the process that computes is stopped. Of those who wait, one computes.
#[cfg(unix)]
#[test]
fn a_process_that_is_stopped_is_not_waited_for() {
    use rustix::process::{Pid, Signal, kill_process};

    let _watchdog = Watchdog::of("a_process_that_is_stopped_is_not_waited_for");
    let root = tempdir().unwrap();
    let mut child = start("waits::computes_until_it_is_told_to_end", root.path(), &[]);
    let pid = Pid::from_child(&child);
    let look = Cache::builder(root.path().join("cache")).read_only(true).open().unwrap();
    wait_until(|| look.processes().unwrap().iter().any(|process| !process.computing.is_empty()));
    kill_process(pid, Signal::STOP).unwrap();

    let runs = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // Caches of their own are as processes of their own.
                let value = impatient(root.path()).get_or_compute("long", &1, || {
                    runs.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_millis(300));
                    7
                });
                assert_eq!(value, 7);
            });
        }
    });
    assert_eq!(runs.load(Ordering::SeqCst), 1);

    // It goes on as if nothing had happened.
    kill_process(pid, Signal::CONT).unwrap();
    fs::write(root.path().join("end"), "").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(impatient(root.path()).get_or_compute("long", &1, || 0), 7);
}

/// Somebody who gets on is waited for much longer than the limit.
#[test]
fn a_process_that_gets_on_is_waited_for() {
    let _watchdog = Watchdog::of("a_process_that_gets_on_is_waited_for");
    let root = tempdir().unwrap();
    let mut child = start("waits::computes_until_it_is_told_to_end", root.path(), &[]);
    wait_until(|| !told(root.path()).is_empty());
    let end = root.path().join("end");
    let ender = thread::spawn(move || {
        sleep(Duration::from_secs(5));
        fs::write(end, "").unwrap();
    });
    assert_eq!(impatient(root.path()).get_or_compute("long", &1, || 0), 7);
    ender.join().unwrap();
    assert!(child.wait().unwrap().success());
}

/// A long wait says for whom, and people can see who computes.
#[test]
fn a_long_wait_says_for_whom() {
    let _watchdog = Watchdog::of("a_long_wait_says_for_whom");
    let root = tempdir().unwrap();
    let mut child = start("waits::computes_until_it_is_told_to_end", root.path(), &[]);
    wait_until(|| !told(root.path()).is_empty());
    let cache = patient(root.path());
    let end = root.path().join("end");
    let ender = thread::spawn(move || {
        // One process computes, and one says that it waits.
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
    let value =
        tracing::subscriber::with_default(log.clone(), || patient(root.path()).get_or_compute("long", &1, || 0));
    assert_eq!(value, 7);
    ender.join().unwrap();
    let lines: Vec<String> = log.take().into_iter().map(|(_, line)| line).collect();
    let waits: Vec<_> = lines.iter().filter(|line| line.contains("waits for a call")).collect();
    assert_eq!(waits.len(), 1, "{lines:?}");
    for part in ["long", "= 1", &format!("process {} on ", child.id())] {
        assert!(waits[0].contains(part), "{part}: {waits:?}");
    }
    assert!(child.wait().unwrap().success());
    assert!(patient(root.path()).processes().unwrap().is_empty());
}

// Waiting for oneself.

/// F19: the call is asked for by a thread that the function joins.
#[test]
fn a_thread_that_the_function_joins_computes_it() {
    let _watchdog = Watchdog::of("a_thread_that_the_function_joins_computes_it");

    #[memoize(cache = &IMPATIENT, ignore(depth))]
    fn joins(n: u32, depth: u32) -> u32 {
        if depth == 0 { n } else { thread::spawn(move || joins(n, depth - 1)).join().unwrap() + 1 }
    }
    assert_eq!(joins(1, 2), 3);
}

/// The same with a thread that was there before, and is sent the work.
#[test]
fn a_thread_that_is_sent_a_part_of_the_work_computes_it() {
    let _watchdog = Watchdog::of("a_thread_that_is_sent_a_part_of_the_work_computes_it");
    type Job = (u32, mpsc::Sender<u32>);

    #[memoize(cache = &IMPATIENT, ignore(jobs))]
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

/// The same where the function does not join the thread, but looks again and again whether it is done.
#[test]
fn a_function_that_looks_again_and_again_is_not_waited_for_for_ever() {
    let _watchdog = Watchdog::of("a_function_that_looks_again_and_again_is_not_waited_for_for_ever");

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

/// An entry that can not be used is no reason to compute one more, while one is computed.
#[test]
fn an_entry_that_can_not_be_used_does_not_end_a_wait() {
    let _watchdog = Watchdog::of("an_entry_that_can_not_be_used_does_not_end_a_wait");
    let root = tempdir().unwrap();
    let open = || Cache::builder(root.path()).max_age(Duration::from_secs(3600)).hot_bytes(0).open().unwrap();
    open().get_or_compute("aged", &1, || 0);
    let entry = open().entries().unwrap().next().unwrap();
    // It is there, and can not be used.
    let mut bytes = fs::read(&entry.path).unwrap();
    bytes.truncate(bytes.len() - 1);
    fs::write(&entry.path, bytes).unwrap();
    let runs = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            // In a process each, and by two threads.
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

/// One that sleeps, or is busy, is not taken for one that stands still.
#[test]
fn a_thread_that_sleeps_or_works_is_waited_for() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let _watchdog = Watchdog::of("a_thread_that_sleeps_or_works_is_waited_for");

    #[memoize(cache = &IMPATIENT)]
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

/// Two processes, in each a thread that the function joins waits for the other process.
#[test]
fn waits_across_two_processes() {
    let Some(root) = child::root() else { return };
    let cache = impatient(&root);
    let who = std::env::var("WHO").unwrap();
    let other = if who == "a" { "b" } else { "a" };
    let value = cache.get_or_compute(&who, &1, || {
        tell(&root, &who);
        // Without this, one may be done before the other one asks.
        wait_until(|| told(&root).len() >= 2);
        let cache = cache.clone();
        thread::spawn(move || cache.get_or_compute(other, &1, || 1)).join().unwrap() + 1
    });
    // Who gives up later may find what the other one stored meanwhile.
    assert!([2, 3].contains(&value), "{value}");
}

#[test]
fn a_circle_across_two_processes_is_broken() {
    let _watchdog = Watchdog::of("a_circle_across_two_processes_is_broken");
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

/// F21: an async function awaits itself with equal arguments.
#[cfg(feature = "async")]
#[test]
fn an_async_function_that_awaits_itself_computes() {
    let _watchdog = Watchdog::of("an_async_function_that_awaits_itself_computes");

    #[memoize(cache = &PATIENT, ignore(depth))]
    async fn awaits(n: u32, depth: u32) -> u32 {
        if depth == 0 {
            return n;
        }
        // With others around it, which get on.
        let other = async { tokio::time::sleep(Duration::from_millis(20)).await };
        let (inner, ()) = tokio::join!(Box::pin(awaits(n, depth - 1)), other);
        inner + 1
    }

    #[memoize(cache = &PATIENT, ignore(depth))]
    async fn there(n: u32, depth: u32) -> u32 {
        if depth == 0 { n } else { Box::pin(and_back(n, depth - 1)).await + 1 }
    }

    #[memoize(cache = &PATIENT, ignore(depth))]
    async fn and_back(n: u32, depth: u32) -> u32 {
        Box::pin(there(n, depth)).await + 1
    }

    let runtime = two_workers();
    assert_eq!(runtime.block_on(awaits(1, 3)), 4);
    assert_eq!(runtime.block_on(there(1, 2)), 5);
    assert_eq!(smol::block_on(there(2, 2)), 6);
}

/// The same in a task, and in a thread, that it awaits. Nothing tells that these are a part of it.
#[cfg(feature = "async")]
#[test]
fn a_task_that_the_function_awaits_computes_it() {
    let _watchdog = Watchdog::of("a_task_that_the_function_awaits_computes_it");

    #[memoize(cache = &IMPATIENT, ignore(depth))]
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

/// Tasks of several caches in one folder are as several processes: one computes, and the others are woken.
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
        let tasks: Vec<_> = (0..6).map(|n| tokio::spawn(slow(n / 3, patient(root.path())))).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap() as usize, n / 3 + 1);
        }
    });
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
}

// What else there is.

/// With a limit of zero, nobody waits.
#[test]
fn with_a_limit_of_zero_nobody_waits() {
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
            // Each waits for all the others to compute the same.
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
fn the_variable_says_how_long_to_wait() {
    let _watchdog = Watchdog::of("the_variable_says_how_long_to_wait");
    let root = tempdir().unwrap();
    let children = [0, 1].map(|_| start("waits::waits_as_the_variable_says", root.path(), &[("LARDER_WAIT", "0")]));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

/// F37: time that a call waits for another one is not saved.
#[test]
fn time_that_was_waited_is_not_saved() {
    let root = tempdir().unwrap();
    let cache = patient(root.path());
    let began = Barrier::new(2);

    #[memoize(cache = cache, ignore(cache, began))]
    fn slow(cache: &Cache, began: Option<&Barrier>) -> u32 {
        let _ = cache;
        began.unwrap().wait();
        sleep(Duration::from_millis(600));
        1
    }

    thread::scope(|scope| {
        scope.spawn(|| slow(&cache, Some(&began)));
        began.wait();
        let started = Instant::now();
        let (_, outcome) = slow::call(&cache, None).outcome();
        let Outcome::Hit { saved, .. } = outcome else { panic!("{outcome:?}") };
        // What was saved is what was computed before it was asked for.
        assert!(saved + started.elapsed() < Duration::from_secs(60) && saved < Duration::from_millis(500), "{saved:?}");
    });
    assert!(cache.stats().unwrap().saved < Duration::from_millis(500));
}
