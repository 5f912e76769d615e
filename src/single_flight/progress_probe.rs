//! Measures the progress of threads and of this process.
//!
//! Linux shows it in `/proc`. Elsewhere nothing is visible: threads are taken to stand still, and the process to be
//! busy.

use std::time::Instant;

use crate::sys::proc;
use crate::sys::proc::{Stat, descendants};

/// A thread that others wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadProbe {
    #[cfg(target_os = "linux")]
    id: u32,
}

/// Progress of a thread or a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pace {
    /// It is blocked.
    Still,
    /// It wakes now and then, or sleeps for a time that it chose itself. It may still be waiting for something.
    Light,
    /// It uses a processor.
    Works,
}

/// A thread works if it uses at least one part in this many of a processor.
const WORKS: u128 = 10;

/// How much a thread had run when it was last observed.
#[derive(Clone, Debug, Default)]
pub(super) struct ThreadProgress {
    told: String,
    looked: Option<(Instant, u128)>,
}

impl ThreadProbe {
    /// Returns the probe of the current thread.
    pub(super) fn here() -> Self {
        ThreadProbe {
            #[cfg(target_os = "linux")]
            id: rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs(),
        }
    }

    /// Returns the thread's progress since `ran`, and updates `ran`.
    #[cfg(target_os = "linux")]
    pub(super) fn pace(self, ran: &mut ThreadProgress) -> Pace {
        let of_it = |name: &str| std::fs::read_to_string(format!("/proc/self/task/{}/{name}", self.id));
        // Time on a processor in nanoseconds, time waiting for one, and number of time slices.
        let told = of_it("schedstat").ok().or_else(|| Stat::of_thread(self.id).map(|stat| stat.ran.to_string()));
        let told = told.unwrap_or_default();
        let nanoseconds = told.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let now = Instant::now();
        let before = ran.looked.replace((now, nanoseconds));
        let has_run = std::mem::replace(&mut ran.told, told) != ran.told;
        let works = before.is_none_or(|(looked, before)| {
            nanoseconds.saturating_sub(before) * WORKS >= now.duration_since(looked).as_nanos()
        });
        let sleeps = || {
            let number = of_it("syscall").ok()?.split_whitespace().next()?.parse::<i64>().ok()?;
            Some(number == libc::SYS_clock_nanosleep || number == libc::SYS_nanosleep)
        };
        match (has_run, works) {
            (true, true) => Pace::Works,
            (true, false) => Pace::Light,
            (false, _) if sleeps().unwrap_or(false) => Pace::Light,
            (false, _) => Pace::Still,
        }
    }

    /// Nothing is visible on this system.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn pace(self, _: &mut ThreadProgress) -> Pace {
        Pace::Still
    }

    /// Returns the time since the thread was started, in ticks; `None` if the system does not show it.
    pub(super) fn age(self) -> Option<u64> {
        #[cfg(target_os = "linux")]
        return Stat::of_thread(self.id).map(|stat| proc::boot_ticks().saturating_sub(stat.started));
        #[cfg(not(target_os = "linux"))]
        None
    }
}

/// Measures whether this process works: any of its threads, or of the processes that it started.
#[derive(Debug)]
pub(super) struct ProcessWatch {
    ran: Option<u64>,
    looked: Instant,
}

impl ProcessWatch {
    pub(super) fn new() -> Self {
        ProcessWatch { ran: ran(), looked: Instant::now() }
    }

    /// Returns whether it has used at least a fiftieth of a processor since the last call. True if the system does not
    /// show it.
    pub(super) fn is_busy(&mut self) -> bool {
        let now = ran();
        let time = std::mem::replace(&mut self.looked, Instant::now()).elapsed();
        let before = std::mem::replace(&mut self.ran, now);
        let (Some(now), Some(before)) = (now, before) else { return true };
        let least = u128::from(proc::TICKS) * time.as_millis() / 1000 / 50;
        u128::from(now.saturating_sub(before)) >= least.max(1)
    }
}

/// Returns the processor time of this process and of those that it started, in ticks; `None` if the system does not
/// show it.
fn ran() -> Option<u64> {
    let me = Stat::of_this_process()?;
    let others: u64 = descendants().iter().map(|stat| stat.ran + stat.children_ran).sum();
    Some(me.ran + me.children_ran + others)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thread_that_computes_or_sleeps_makes_progress_and_one_that_waits_does_not() {
        let (tell, told) = std::sync::mpsc::channel();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let (waiter, sleeper) = (tell.clone(), tell);
        let waits = std::thread::spawn(move || {
            waiter.send(ThreadProbe::here()).unwrap();
            let _ = gone.recv();
        });
        let waiter = told.recv().unwrap();
        let sleeps = std::thread::spawn(move || {
            sleeper.send(ThreadProbe::here()).unwrap();
            std::thread::sleep(Duration::from_millis(300));
        });
        let sleeper = told.recv().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let (mut of_waiter, mut of_sleeper, mut of_me) = Default::default();
        for worker in [(waiter, &mut of_waiter), (sleeper, &mut of_sleeper), (ThreadProbe::here(), &mut of_me)] {
            assert_eq!(worker.0.pace(worker.1), Pace::Works, "the first observation always counts as work");
        }
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        assert_eq!(waiter.pace(&mut of_waiter), Pace::Still);
        assert_eq!(sleeper.pace(&mut of_sleeper), Pace::Light);
        assert!(ThreadProbe::here().pace(&mut of_me) > Pace::Still);
        drop(go);
        waits.join().unwrap();
        sleeps.join().unwrap();
    }
}
