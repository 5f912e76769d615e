//! Wakes other processes when a lock is freed.
//!
//! Two kinds of numbers in the file of locks do it. `rung` changes when a lock is freed that has waiters. It is a
//! futex, on which they sleep. `waited[n]` is the last time at which a thread waited for a lock with the number `n`, so
//! freeing a lock without waiters costs one short read.
//!
//! **The invariant**: a waiter writes `waited`, reads `rung`, checks that the lock is still held, and sleeps only while
//! `rung` is unchanged. A holder frees the lock first, then reads `waited`, then changes `rung`. So if the lock was
//! still held when the waiter checked, the holder reads what the waiter wrote, and `rung` changes after the waiter read
//! it: no waiter sleeps through it. A futex wakes no waiter on another machine, where the sleep ends after [`LONGEST`].
//!
//! ```text
//! 0    rung       u32, little-endian
//! 64   waited[n]  u32, little-endian: seconds since 1970, 32 of them
//! ```
#![expect(unsafe_code, reason = "a futex in a file is an address in a map of that file")]

use std::fs::File;
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::Timespec;
use rustix::io::Errno;
use rustix::thread::futex;

use crate::sys::file_id::TrackedFile;
use crate::sys::fork::lock_file::LockFile;
use crate::sys::fork::once::Once;
use crate::sys::lock::try_lock::RETRY_INTERVAL;

/// Maximum sleep. After it, the lock is checked even if no wake-up came.
const LONGEST: Duration = Duration::from_millis(100);

/// Age in seconds after which a waiter counts as gone. A waiting thread writes `waited` again each [`LONGEST`].
const STALE: u32 = 3;

const BELLS: u64 = 32;
const RUNG: u64 = 0;
const WAITED: u64 = 64;
const LENGTH: usize = 64 + 4 * 32;

/// The futex and the waiting tasks.
#[derive(Default)]
pub(super) struct WakeWord {
    /// Mapped on first use.
    map: Once<Option<MmapRaw>>,
    #[cfg(feature = "async")]
    tasks: tasks::Tasks,
}

/// The open file of locks.
pub(super) struct Open {
    pub(super) file: TrackedFile<LockFile>,
    pub(super) wake_word: WakeWord,
}

#[cfg(feature = "async")]
pub(super) use tasks::listen;

impl WakeWord {
    /// Sleeps until a holder of this lock rings, at most `longest`; not at all if `is_held` returns false.
    pub(super) fn wait(&self, file: &File, place: u64, longest: Duration, is_held: impl FnOnce() -> bool) {
        let longest = longest.min(LONGEST);
        let rung = say_that_somebody_waits(file, place).and_then(|()| read(file, RUNG));
        if !is_held() {
            return;
        }
        let slept = rung.and_then(|rung| self.sleep(file, rung, 1 << number(place), longest));
        if slept.is_err() {
            // The futex can't be used here.
            std::thread::sleep(longest.min(RETRY_INTERVAL));
        }
    }

    /// Sleeps until one of these bells rings. Returns at once if a bell has rung since `rung` was read.
    fn sleep(&self, file: &File, rung: u32, bells: u32, longest: Duration) -> io::Result<()> {
        let bells = NonZeroU32::new(bells).ok_or(io::ErrorKind::InvalidInput)?;
        let longest = Timespec::try_from(longest).map_err(io::Error::other)?;
        self.with(file, |futex| {
            // The system expects the end of the sleep, not its length.
            let end = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).checked_add(longest);
            match futex::wait_bitset(futex, futex::Flags::empty(), rung, end.as_ref(), bells) {
                Err(Errno::FAULT | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
                _ => Ok(()),
            }
        })
    }

    /// Wakes those who wait for this lock.
    pub(super) fn ring(&self, file: &File, place: u64) {
        let Ok(waited) = read(file, WAITED + 4 * number(place)) else { return };
        if waited == 0 || now().wrapping_sub(waited) > STALE {
            return;
        }
        let bells = NonZeroU32::new(1 << number(place)).unwrap_or(NonZeroU32::MIN);
        // Two holders that ring at once may write the same number. It differs from the number that any waiter has read,
        // which is enough.
        let rung = read(file, RUNG).unwrap_or_default().wrapping_add(1);
        let _ = file.write_all_at(&rung.to_le_bytes(), RUNG);
        let _ = self.with(file, |futex| {
            let _ = futex::wake_bitset(futex, futex::Flags::empty(), i32::MAX.unsigned_abs(), bells);
            Ok(())
        });
    }

    fn with<R>(&self, file: &File, use_it: impl FnOnce(&AtomicU32) -> io::Result<R>) -> io::Result<R> {
        let map = self.map.get_or_init(|| MmapOptions::new().len(LENGTH).map_raw_read_only(file).ok());
        let map = map.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        // SAFETY: the map is page-aligned and has at least four bytes. Nothing is read or written through the
        // reference. The kernel takes its address and reads there itself; if the file was truncated, it reports that.
        // So it does not matter that other processes change the file.
        let futex = unsafe { &*map.as_ptr().cast::<AtomicU32>() };
        use_it(futex)
    }
}

fn say_that_somebody_waits(file: &File, place: u64) -> io::Result<()> {
    file.write_all_at(&now().to_le_bytes(), WAITED + 4 * number(place))
}

/// Reads a number. Beyond the end of the file it is zero.
fn read(file: &File, at: u64) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_at(&mut bytes, at)?;
    Ok(u32::from_le_bytes(bytes))
}

fn now() -> u32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // Never zero, which means that no thread has waited.
    u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or_default().max(1)
}

/// Returns the bell of this lock.
fn number(place: u64) -> u64 {
    place % BELLS
}

#[cfg(feature = "async")]
mod tasks {
    //! Tasks have no thread to sleep on. One thread sleeps for all of them.

    use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
    use std::task::Waker;
    use std::thread;
    use std::time::Duration;

    use super::{LONGEST, Open, RETRY_INTERVAL, RUNG, number, read, say_that_somebody_waits};
    use crate::sys::locked::locked;

    /// How long the thread stays without work.
    const IDLE: Duration = Duration::from_secs(2);

    #[derive(Default)]
    pub(super) struct Tasks {
        waiting: Mutex<Waiting>,
        changed: Condvar,
    }

    #[derive(Default)]
    struct Waiting {
        tasks: Vec<Waker>,
        /// The bells that the tasks wait for, and `rung` as it was before the first of them checked its lock.
        bells: u32,
        rung: u32,
        /// Whether the thread runs.
        running: bool,
    }

    impl Tasks {
        fn waiting(&self) -> MutexGuard<'_, Waiting> {
            locked(&self.waiting)
        }
    }

    /// Registers a task to be woken when the bell of this lock rings, or after [`LONGEST`]. Returns whether a thread
    /// will wake it.
    pub(in crate::sys::lock) fn listen(open: &Arc<Open>, place: u64, task: &Waker) -> bool {
        let rung = say_that_somebody_waits(&open.file, place).and_then(|()| read(&open.file, RUNG));
        let Ok(rung) = rung else { return false };
        let tasks = &open.wake_word.tasks;
        let mut waiting = tasks.waiting();
        if !waiting.running {
            let open = open.clone();
            let thread = thread::Builder::new().name("larder-locks".to_owned()).spawn(move || run(&open));
            waiting.running = thread.is_ok();
        }
        if waiting.running {
            if waiting.tasks.is_empty() {
                waiting.rung = rung;
            }
            waiting.tasks.push(task.clone());
            waiting.bells |= 1 << number(place);
            tasks.changed.notify_one();
        }
        waiting.running
    }

    fn run(open: &Open) {
        let tasks = &open.wake_word.tasks;
        loop {
            let mut waiting = tasks.waiting();
            if waiting.tasks.is_empty() {
                waiting = tasks.changed.wait_timeout(waiting, IDLE).unwrap_or_else(PoisonError::into_inner).0;
                if waiting.tasks.is_empty() {
                    waiting.running = false;
                    return;
                }
            }
            let (rung, bells) = (waiting.rung, waiting.bells);
            drop(waiting);
            if open.wake_word.sleep(&open.file, rung, bells, LONGEST).is_err() {
                thread::sleep(RETRY_INTERVAL);
            }
            let mut waiting = tasks.waiting();
            waiting.bells = 0;
            let tasks = std::mem::take(&mut waiting.tasks);
            drop(waiting);
            // A waker is foreign code, so no lock may be held here.
            tasks.into_iter().for_each(Waker::wake);
        }
    }
}
