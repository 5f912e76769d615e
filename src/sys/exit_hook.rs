//! Runs tasks when the process ends normally.
#![expect(unsafe_code, reason = "registers a function with the C library's `atexit`")]

use std::panic::catch_unwind;
use std::sync::Mutex;

use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;

#[derive(Default)]
struct Tasks {
    /// Tasks to run, in order.
    tasks: Vec<fn()>,
    /// Tasks to run after those.
    last: Vec<fn()>,
    /// Whether the exit handler is registered.
    waiting: bool,
}

/// A forked child has its own list: it must not run its parent's tasks.
static TASKS: PerProcess<Mutex<Tasks>> = PerProcess::new();

/// Runs `task` when the process ends: `main` returns, or `exit` is called. It does not run if the process is killed. A
/// task that is passed several times runs once.
pub(crate) fn run(task: fn()) {
    add(task, |tasks| &mut tasks.tasks);
}

/// Runs `task` after all tasks of [`run`].
pub(crate) fn run_last(task: fn()) {
    add(task, |tasks| &mut tasks.last);
}

fn add(task: fn(), list: impl FnOnce(&mut Tasks) -> &mut Vec<fn()>) {
    let mut tasks = locked(TASKS.get());
    let list = list(&mut tasks);
    if !list.iter().any(|known| std::ptr::fn_addr_eq(*known, task)) {
        list.push(task);
    }
    if !std::mem::replace(&mut tasks.waiting, true) {
        // SAFETY: `atexit` may be called at any time. `at_exit` is part of the program that larder is linked into, so
        // it is not unloaded before the program ends.
        unsafe { libc::atexit(at_exit) };
    }
}

extern "C" fn at_exit() {
    let (tasks, last) = {
        let mut all = locked(TASKS.get());
        (std::mem::take(&mut all.tasks), std::mem::take(&mut all.last))
    };
    // A tracing subscriber may use thread-local values that are already destroyed.
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || {
        for task in tasks.into_iter().chain(last) {
            // A panic must not unwind into C.
            let _ = catch_unwind(task);
        }
    });
}
