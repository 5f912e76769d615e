//! What is done when the process ends in the ordinary way.
#![expect(unsafe_code, reason = "the C library is asked to call a function at the end")]

use std::panic::catch_unwind;
use std::sync::{Mutex, PoisonError};

use crate::sys::fork::per_process::PerProcess;

#[derive(Default)]
struct Tasks {
    /// What is to be done, in this order.
    tasks: Vec<fn()>,
    /// What is to be done after those.
    last: Vec<fn()>,
    /// Whether the end is waited for.
    waiting: bool,
}

/// A child of this process ends by itself, and has nothing to do for its parent.
static TASKS: PerProcess<Mutex<Tasks>> = PerProcess::new();

/// Does `task` when the process ends: `main` returns, or somebody calls `exit`. Not when it is killed. However often this is
/// called, it is done once.
pub(crate) fn run(task: fn()) {
    add(task, |tasks| &mut tasks.tasks);
}

/// The same, after all those of [`run`].
pub(crate) fn run_last(task: fn()) {
    add(task, |tasks| &mut tasks.last);
}

fn add(task: fn(), list: impl FnOnce(&mut Tasks) -> &mut Vec<fn()>) {
    let mut tasks = TASKS.get().lock().unwrap_or_else(PoisonError::into_inner);
    let list = list(&mut tasks);
    if !list.iter().any(|known| std::ptr::fn_addr_eq(*known, task)) {
        list.push(task);
    }
    if !std::mem::replace(&mut tasks.waiting, true) {
        // SAFETY: `atexit` may be called at any time, and `at_exit` is a function of the program, which nobody
        // unloads before its end: larder is linked into it.
        unsafe { libc::atexit(at_exit) };
    }
}

extern "C" fn at_exit() {
    let (tasks, last) = {
        let mut all = TASKS.get().lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut all.tasks), std::mem::take(&mut all.last))
    };
    // A subscriber may need what this thread has no more.
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || {
        for task in tasks.into_iter().chain(last) {
            // C's frames can't be unwound.
            let _ = catch_unwind(task);
        }
    });
}
