//! What is done when the process ends in the ordinary way.
#![expect(unsafe_code, reason = "the C library is asked to call a function at the end")]

use std::panic::catch_unwind;
use std::sync::{Mutex, Once, PoisonError};

/// What is to be done, in this order.
static TASKS: Mutex<Vec<fn()>> = Mutex::new(Vec::new());

/// Does `task` when the process ends: `main` returns, or somebody calls `exit`. Not when it is killed.
pub(crate) fn run(task: fn()) {
    static ONCE: Once = Once::new();
    TASKS.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    ONCE.call_once(|| {
        // SAFETY: `atexit` may be called at any time, and `at_exit` is a function of the program, which nobody
        // unloads before its end: larder is linked into it.
        unsafe { libc::atexit(at_exit) };
    });
}

extern "C" fn at_exit() {
    let tasks = std::mem::take(&mut *TASKS.lock().unwrap_or_else(PoisonError::into_inner));
    // A subscriber may need what this thread has no more.
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || {
        for task in tasks {
            // C's frames can't be unwound.
            let _ = catch_unwind(task);
        }
    });
}
