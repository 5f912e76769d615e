//! What is done when the process ends in the ordinary way.
#![expect(unsafe_code, reason = "the C library is asked to call a function at the end")]

use std::panic::catch_unwind;
use std::sync::Once;

/// Flushes what was counted when the process ends: `main` returns, or somebody calls `exit`. Not when it is killed.
pub(crate) fn flush_counters() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: `atexit` may be called at any time, and `at_exit` is a function of the program, which nobody
        // unloads before its end: larder is linked into it.
        unsafe { libc::atexit(at_exit) };
    });
}

extern "C" fn at_exit() {
    // C's frames can't be unwound.
    let _ = catch_unwind(crate::upkeep::flush_all);
}
