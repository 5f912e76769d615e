//! Tests processes created by `fork` after the first use of a cache.
#![expect(unsafe_code, reason = "that is what is tested")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use larder::{Cache, memoize};
use tempfile::{TempDir, tempdir};

use crate::child::{self, tell, told};
use crate::removal::remove_in_use;

const MOMENT: Duration = Duration::from_millis(100);

/// Timeout after which an operation counts as hanging.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Forked child process.
pub(crate) struct Forked(libc::pid_t);

/// Runs `work` in a child. The child ends with `_exit`, because the other threads of the process don't exist in it.
pub(crate) fn fork(work: impl FnOnce()) -> Forked {
    // SAFETY: a child of a process with several threads should only call async-signal-safe functions. This one calls
    // larder, which promises to work there. The child never returns from this function.
    match unsafe { libc::fork() } {
        0 => {
            let code = i32::from(catch_unwind(AssertUnwindSafe(work)).is_err());
            // SAFETY: `_exit` ends the child at once, so nothing of the process is used afterwards.
            unsafe { libc::_exit(code) }
        }
        -1 => panic!("can't fork: {}", std::io::Error::last_os_error()),
        pid => Forked(pid),
    }
}

impl Forked {
    /// Waits for the child's end. Panics if it failed or takes too long.
    pub(crate) fn wait(self) {
        let until = Instant::now() + TIMEOUT;
        loop {
            let mut status = 0;
            // SAFETY: `status` is only written to during the call.
            match unsafe { libc::waitpid(self.0, &raw mut status, libc::WNOHANG) } {
                0 if Instant::now() < until => sleep(Duration::from_millis(1)),
                0 => {
                    // SAFETY: the process is a child that has not been waited for, so its id is not reused.
                    unsafe { libc::kill(self.0, libc::SIGKILL) };
                    panic!("a child hangs");
                }
                _ => return assert_eq!(status, 0, "a child failed"),
            }
        }
    }
}

/// Waits until a process has reported this line.
fn wait_for(root: &Path, line: &str) {
    let until = Instant::now() + TIMEOUT;
    while !told(root).iter().any(|told| told == line) {
        assert!(Instant::now() < until, "{line:?} was not told, but {:?}", told(root));
        sleep(Duration::from_millis(2));
    }
}

/// Starts a process that runs [`does`] with this task.
fn start(what: &str, root: &Path) -> Child {
    child::command("fork::does", root).env("WHAT", what).stdout(Stdio::null()).spawn().unwrap()
}

/// Runs [`does`] in a child process, because the other tests of this process have threads too.
fn run(what: &str) -> TempDir {
    let root = tempdir().unwrap();
    child::run("fork::does", root.path(), &[("WHAT", what)]);
    root
}

fn open(root: &Path) -> Cache {
    Cache::open(root.join("cache")).unwrap()
}

/// Makes a call that takes a while, and reports that it runs.
fn slow(cache: &Cache, root: &Path, n: u32) -> u32 {
    cache.get_or_compute("slow", &n, || {
        tell(root, &format!("run {n}"));
        sleep(3 * MOMENT);
        n + 1
    })
}

#[test]
fn does() {
    let Some(root) = child::root() else { return };
    let Ok(what) = std::env::var("WHAT") else { return };
    match &*what {
        "both" => both_make_a_call(&root),
        "thread" => a_thread_of_the_parent_computes(&root),
        "within" => it_forks_within_a_call(&root),
        "count" => it_counts(&root),
        "by hand" => notices_removed_folders(&root),
        "again" => a_child_forks_again(&root),
        "dies" => it_dies(&root, None),
        "dies full" => it_dies(&root, Some(())),
        "busy" => it_forks_from_busy_threads(&root),
        "program" => it_runs_programs(&root),
        #[cfg(feature = "async")]
        "task" => it_runs_tasks(&root),
        other => panic!("{other}"),
    }
}

/// Parent and child make the same call.
#[test]
fn only_one_of_parent_and_child_computes() {
    assert_eq!(told(run("both").path()), ["run 1"]);
}

fn both_make_a_call(root: &Path) {
    let cache = open(root);
    cache.get_or_compute("first", &0, || 0);
    let child = fork(|| assert_eq!(slow(&cache, root, 1), 2));
    assert_eq!(slow(&cache, root, 1), 2);
    child.wait();
}

/// The child makes a call that a thread of the parent computes. The child does not have this thread.
#[test]
fn a_child_waits_for_a_thread_of_its_parent() {
    assert_eq!(told(run("thread").path()), ["run 1"]);
}

fn a_thread_of_the_parent_computes(root: &Path) {
    let cache = open(root);
    thread::scope(|scope| {
        scope.spawn(|| slow(&cache, root, 1));
        wait_for(root, "run 1");
        fork(|| assert_eq!(slow(&cache, root, 1), 2)).wait();
    });
}

/// The child makes the call in which it was forked, while the parent waits for the child.
#[test]
fn a_child_computes_the_call_it_was_forked_in() {
    assert_eq!(told(run("within").path()), ["inner", "outer", "outer"]);
}

fn it_forks_within_a_call(_: &Path) {
    static CACHE: LazyLock<Cache> = LazyLock::new(|| open(&child::root().unwrap()));

    #[memoize(cache = &CACHE, track = "none", ignore(depth))]
    fn outer(n: u32, depth: u32) -> u32 {
        let root = child::root().unwrap();
        tell(&root, "outer");
        if depth == 0 {
            fork(|| {
                assert_eq!(outer(n, 1), n + 3);
                // The other calls of the child are stored as usual.
                assert_eq!(CACHE.get_or_compute("inner", &n, || -> u32 { unreachable!("it was computed") }), n + 2);
            })
            .wait();
        }
        let inner = CACHE.get_or_compute("inner", &n, || {
            tell(&root, "inner");
            n + 2
        });
        inner + 1
    }

    assert_eq!(outer(7, 0), 10);
    assert!(outer::call(7, 0).is_cached());
}

/// Counts that the parent has not written at the time of the fork are written once. The background thread of the
/// child writes the child's counts.
#[test]
fn counts_are_written_once() {
    let root = run("count");
    let stats = open(root.path()).stats().unwrap();
    assert_eq!((stats.misses, stats.hits, stats.entries), (4, 9, 4), "{stats:?}");
}

fn it_counts(root: &Path) {
    let cache = open(root);
    let square = |n: u32| cache.get_or_compute("square", &n, || n * n);
    (0..3).for_each(|n| assert_eq!(square(n), n * n));
    (0..5).for_each(|_| assert_eq!(square(1), 1));
    fork(|| {
        // The child has the results that its parent stored, and counts separately.
        (0..4).for_each(|_| assert_eq!(square(2), 4));
        assert_eq!(square(4), 16);
        let until = Instant::now() + TIMEOUT;
        let other = || open(root).stats().unwrap();
        // The parent writes its own counts.
        while (other().hits, other().misses) != (5 + 4, 3 + 1) {
            assert!(Instant::now() < until, "the child has nothing written");
            sleep(Duration::from_millis(20));
        }
    })
    .wait();
}

/// The child checks its own memory tier.
#[test]
fn a_child_notices_removed_folders() {
    run("by hand");
}

fn notices_removed_folders(root: &Path) {
    let cache = open(root);
    let answer = |now: u32| cache.get_or_compute("answer", &(), || now);
    (0..4).for_each(|_| assert_eq!(answer(1), 1));
    fork(|| {
        (0..4).for_each(|_| assert_eq!(answer(2), 1));
        remove_in_use(&root.join("cache/v1"));
        let until = Instant::now() + TIMEOUT;
        while answer(3) != 3 {
            assert!(Instant::now() < until, "it is used still");
            sleep(Duration::from_millis(50));
        }
    })
    .wait();
}

#[test]
fn a_child_of_a_child_works_too() {
    assert_eq!(told(run("again").path()), ["run 1", "run 2", "run 3"]);
}

fn a_child_forks_again(root: &Path) {
    let cache = open(root);
    slow(&cache, root, 1);
    fork(|| {
        slow(&cache, root, 2);
        let grandchild = fork(|| {
            assert_eq!((slow(&cache, root, 1), slow(&cache, root, 2), slow(&cache, root, 3)), (2, 3, 4));
        });
        slow(&cache, root, 3);
        grandchild.wait();
    })
    .wait();
}

/// The parent is killed while it computes. Its child survives and keeps no locks.
#[test]
fn a_child_takes_over_from_a_killed_parent() {
    takes_over("dies");
}

/// The same if the child can't open another file to replace the descriptor of the lock file.
#[test]
fn a_child_releases_locks_even_without_free_descriptors() {
    takes_over("dies full");
}

fn takes_over(what: &str) {
    let root = tempdir().unwrap();
    let mut parent = start(what, root.path());
    wait_for(root.path(), "forked");
    parent.kill().unwrap();
    parent.wait().unwrap();
    // Either the child or this process computes it.
    assert_eq!(open(root.path()).get_or_compute("endless", &1, || 5), 5);
    // The child repeats until it has the result.
    wait_for(root.path(), "child has 5");
}

fn it_dies(root: &Path, full: Option<()>) {
    let cache = open(root);
    thread::scope(|scope| {
        scope.spawn(|| {
            cache.get_or_compute("endless", &1, || {
                tell(root, "began");
                sleep(Duration::from_secs(600));
                0
            })
        });
        wait_for(root, "began");
        let hold: Vec<_> = full.iter().flat_map(|()| until_full()).collect();
        let _child = fork(|| {
            drop(hold);
            tell(root, "forked");
            let value = cache.get_or_compute("endless", &1, || 5);
            tell(root, &format!("child has {value}"));
        });
        sleep(Duration::from_secs(600));
    });
}

/// Opens files until no descriptors are left.
fn until_full() -> impl Iterator<Item = fs::File> {
    let few = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: `few` is only read during the call.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const few) };
    std::iter::from_fn(|| fs::File::open("/").ok())
}

/// 500 forks from 8 busy threads: no child hangs, and nothing is counted or computed twice.
#[test]
fn forks_from_busy_threads_work() {
    let root = run("busy");
    let told = told(root.path());
    let mut once = told.clone();
    once.dedup();
    assert_eq!(told, once, "computed twice");
    let cache = open(root.path());
    let (stats, entries) = (cache.stats().unwrap(), cache.entries().unwrap().len() as u64);
    // Children that end at once lose the counts that they have not written.
    assert_eq!(entries, told.len() as u64);
    assert!(stats.entries <= entries && stats.misses <= entries && stats.errors == 0, "{stats:?}");
}

fn it_forks_from_busy_threads(_: &Path) {
    const THREADS: u32 = 8;
    const FORKS: u32 = 63;
    static CACHE: LazyLock<Cache> = LazyLock::new(|| open(&child::root().unwrap()));

    #[memoize(cache = &CACHE, track = "none")]
    fn work(n: u32) -> Vec<u32> {
        tell(&child::root().unwrap(), &format!("run {n}"));
        (0..n % 50).collect()
    }

    // std's own lazy initialisation does not support forks.
    LazyLock::force(&CACHE);
    let next = AtomicU32::new(0);
    let expect = |n: u32| assert_eq!(work(n), (0..n % 50).collect::<Vec<_>>());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..FORKS {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    // The other threads may be anywhere in larder at this time.
                    let child = fork(|| (n.saturating_sub(12)..n + 12).for_each(expect));
                    (n.saturating_sub(6)..n + 6).for_each(expect);
                    child.wait();
                }
            });
        }
    });
}

/// Starting programs still works.
#[test]
fn programs_can_be_started() {
    run("program");
}

fn it_runs_programs(root: &Path) {
    use std::os::unix::process::CommandExt as _;
    let cache = open(root);
    cache.get_or_compute("first", &0, || 0);
    let mut command = std::process::Command::new("true");
    // A `pre_exec` hook makes std use `fork`.
    // SAFETY: the hook does nothing.
    unsafe { command.pre_exec(|| Ok(())) };
    assert!(command.status().unwrap().success());
    slow(&cache, root, 1);
}

/// A child has its own threads for work that tasks wait for.
#[cfg(feature = "async")]
#[test]
fn tasks_run_in_a_child() {
    assert_eq!(told(run("task").path()), ["task 1", "task 2", "task 3"]);
}

#[cfg(feature = "async")]
fn it_runs_tasks(_: &Path) {
    static CACHE: LazyLock<Cache> = LazyLock::new(|| open(&child::root().unwrap()));

    #[memoize(cache = &CACHE, track = "none")]
    async fn later(n: u32) -> u32 {
        tell(&child::root().unwrap(), &format!("task {n}"));
        sleep(MOMENT);
        n + 1
    }

    assert_eq!(smol::block_on(later(1)), 2);
    let child = fork(|| {
        let all = async { (later(1).await, later(2).await, later(3).await) };
        assert_eq!(smol::block_on(all), (2, 3, 4));
    });
    assert_eq!(smol::block_on(later(2)), 3);
    child.wait();
}

/// State that another thread may be changing at the time of a fork is defined in `src/sys/fork`, so that the child
/// creates its own.
#[test]
fn shared_state_supports_forks() {
    fn look(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("src/fork") && !path.ends_with("src/bin") {
                look(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                let lines = code.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
                let bad = |line: &&str| {
                    let is_static = line.contains("static ") && line.contains(": ");
                    line.contains("LazyLock<")
                        || line.contains("OnceLock<")
                        || is_static
                            && ["Mutex<", "RwLock<", "Condvar"].iter().any(|lock| {
                                line.contains(lock) && !line.contains("PerProcess<") && !line.contains("-> ")
                            })
                        || is_static && line.contains(": Once =")
                };
                found.extend(lines.filter(bad).map(|line| format!("{}: {line}", path.display())));
            }
        }
    }

    let mut found = Vec::new();
    look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.is_empty(), "{found:#?}");
}
