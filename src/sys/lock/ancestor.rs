//! Checks whether an ancestor of this process holds a lock.
//!
//! A program that starts itself within a call, and makes the same call there, would wait for its own ancestor, which
//! waits for it. The kernel shows which open file holds which range (`/proc/<pid>/fdinfo`), so nothing has to be
//! recorded. proc(5) documents the fields.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

use crate::sys::fork::generation;
use crate::sys::lock::try_lock::LENGTH_BITS;
use crate::sys::proc::{Stat, boot_ticks};

/// Maximum number of generations to look at.
const OLDEST: usize = 64;

/// Maximum number of open files of one process to look at.
const FILES: usize = 4096;

pub(super) fn holds(file: &File, start: i64) -> bool {
    let Some(me) = Stat::of_this_process() else { return false };
    let Ok(metadata) = file.metadata() else { return false };
    let identity = (metadata.dev(), metadata.ino());
    let ancestors = std::iter::successors(Some(me.parent), |pid| Stat::of_process(*pid).map(|stat| stat.parent));
    // Ancestors from which this process was forked without `exec` are skipped. `single_flight` handles them: it knows
    // which of them was within which call.
    let ancestors = ancestors.skip(generation::depth());
    let mut taken = ancestors.take(OLDEST).take_while(|pid| *pid > 0).filter_map(|pid| taken_at(pid, identity, start));
    // Compare ages, because the length wraps around. For a process older than the wrap, nothing can be said.
    let now = boot_ticks();
    let (age, wrap) = (now.saturating_sub(me.started), 1 << LENGTH_BITS);
    age < wrap && taken.any(|at| (now.wrapping_sub(at) & (wrap - 1)) >= age)
}

/// Returns when that process took the lock, in ticks; `None` if it does not hold it.
fn taken_at(pid: u32, identity: (u64, u64), start: i64) -> Option<u64> {
    for open in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten().take(FILES) {
        let is_it = fs::metadata(open.path()).is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == identity);
        if !is_it {
            continue;
        }
        let name = open.file_name();
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", name.to_string_lossy())).unwrap_or_default();
        // `lock:  1: OFDLCK  ADVISORY  WRITE -1 fe:00:1234 <first byte> <last byte>`
        for lock in info.lines().filter(|line| line.starts_with("lock:")) {
            let mut ends = lock.split_whitespace().rev().take(2).map(str::parse::<i64>);
            if let (Some(Ok(last)), Some(Ok(first))) = (ends.next(), ends.next())
                && first == start
            {
                return u64::try_from(last - first + 1).ok();
            }
        }
    }
    None
}
