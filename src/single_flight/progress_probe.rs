//! What threads and this process show of how they get on.
//!
//! Linux tells it in `/proc`. Elsewhere a thread shows nothing, and the process is thought to work.

use std::time::Instant;

use crate::sys::proc;
use crate::sys::proc::{Stat, descendants};

/// A thread that others wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadProbe {
    #[cfg(target_os = "linux")]
    id: u32,
}

/// How a thread or a task gets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pace {
    /// It waits for something.
    Still,
    /// It wakes now and then, or sleeps for a time that it chose itself. It may be waiting for something all the same.
    Light,
    /// It uses a processor.
    Works,
}

/// Of the time, what a thread that works uses of a processor.
const WORKS: u128 = 10;

/// How much a thread has run, when it was looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct ThreadProgress {
    told: String,
    looked: Option<(Instant, u128)>,
}

impl ThreadProbe {
    /// This thread.
    pub(super) fn here() -> Self {
        ThreadProbe {
            #[cfg(target_os = "linux")]
            id: rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs(),
        }
    }

    /// How it got on since `ran`, which is put right.
    #[cfg(target_os = "linux")]
    pub(super) fn pace(self, ran: &mut ThreadProgress) -> Pace {
        let of_it = |name: &str| std::fs::read_to_string(format!("/proc/self/task/{}/{name}", self.id));
        // Time on a processor in nanoseconds, time that it waited for one, and how often it got one.
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

    /// Nothing to see here.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn pace(self, _: &mut ThreadProgress) -> Pace {
        Pace::Still
    }

    /// How long it has been there, in ticks; `None` if that is not told.
    pub(super) fn age(self) -> Option<u64> {
        #[cfg(target_os = "linux")]
        return Stat::of_thread(self.id).map(|stat| proc::boot_ticks().saturating_sub(stat.started));
        #[cfg(not(target_os = "linux"))]
        None
    }
}

/// Looks whether this process works, whichever of its threads and of the processes that it started do.
#[derive(Debug)]
pub(super) struct ProcessWatch {
    ran: Option<u64>,
    looked: Instant,
}

impl ProcessWatch {
    pub(super) fn new() -> Self {
        ProcessWatch { ran: ran(), looked: Instant::now() }
    }

    /// Whether it has used more than a fiftieth of a processor since it was last looked at.
    pub(super) fn is_busy(&mut self) -> bool {
        let now = ran();
        let time = std::mem::replace(&mut self.looked, Instant::now()).elapsed();
        let before = std::mem::replace(&mut self.ran, now);
        let (Some(now), Some(before)) = (now, before) else { return true };
        let least = u128::from(proc::TICKS) * time.as_millis() / 1000 / 50;
        u128::from(now.saturating_sub(before)) >= least.max(1)
    }
}

/// Processor time of this process and of those that it started, in ticks; `None` if that is not told.
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
    fn a_thread_that_computes_or_sleeps_gets_on_and_one_that_waits_does_not() {
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
            assert_eq!(worker.0.pace(worker.1), Pace::Works, "it has run since nobody looked");
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
