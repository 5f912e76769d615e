//! Tests what the library logs through `tracing`.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use larder::Cache;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::removal::remove_in_use;

/// Subscriber that keeps every event as a line.
#[derive(Clone)]
pub(crate) struct Lines {
    up_to: Level,
    lines: Arc<Mutex<Vec<(Level, String)>>>,
}

impl Lines {
    pub(crate) fn up_to(up_to: Level) -> Self {
        Lines { up_to, lines: Arc::default() }
    }

    pub(crate) fn take(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("larder") && *metadata.level() <= self.up_to
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                let _ = write!(self.0, "{}={value:?} ", field.name());
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.lines.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Returns the result of `work`, and the warnings logged during it, one a line.
#[cfg(target_os = "linux")]
pub(crate) fn logged<R>(work: impl FnOnce() -> R) -> (R, String) {
    // See `calls_are_logged_at_debug_and_faults_as_warnings` for the reason.
    let _another = tracing::Dispatch::new(Lines::up_to(Level::TRACE));
    let lines = Lines::up_to(Level::WARN);
    let result = tracing::subscriber::with_default(lines.clone(), work);
    let text = lines.take().into_iter().fold(String::new(), |text, (level, line)| format!("{text}{level} {line}\n"));
    (result, text)
}

#[test]
fn calls_are_logged_at_debug_and_faults_as_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    // With a single dispatcher, tracing asks only the thread that reaches an event first whether the event is wanted,
    // and caches the answer. That may be the thread of another test.
    let _another = tracing::Dispatch::new(Lines::up_to(Level::TRACE));
    let lines = Lines::up_to(Level::DEBUG);
    tracing::subscriber::with_default(lines.clone(), || {
        for _ in 0..2 {
            cache.get_or_compute("forecast", &7, || 1.5);
        }
        let entry = cache.entries().unwrap().next().unwrap();
        std::fs::write(&entry.path, "nonsense").unwrap();
        cache.get_or_compute("forecast", &7, || 1.5);
        Cache::disabled().get_or_compute("forecast", &7, || 1.5);
    });
    let lines = lines.take();
    let levels: Vec<_> = lines.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Level::DEBUG, Level::DEBUG, Level::WARN, Level::DEBUG, Level::DEBUG], "{lines:?}");
    for ((_, line), expected) in lines.iter().zip(["computed", "hit", "can't be read", "computed", "bypassed"]) {
        assert!(line.contains(expected) && line.contains("forecast"), "{line}");
    }
    assert!(lines[2].1.contains("no cache entry") && lines[2].1.contains(".larder"), "{}", lines[2].1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_a_digest_is_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let _another = tracing::Dispatch::new(Lines::up_to(Level::TRACE));
    let lines = Lines::up_to(Level::WARN);
    tracing::subscriber::with_default(lines.clone(), || {
        cache.get_or_compute("forecast", &larder::FileDigest::of("/proc/cpuinfo"), || 1.5);
    });
    let lines = lines.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].1.contains("/proc/cpuinfo") && lines[0].1.contains("no digest"), "{lines:?}");
}

#[test]
fn each_step_of_a_call_is_logged_at_trace() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let _another = tracing::Dispatch::new(Lines::up_to(Level::TRACE));
    let lines = Lines::up_to(Level::TRACE);
    let steps = |call: &dyn Fn()| -> Vec<String> {
        tracing::subscriber::with_default(lines.clone(), call);
        let lines = lines.take();
        let message =
            |line: &str| line.strip_prefix("message=").unwrap().split(" function=").next().unwrap().to_owned();
        assert!(lines.iter().all(|(_, line)| line.contains("forecast") && line.contains("took=")), "{lines:?}");
        lines.iter().map(|(_, line)| message(line)).collect()
    };
    let call = || {
        cache.get_or_compute("forecast", &7, || 1.5);
    };
    assert_eq!(steps(&call), ["not found", "joined", "stored", "computed"]);
    assert_eq!(steps(&call), ["hit"]);
}

/// A subscriber that uses thread-local storage, as most do, must not be called at the end of the process.
#[test]
fn nothing_is_logged_when_the_process_ends() {
    use std::cell::RefCell;

    thread_local! {
        static LAST: RefCell<String> = const { RefCell::new(String::new()) };
    }

    struct Remembering;

    impl Subscriber for Remembering {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn event(&self, event: &Event<'_>) {
            LAST.with(|last| *last.borrow_mut() = event.metadata().name().to_owned());
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    let Some(root) = crate::child::root() else {
        let root = tempfile::tempdir().unwrap();
        let said = crate::child::run("log::nothing_is_logged_when_the_process_ends", root.path(), &[]);
        assert!(!said.contains("panicked"), "{said}");
        return;
    };
    tracing::subscriber::set_global_default(Remembering).unwrap();
    let cache = Cache::open(root.join("cache")).unwrap();
    cache.get_or_compute("f", &1, || 1);
    cache.get_or_compute("f", &1, || 1);
    LAST.with(|last| assert!(!last.borrow().is_empty()));
    // The counts can't be written now, which would be logged.
    remove_in_use(&root);
    std::mem::forget(cache);
    // On this thread, which has logged before.
    std::process::exit(0);
}

/// The first fault is a warning. Repeated ones are summed up in a warning from time to time. Each is counted.
#[test]
fn repeated_faults_are_summed_up() {
    struct Refusing;

    impl serde::Serialize for Refusing {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not this one"))
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let _another = tracing::Dispatch::new(Lines::up_to(Level::TRACE));
    let lines = Lines::up_to(Level::WARN);
    tracing::subscriber::with_default(lines.clone(), || {
        for n in 0..150 {
            // Storing fails because a file is at the path of the function's folder.
            if n == 0 {
                std::fs::create_dir_all(folder.path().join("v1")).unwrap();
                std::fs::write(folder.path().join("v1/f"), "mine").unwrap();
            }
            cache.get_or_compute("f", &n, || n);
        }
        // Faults of other functions are logged separately.
        for _ in 0..5 {
            cache.get_or_compute("g", &Refusing, || 1);
            cache.get_or_compute("h", &Refusing, || 1);
        }
    });
    let lines: Vec<String> = lines.take().into_iter().map(|(_, line)| line).collect();
    let of = |what: &str| lines.iter().filter(|line| line.contains(what)).collect::<Vec<_>>();
    let stored = of("a result can't be stored");
    // The 1st, the 10th and the 100th, and on a very slow machine one each minute.
    assert!(stored.len() <= 6, "{stored:#?}");
    assert!(stored[1].contains("8 more like it"), "{stored:#?}");
    assert_eq!((of("function=\"g\"").len(), of("function=\"h\"").len()), (1, 1), "{lines:#?}");
    // Both reading and storing fail.
    let stats = cache.stats().unwrap();
    assert_eq!(stats.errors, 150 * 2 + 10, "{stats:?}");
}
