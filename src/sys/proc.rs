//! Reads Linux's `/proc` about processes and threads: see proc(5). Elsewhere, nothing is available.

use std::fs;

/// Ticks per second: `USER_HZ`, the same on every platform that Rust's std supports.
pub(crate) const TICKS: u64 = 100;

/// Values from the `stat` file of one process or thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub(crate) parent: u32,
    /// Processor time of all its threads, in ticks.
    pub(crate) ran: u64,
    /// Processor time of its children that have ended, in ticks.
    pub(crate) children_ran: u64,
    /// When it was started, in ticks since the system's boot.
    pub(crate) started: u64,
}

impl Stat {
    pub(crate) fn of_this_process() -> Option<Stat> {
        Stat::read("/proc/self/stat")
    }

    pub(crate) fn of_process(pid: u32) -> Option<Stat> {
        Stat::read(&format!("/proc/{pid}/stat"))
    }

    pub(crate) fn of_thread(thread: u32) -> Option<Stat> {
        Stat::read(&format!("/proc/self/task/{thread}/stat"))
    }

    fn read(path: &str) -> Option<Stat> {
        let text = fs::read_to_string(path).ok()?;
        // The name in parentheses may hold any character. The first field after it is number 3 in proc(5).
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Stat {
            parent: u32::try_from(number(4)?).ok()?,
            ran: number(14)? + number(15)?,
            children_ran: number(16)? + number(17)?,
            started: number(22)?,
        })
    }
}

/// Returns the ticks since boot, including the time that the system was suspended.
#[cfg(target_os = "linux")]
pub(crate) fn boot_ticks() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec.cast_unsigned() * TICKS + time.tv_nsec.cast_unsigned() / (1_000_000_000 / TICKS)
}

/// Returns the living processes that this one started, directly or indirectly.
pub(crate) fn descendants() -> Vec<Stat> {
    /// Maximum number of processes to look at.
    const MOST: usize = 256;
    let mut found = Vec::new();
    let mut parents = vec!["self".to_owned()];
    while let Some(parent) = parents.pop() {
        for thread in fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace() {
                if found.len() == MOST {
                    return found;
                }
                found.extend(child.parse().ok().and_then(Stat::of_process));
                parents.push(child.to_owned());
            }
        }
    }
    found
}
