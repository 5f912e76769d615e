//! Tests many processes with many threads in one folder: every value is correct, no call hangs, each call is computed
//! as often as necessary, and no orphaned temporary files are left. Some processes are killed or stopped, some fork,
//! and some have wrong clocks.
//!
//! To run it for ten minutes:
//!
//! ```text
//! TEST_LARDER_SECONDS=600 cargo test --release --features full --test it stress:: -- --nocapture
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use larder::{Cache, Limits, memoize};
use tempfile::tempdir;

use crate::child::{self, tell};
use crate::random::Random;

const PROCESSES: usize = 8;
const THREADS: u64 = 8;
const KEYS: u64 = 50;

/// A long run consists of many short ones, so that starting is tested too and disks don't fill up.
const LONGEST_EPISODE: Duration = Duration::from_secs(20);
/// Time after which a process counts as hanging.
const GRACE: Duration = Duration::from_secs(120);

/// Operations of the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Calls only.
    Once,
    /// Calls and `forget`.
    Forget,
    /// All operations. Processes are also killed or stopped, they fork, and have wrong clocks.
    Mixed,
}

/// Memoized function. It records each run in `root` before anything else.
#[memoize(cache = cache, ignore(cache, root))]
fn work(round: u64, n: u64, cache: &Cache, root: &Path) -> Vec<u64> {
    let _ = cache;
    tell(root, &format!("run {round} {n}"));
    sleep(Duration::from_micros(Random::new(n).below(2000)));
    result(round, n)
}

/// Returns the result of `work`: usually a few numbers, sometimes more than one write.
fn result(round: u64, n: u64) -> Vec<u64> {
    let len = match n {
        0 => 150_000,
        _ if n.is_multiple_of(7) => 2000,
        _ => n,
    };
    let mut random = Random::new(round << 32 | n);
    (0..len).map(|_| random.next()).collect()
}

#[test]
fn makes_calls() {
    let Some(root) = child::root() else { return };
    // Other tests run at the same time, and some depend on the progress of threads.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 19);
    let variable = |name: &str| std::env::var(name).unwrap();
    let number = |name: &str| variable(name).parse::<u64>().unwrap();
    let until = Instant::now() + Duration::from_millis(number("MILLISECONDS"));
    let seed = number("SEED");
    let mode = [Mode::Once, Mode::Forget, Mode::Mixed][number("MODE") as usize];
    let mut cache = Cache::builder(root.join("cache"));
    if mode == Mode::Mixed {
        // Calls don't wait for stopped processes. Results expire, which processes with wrong clocks judge
        // differently.
        cache = cache.wait_limit(Duration::from_millis(500)).max_age(Duration::from_secs(8));
    }
    let cache = cache.open().unwrap();
    let player = |thread| Player { cache: &cache, root: &root, random: Random::new(seed ^ (thread << 48)), until };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let mut player = player(thread);
            scope.spawn(move || match mode {
                Mode::Once => player.calls_in_rounds(),
                Mode::Forget => player.calls_and_forgets(),
                Mode::Mixed => player.does_everything(),
            });
        }
    });
    let stats = cache.stats().unwrap();
    eprintln!("{stats:?}");
    // Storing may fail when a folder is being removed. All else must work.
    assert!(mode == Mode::Mixed || stats.errors == 0, "{stats:?}");
}

/// One thread of one process.
struct Player<'a> {
    cache: &'a Cache,
    root: &'a Path,
    random: Random,
    until: Instant,
}

impl Player<'_> {
    fn has_time(&self) -> bool {
        Instant::now() < self.until
    }

    fn call(&self, round: u64, n: u64) -> larder::Call<'_, Vec<u64>> {
        work::call(round, n, self.cache, self.root)
    }

    fn calls_in_rounds(&mut self) {
        for round in 0.. {
            let mut keys: Vec<_> = (0..KEYS).collect();
            while self.has_time() && !keys.is_empty() {
                let n = keys.swap_remove(self.random.below(keys.len() as u64) as usize);
                assert_eq!(work(round, n, self.cache, self.root), result(round, n));
            }
            if !self.has_time() {
                break;
            }
        }
    }

    fn calls_and_forgets(&mut self) {
        while self.has_time() {
            let n = self.random.below(KEYS);
            if self.random.below(10) > 0 {
                assert_eq!(work(0, n, self.cache, self.root), result(0, n));
                continue;
            }
            // A computation caused by this removal starts after the first line is written.
            let id = self.random.next();
            tell(self.root, &format!("forgets {n} {id}"));
            if self.call(0, n).forget().unwrap() {
                tell(self.root, &format!("forgot {n} {id}"));
            }
        }
    }

    fn does_everything(&mut self) {
        while self.has_time() {
            let n = self.random.below(KEYS);
            let right = |value: Vec<u64>| assert_eq!(value, result(0, n));
            match self.random.below(1000) {
                0..2 => work::memo().clear().unwrap(),
                2..4 => self.cache.clear().unwrap(),
                4..24 => {
                    let limits = Limits { max_entries: Some(self.random.below(KEYS)), ..Limits::default() };
                    self.cache.trim_to(&limits).unwrap();
                }
                24..44 => {
                    // Every listed entry must be complete.
                    for entry in self.cache.entries().unwrap() {
                        assert_eq!(entry.fault, None, "{entry:?}");
                    }
                }
                44..64 => drop(Cache::open(self.cache.path()).unwrap().functions().unwrap()),
                64..164 => drop(self.call(0, n).forget().unwrap()),
                164..264 => right(self.call(0, n).refresh()),
                264..314 => self.call(0, n).cached().unwrap().into_iter().for_each(right),
                314..344 => drop(self.call(0, n).explain().to_string()),
                344..374 => {
                    let shelved = self.call(0, n).shelve().unwrap();
                    // The entry may have been removed already.
                    shelved.get().into_iter().for_each(right);
                }
                374..379 => self.forks(),
                _ => right(work(0, n, self.cache, self.root)),
            }
        }
    }

    /// Makes some calls in a forked child, while other threads of this process continue.
    #[cfg(unix)]
    fn forks(&mut self) {
        let mut random = Random::new(self.random.next());
        let child = crate::fork::fork(|| {
            // The child must not outlive this process.
            #[cfg(target_os = "linux")]
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).unwrap();
            for _ in 0..5 {
                let n = random.below(KEYS);
                assert_eq!(work(0, n, self.cache, self.root), result(0, n));
            }
        });
        child.wait();
    }

    #[cfg(not(unix))]
    fn forks(&mut self) {}
}

/// Returns the library that fakes the time of day, as the program `faketime` reports it, if it is installed.
fn library_of_wrong_clocks() -> Option<&'static str> {
    static LIBRARY: LazyLock<Option<String>> = LazyLock::new(|| {
        let output = Command::new("faketime").args(["-f", "+0s", "printenv", "LD_PRELOAD"]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    });
    assert!(LIBRARY.is_some() || std::env::var_os("TEST_LARDER_ALL").is_none(), "the program `faketime` is missing");
    LIBRARY.as_deref()
}

/// Processes of one episode.
struct Players {
    root: PathBuf,
    mode: Mode,
    until: SystemTime,
    random: Random,
    playing: Vec<Child>,
}

impl Players {
    fn start(&mut self) {
        let left = self.until.duration_since(SystemTime::now()).unwrap_or_default().as_millis();
        let mut command = child::command("stress::makes_calls", &self.root);
        if self.mode == Mode::Mixed
            && self.random.below(2) == 0
            && let Some(library) = library_of_wrong_clocks()
        {
            command.env("LD_PRELOAD", library).env("FAKETIME", format!("{:+}s", self.random.below(7) as i64 - 3));
            // Elapsed time stays correct.
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let child = command
            .env("MODE", (self.mode as u8).to_string())
            .env("SEED", self.random.next().to_string())
            .env("MILLISECONDS", left.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.playing.push(child);
    }

    /// Kills a process at any point and starts another.
    fn replace_one(&mut self) {
        let one = self.random.below(PROCESSES as u64) as usize;
        let mut child = self.playing.swap_remove(one);
        // A process must not end before its time.
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success() && SystemTime::now() >= self.until, "{}", said(child));
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.start();
    }

    /// Stops a process for a while, or kills it.
    fn disturb_one(&mut self) {
        #[cfg(unix)]
        if self.random.below(4) == 0 {
            use rustix::process::{Pid, Signal, kill_process};
            let one = Pid::from_child(&self.playing[self.random.below(PROCESSES as u64) as usize]);
            // The process may have just ended.
            let _ = kill_process(one, Signal::STOP);
            sleep(Duration::from_millis(self.random.below(4500)));
            let _ = kill_process(one, Signal::CONT);
            return;
        }
        self.replace_one();
    }

    fn end(mut self) {
        while SystemTime::now() < self.until + GRACE {
            if self.playing.iter_mut().all(|child| child.try_wait().unwrap().is_some()) {
                break;
            }
            sleep(Duration::from_millis(10));
        }
        let mut faults = String::new();
        for mut child in self.playing {
            match child.try_wait().unwrap() {
                Some(status) if status.success() => eprint!("{}", said(child)),
                Some(status) => faults += &format!("{status}: {}\n", said(child)),
                None => {
                    child.kill().unwrap();
                    faults += "it hangs\n";
                }
            }
        }
        assert!(faults.is_empty(), "{faults}");
    }
}

/// Returns the output of an ended process. It is so small that the process never waited for a reader.
fn said(mut child: Child) -> String {
    let mut text = Vec::new();
    child.stderr.take().unwrap().read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// Runs episodes for a third of the total time, because there are three modes.
fn play(mode: Mode, check: impl Fn(&Path)) {
    // One mode at a time is enough load.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = std::env::var("TEST_LARDER_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(4.0);
    let mut left = Duration::from_secs_f64(seconds / 3.0);
    while left > Duration::ZERO {
        let episode = left.min(LONGEST_EPISODE);
        left -= episode;
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        eprintln!("{mode:?} for {episode:?}, seed {seed}");
        let root = tempdir().unwrap();
        let until = SystemTime::now() + episode;
        let mut players =
            Players { root: root.path().to_owned(), mode, until, random: Random::new(seed), playing: Vec::new() };
        (0..PROCESSES).for_each(|_| players.start());
        if mode == Mode::Mixed {
            while SystemTime::now() < until {
                sleep(Duration::from_millis(50 + players.random.below(200)));
                players.disturb_one();
            }
        }
        players.end();
        check(root.path());
        is_in_order(root.path());
    }
}

/// Checks after all processes have ended that every file is known, complete and correct.
fn is_in_order(root: &Path) {
    let path = root.join("cache");
    Cache::open(&path).unwrap();
    // Killed processes have left temporary files, which are removed when they are old.
    let long_ago = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(3600));
    for draft in fs::read_dir(path.join("drafts")).unwrap() {
        File::options().write(true).open(draft.unwrap().path()).unwrap().set_times(long_ago).unwrap();
    }
    let cache = Cache::open(&path).unwrap();
    // Storing may fail during a `clear`, which is counted. After this point, no fault may occur.
    let errors = cache.stats().unwrap().errors;
    let mut entries = 0;
    let folder = "v1/it@larder/stress/work";
    let folders = ["", "drafts", "running", "v1", "v1/it@larder", "v1/it@larder/stress", folder];
    let mut visit = vec![path.clone()];
    while let Some(found) = visit.pop() {
        let name = found.strip_prefix(&path).unwrap().to_str().unwrap();
        if found.is_dir() {
            assert!(folders.contains(&name), "{name}");
            visit.extend(fs::read_dir(&found).unwrap().map(|file| file.unwrap().path()));
            continue;
        }
        match name.strip_prefix(folder).map(|rest| rest.trim_start_matches('/')) {
            Some("function.json" | "history") => {}
            Some(rest) if rest.starts_with("code-") && rest.ends_with(".json") => {}
            Some(rest) if rest.len() == 64 + 7 && rest.ends_with(".larder") => entries += 1,
            _ => assert!(
                ["CACHEDIR.TAG", ".gitignore", "locks", "counters", "activity", "marks"].contains(&name),
                "{name}"
            ),
        }
    }
    let listed: Vec<_> = cache.entries().unwrap().collect();
    assert_eq!(listed.len(), entries);
    for entry in listed {
        assert_eq!(entry.fault, None);
        let argument = |at: usize| entry.arguments[at].preview.parse::<u64>().unwrap();
        let (round, n) = (argument(0), argument(1));
        assert_eq!(work::call(round, n, &cache, root).key(), entry.key);
        assert_eq!(work::call(round, n, &cache, root).cached().unwrap(), Some(result(round, n)));
    }
    // The cache still works.
    for n in 0..KEYS {
        assert_eq!(work(0, n, &cache, root), result(0, n));
        assert!(work::call(0, n, &cache, root).is_cached());
    }
    assert_eq!(cache.stats().unwrap().errors, errors);
}

/// Returns the lines of the shared file, each as a word and numbers.
fn told(root: &Path) -> Vec<(String, Vec<u64>)> {
    let text = fs::read_to_string(root.join("told")).unwrap();
    let line = |line: &str| {
        let (word, numbers) = line.split_once(' ').unwrap();
        (word.to_owned(), numbers.split(' ').map(|number| number.parse().unwrap()).collect())
    };
    text.lines().map(line).collect()
}

#[test]
fn each_call_is_computed_once_by_all_processes_together() {
    play(Mode::Once, |root| {
        let mut runs = BTreeMap::new();
        for (_, key) in told(root) {
            *runs.entry(key).or_insert(0) += 1;
        }
        assert!(runs.len() >= KEYS as usize, "{}", runs.len());
        runs.retain(|_, runs| *runs != 1);
        assert!(runs.is_empty(), "{runs:?}");
    });
}

#[test]
fn a_call_is_recomputed_only_after_a_removal() {
    play(Mode::Forget, |root| {
        let told = told(root);
        let forgot: Vec<_> =
            told.iter().filter(|(word, _)| word == "forgot").map(|(_, numbers)| numbers.clone()).collect();
        assert!(!forgot.is_empty());
        // At any time, a call was computed once, and at most once more for each removal.
        let mut allowed = BTreeMap::new();
        for (at, (word, numbers)) in told.iter().enumerate() {
            match word.as_str() {
                "forgets" if forgot.contains(numbers) => *allowed.entry(numbers[0]).or_insert(1) += 1,
                "run" => {
                    let left = allowed.entry(numbers[1]).or_insert(1);
                    *left -= 1;
                    assert!(*left >= 0, "line {}: {numbers:?} was computed once too often", at + 1);
                }
                _ => {}
            }
        }
    });
}

#[test]
fn values_stay_correct_when_processes_are_killed() {
    play(Mode::Mixed, |_| {});
}
