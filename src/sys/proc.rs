//! What Linux tells of processes and threads in `/proc`: see proc(5). Elsewhere, nothing is told.

use std::fs;

/// Ticks in a second: `USER_HZ`, the same on every platform that Rust's std runs on.
pub(crate) const TICKS: u64 = 100;

/// The line of one process or thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub(crate) parent: u32,
    /// Processor time of all its threads, in ticks.
    pub(crate) ran: u64,
    /// That of its children that have ended.
    pub(crate) children_ran: u64,
    /// When it was started, in ticks since the system was.
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
        // The name in parentheses may hold anything. After it, the first field is the third of proc(5).
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

/// Ticks since the system was started, with the time that it was asleep.
#[cfg(target_os = "linux")]
pub(crate) fn boot_ticks() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec.cast_unsigned() * TICKS + time.tv_nsec.cast_unsigned() / (1_000_000_000 / TICKS)
}

/// The processes that this one started, and those that they did, as far as they are alive.
pub(crate) fn descendants() -> Vec<Stat> {
    /// No more are looked at.
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
