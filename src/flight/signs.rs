//! What threads and this process show of how they get on.
//!
//! Linux tells it in `/proc`. Elsewhere a thread shows nothing, and the process is thought to work.

use std::time::Instant;

use crate::proc::{Stat, descendants};

/// A thread that others wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worker {
    #[cfg(target_os = "linux")]
    id: u32,
}

/// How much a thread has run: another value later if it has run meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ran(String);

impl Worker {
    /// This thread.
    pub(super) fn here() -> Self {
        Worker {
            #[cfg(target_os = "linux")]
            id: rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs(),
        }
    }

    /// Whether it has got on since it had run as much as `ran` says, which is put right. One that sleeps for a time that it
    /// chose itself gets on as well.
    #[cfg(target_os = "linux")]
    pub(super) fn gets_on(self, ran: &mut Ran) -> bool {
        let of_it = |name: &str| std::fs::read_to_string(format!("/proc/self/task/{}/{name}", self.id));
        // Time on a processor in nanoseconds, and how often it got one.
        let now = of_it("schedstat").ok().or_else(|| Stat::of_thread(self.id).map(|stat| stat.ran.to_string()));
        let now = Ran(now.unwrap_or_default());
        let has_run = now != *ran;
        *ran = now;
        let sleeps = || {
            let number = of_it("syscall").ok()?.split_whitespace().next()?.parse::<i64>().ok()?;
            Some(number == libc::SYS_clock_nanosleep || number == libc::SYS_nanosleep)
        };
        has_run || sleeps().unwrap_or(false)
    }

    /// Nothing to see here.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn gets_on(self, _: &mut Ran) -> bool {
        false
    }

    /// How long it has been there, in ticks; `None` if that is not told.
    pub(super) fn age(self) -> Option<u64> {
        #[cfg(target_os = "linux")]
        return Stat::of_thread(self.id).map(|stat| crate::proc::boot_ticks().saturating_sub(stat.started));
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
        let least = u128::from(crate::proc::TICKS) * time.as_millis() / 1000 / 50;
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
            waiter.send(Worker::here()).unwrap();
            let _ = gone.recv();
        });
        let waiter = told.recv().unwrap();
        let sleeps = std::thread::spawn(move || {
            sleeper.send(Worker::here()).unwrap();
            std::thread::sleep(Duration::from_millis(300));
        });
        let sleeper = told.recv().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let (mut of_waiter, mut of_sleeper, mut of_me) = Default::default();
        for worker in [(waiter, &mut of_waiter), (sleeper, &mut of_sleeper), (Worker::here(), &mut of_me)] {
            assert!(worker.0.gets_on(worker.1), "it has run since nobody looked");
        }
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiter.gets_on(&mut of_waiter));
        assert!(sleeper.gets_on(&mut of_sleeper));
        assert!(Worker::here().gets_on(&mut of_me));
        drop(go);
        waits.join().unwrap();
        sleeps.join().unwrap();
    }
}
