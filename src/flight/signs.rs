//! How long a thread may wait for another one that computes the same.
//!
//! Waiting is safe where the thread that waits has nothing below on its stack that the other one
//! needs: what a call waits for is a call that it would have made itself, and those end. A thread of
//! a work-stealing pool is different. While it waits for a part of its own job it takes another job
//! on top, so below a call there may lie a part of the very computation that this call waits for, and
//! nobody sees it. Such a thread waits only as long as the other one is seen to get on; then it
//! computes by itself.

use std::time::Duration;

/// A thread that has used no processor time for so long does not get on.
const IDLE: Duration = Duration::from_secs(1);

/// How long to wait for what can't be seen: another process, or a thread on a system that does not
/// tell what threads do.
const UNSEEN: Duration = Duration::from_secs(30);

/// The longest wait before the other one is looked at again; `None` for as long as it takes.
pub(crate) fn before_looking() -> Option<Duration> {
    is_stealing().then_some(IDLE)
}

/// The longest wait for another process; `None` for as long as it takes.
pub(crate) fn for_a_process() -> Option<Duration> {
    is_stealing().then_some(UNSEEN)
}

/// Whether this thread may have jobs below on its stack that have nothing to do with what it does now.
fn is_stealing() -> bool {
    rayon_core::current_thread_index().is_some()
}

/// A thread that others wait for.
#[derive(Debug)]
pub(crate) struct Worker {
    #[cfg(target_os = "linux")]
    id: rustix::thread::Pid,
}

impl Worker {
    /// This thread.
    pub(crate) fn here() -> Self {
        Worker {
            #[cfg(target_os = "linux")]
            id: rustix::thread::gettid(),
        }
    }

    /// What there is to see of how the thread gets on: it has got on if this is another value later.
    #[cfg(target_os = "linux")]
    pub(crate) fn progress(&self) -> Progress {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{}/stat", self.id.as_raw_nonzero()));
        // proc(5): the name in parentheses may hold anything; user and system time are the 12th and
        // 13th field after it.
        let times = stat.ok().and_then(|stat| {
            let fields = stat.rsplit_once(')')?.1.split_whitespace();
            Some(fields.skip(11).take(2).collect::<Vec<_>>().join(" "))
        });
        Progress(times)
    }

    /// Nothing to see here.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn progress(&self) -> Progress {
        Progress(None)
    }
}

/// What there is to see of how a thread gets on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress(Option<String>);

impl Progress {
    /// Whether a thread that showed `before`, and shows this after it was waited for in vain `waits`
    /// times, is to be waited for once more.
    pub(crate) fn is_worth_waiting(&self, before: &Progress, waits: u32) -> bool {
        match self.0 {
            Some(_) => self != before,
            None => IDLE * waits < UNSEEN,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_computes_gets_on_and_one_that_sleeps_does_not() {
        let (tell, told) = std::sync::mpsc::channel();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let sleeper = std::thread::spawn(move || {
            tell.send(Worker::here()).unwrap();
            let _ = gone.recv();
        });
        let sleeper_is = told.recv().unwrap();
        let (me, before) = (Worker::here(), sleeper_is.progress());
        let mine = me.progress();
        let mut sum = 0_u64;
        while !me.progress().is_worth_waiting(&mine, 1) {
            sum = std::hint::black_box((0..100_000_u64).fold(sum, u64::wrapping_add));
        }
        // Clock ticks are long: it had time to go to sleep, and may have used one for that.
        let asleep = sleeper_is.progress();
        std::thread::sleep(Duration::from_millis(50));
        assert!(!sleeper_is.progress().is_worth_waiting(&asleep, 1), "{before:?} {asleep:?}");
        drop(go);
        sleeper.join().unwrap();
    }
}
