//! Open files that hold locks. A forked child gives them up.
#![expect(unsafe_code, reason = "the C library is asked to call functions at a fork, and descriptors are replaced")]

use std::borrow::Borrow;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd as _;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use libc::c_int;

use crate::sys::fork::generation::begin_child;

/// A file that locks are taken on. In a forked child, its descriptor refers to another file, which nothing has locked.
pub(crate) struct LockFile {
    file: File,
    place: &'static AtomicI32,
}

impl LockFile {
    /// Opens the file. A concurrent fork waits for a short time until the file is registered.
    pub(crate) fn open(open: impl FnOnce() -> io::Result<File>) -> io::Result<LockFile> {
        let _opening = Opening::begin();
        let file = open()?;
        Ok(LockFile { place: note(file.as_raw_fd()), file })
    }
}

impl Borrow<File> for LockFile {
    fn borrow(&self) -> &File {
        &self.file
    }
}

impl Deref for LockFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Unregister before closing, because another file may get the same number afterwards. A child has removed it
        // already.
        let _ = self.place.compare_exchange(self.file.as_raw_fd(), FREE, Ordering::AcqRel, Ordering::Relaxed);
    }
}

const FREE: i32 = -1;
const PLACES: usize = 64;

/// Registered descriptors. Further tables are added on demand, and stay until the process ends.
struct Table {
    places: [AtomicI32; PLACES],
    /// Null, or a table from `Box::leak`.
    next: AtomicPtr<Table>,
}

impl Table {
    const fn new() -> Self {
        Table { places: [const { AtomicI32::new(FREE) }; PLACES], next: AtomicPtr::new(ptr::null_mut()) }
    }
}

impl Table {
    /// Returns the table after this one. If two threads add one at the same time, one is used and the other is dropped.
    fn next_or_new(&self) -> &'static Table {
        if let Some(next) = table_at(&self.next) {
            return next;
        }
        let new = Box::into_raw(Box::new(Table::new()));
        match self.next.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: the table is shared from now on, and is never freed.
            Ok(_) => unsafe { &*new },
            Err(other) => {
                // SAFETY: `new` comes from `Box::into_raw` and was not shared. `other` was shared, and is never freed.
                unsafe {
                    drop(Box::from_raw(new));
                    &*other
                }
            }
        }
    }
}

/// Returns the table that a pointer of a [`Table`] leads to, if there is one.
fn table_at(pointer: &AtomicPtr<Table>) -> Option<&'static Table> {
    // SAFETY: the pointer is null, or was set by `next_or_new` to a table that is never freed.
    unsafe { pointer.load(Ordering::Acquire).as_ref() }
}

static TABLE: Table = Table::new();

/// Registers a descriptor. Returns its place.
fn note(descriptor: i32) -> &'static AtomicI32 {
    let mut table = &TABLE;
    loop {
        for place in &table.places {
            if place.compare_exchange(FREE, descriptor, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return place;
            }
        }
        table = table.next_or_new();
    }
}

/// Number of files being opened, and of forks in progress. Each waits for the other, but only for a short time: opening
/// may block forever, and forks may follow each other without end. If the time is over, the only harm is that a child
/// keeps the locks of a parent that is killed.
static OPENING: AtomicU32 = AtomicU32::new(0);
static FORKING: AtomicU32 = AtomicU32::new(0);

const PAUSE: Duration = Duration::from_micros(100);
const PAUSES: u32 = 100;

struct Opening;

impl Opening {
    fn begin() -> Self {
        for _ in 0..PAUSES {
            OPENING.fetch_add(1, Ordering::SeqCst);
            if FORKING.load(Ordering::SeqCst) == 0 {
                return Opening;
            }
            OPENING.fetch_sub(1, Ordering::SeqCst);
            thread::sleep(PAUSE);
        }
        OPENING.fetch_add(1, Ordering::SeqCst);
        Opening
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        OPENING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Registers the fork handlers.
pub(super) fn notice() {
    static NOTICED: AtomicBool = AtomicBool::new(false);
    if !NOTICED.load(Ordering::Acquire) {
        // Two threads that get here at the same time register the handlers twice. Forks then count twice, which is
        // harmless.
        // SAFETY: `pthread_atfork` may be called at any time. The handlers are part of the program, or of the library
        // that contains larder; if that is unloaded, the C library forgets them. The handlers only do what is allowed
        // in a child of a process with several threads.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        NOTICED.store(true, Ordering::Release);
    }
}

extern "C" fn before() {
    FORKING.fetch_add(1, Ordering::SeqCst);
    for _ in 0..PAUSES {
        if OPENING.load(Ordering::SeqCst) == 0 {
            return;
        }
        thread::sleep(PAUSE);
    }
}

extern "C" fn in_parent() {
    FORKING.fetch_sub(1, Ordering::SeqCst);
}

/// Uses only atomics and system calls: other threads of the parent may have held any lock, including the allocator's.
extern "C" fn in_child() {
    begin_child();
    FORKING.store(0, Ordering::SeqCst);
    OPENING.store(0, Ordering::SeqCst);
    let mut other = None;
    let mut table = Some(&TABLE);
    while let Some(Table { places, next }) = table {
        for place in places {
            let descriptor = place.swap(FREE, Ordering::AcqRel);
            if descriptor != FREE {
                let_go(descriptor, &mut other);
            }
        }
        table = table_at(next);
    }
    // Unless it has the number of a descriptor that was given up.
    if let Some((descriptor, true)) = other {
        // SAFETY: it was opened here, and nothing else knows it.
        unsafe { libc::close(descriptor) };
    }
}

/// Makes a descriptor refer to another file, `other`. The flag in `other` says whether to close that file in the end.
fn let_go(descriptor: c_int, other: &mut Option<(c_int, bool)>) {
    let (stand_in, _) = match *other {
        Some(other) => other,
        None => {
            let mut opened = open_other();
            if opened < 0 {
                // There may be no free descriptor except this one.
                // SAFETY: the descriptor is open, because its owner removes it from the table before closing it. The
                // owner is a value of the parent that a child never uses. The descriptor is opened again below.
                unsafe { libc::close(descriptor) };
                opened = open_other();
            }
            if opened < 0 || opened == descriptor {
                *other = (opened >= 0).then_some((opened, false));
                return;
            }
            *other = Some((opened, true));
            (opened, true)
        }
    };
    // SAFETY: both are open. The open file of the parent is not affected.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    unsafe {
        libc::dup3(stand_in, descriptor, libc::O_CLOEXEC);
    }
    // SAFETY: as above.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    unsafe {
        libc::dup2(stand_in, descriptor);
        libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
    }
}

/// Opens a file that always exists: `/dev/null`, or else the root folder. Returns a negative number if there is no free
/// descriptor.
fn open_other() -> c_int {
    // SAFETY: the paths end with a zero byte.
    unsafe {
        match libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) {
            error if error < 0 => libc::open(c"/".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC),
            opened => opened,
        }
    }
}
