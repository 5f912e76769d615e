//! Roster of the caches that the background thread maintains: the protocol by which calls wake the thread, and it puts
//! caches to sleep.
//!
//! Each cache has a flag, [`Awake`]. A call counts first, and then reads the flag. If the flag is not set, the call
//! adds the cache to the roster. The thread ticks each cache on the roster once a second. When a cache was idle for a
//! while, the thread takes it off the roster, and writes its counts afterwards.
//!
//! **Invariant**: the flag is set exactly while the cache is on the roster. Both change in one step, under the lock of
//! the roster. If the flag were cleared in a separate step, a call could set it again before the thread takes the cache
//! off, and no thread would ever maintain the cache again.
//!
//! **A count is never lost**: if the call sees the flag set, its count happened before the flag was cleared, so the
//! thread writes it afterwards. This requires that counting and reading the flag, and clearing it and the fence after
//! that, are sequentially consistent. In addition, each cache that was ever woken stays known until it is dropped, and
//! is flushed at the end of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// Whether a cache is on the roster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Awake(Arc<AtomicBool>);

impl Awake {
    /// Returns whether the thread maintains the cache: its results in memory may be used, and what the calling thread
    /// has counted will be written.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn set(&self, value: bool) {
        self.0.store(value, Ordering::SeqCst);
    }

    fn is(&self, other: &Awake) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The caches that the thread maintains. All access is under one lock.
pub(crate) struct Roster<M> {
    /// Each cache that was ever woken, whether it is on the roster or not.
    known: Vec<(Awake, M)>,
    /// Whether there is a thread.
    is_running: bool,
}

impl<M> Default for Roster<M> {
    fn default() -> Self {
        Roster { known: Vec::new(), is_running: false }
    }
}

impl<M: Clone> Roster<M> {
    /// Puts a cache on the roster. `start` starts the thread if none runs. Returns whether a thread will tick the
    /// cache.
    pub(crate) fn wake(&mut self, awake: &Awake, member: impl FnOnce() -> M, start: impl FnOnce() -> bool) -> bool {
        if awake.is_set() {
            return true;
        }
        if !self.known.iter().any(|(known, _)| known.is(awake)) {
            self.known.push((awake.clone(), member()));
        }
        self.is_running = self.is_running || start();
        awake.set(self.is_running);
        self.is_running
    }

    /// Takes a cache off the roster. The caller writes its counts afterwards.
    pub(crate) fn put_to_sleep(&mut self, awake: &Awake) {
        awake.set(false);
        fence(Ordering::SeqCst);
    }

    /// Returns the caches to tick.
    pub(crate) fn awake(&self) -> Vec<(Awake, M)> {
        self.known.iter().filter(|(awake, _)| awake.is_set()).cloned().collect()
    }

    /// Returns each cache that was ever woken.
    pub(crate) fn known(&self) -> Vec<M> {
        self.known.iter().map(|(_, member)| member.clone()).collect()
    }

    /// Returns whether the thread must end because no cache is on the roster, and records its end. Forgets the caches
    /// for which `exists` returns false.
    pub(crate) fn end_if_empty(&mut self, exists: impl Fn(&M) -> bool) -> bool {
        self.known.retain(|(_, member)| exists(member));
        if self.known.iter().any(|(awake, _)| awake.is_set()) {
            return false;
        }
        self.is_running = false;
        true
    }

    /// Takes all caches off the roster after the thread ended unexpectedly.
    pub(crate) fn end(&mut self) {
        self.known.iter().for_each(|(awake, _)| awake.set(false));
        self.is_running = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;
    use crate::engine::interleave::interleavings;

    /// Model of one cache, two calls and the thread, one step at a time.
    #[derive(Default)]
    struct Model {
        roster: Roster<u8>,
        awake: Awake,
        counted: AtomicU32,
        written: u32,
        /// The flag, as each call read it.
        saw: [bool; 2],
        threads: u32,
        /// Whether the thread took the cache from the roster, to tick it.
        visits: bool,
        /// Whether the thread ended.
        ended: bool,
    }

    impl Model {
        /// Runs a step of a call: count, read the flag, wake.
        fn call(&mut self, number: usize, step: usize) {
            match step {
                0 => _ = self.counted.fetch_add(1, Ordering::SeqCst),
                1 => self.saw[number] = self.awake.is_set(),
                _ if self.saw[number] => {}
                _ => {
                    let started = &mut self.threads;
                    self.roster.wake(
                        &self.awake,
                        || 1,
                        || {
                            *started += 1;
                            true
                        },
                    );
                }
            }
        }

        /// Runs a step of the thread, which finds the cache idle: read the roster, write, put to sleep, write, end.
        fn thread(&mut self, step: usize) {
            match step {
                0 => self.visits = !self.roster.awake().is_empty(),
                1 if self.visits => self.write(),
                2 if self.visits => self.roster.put_to_sleep(&self.awake),
                3 if self.visits => self.write(),
                4 => self.ended = self.roster.end_if_empty(|_| true),
                _ => {}
            }
        }

        fn write(&mut self) {
            self.written = self.counted.load(Ordering::Relaxed);
        }

        /// Returns whether all counts are written, or will be by a thread.
        fn is_safe(&self) -> bool {
            let is_visited = self.awake.is_set() && self.roster.awake().len() == 1;
            let has_thread = !self.ended || self.threads > 1;
            self.written == 2 || (is_visited && has_thread)
        }
    }

    /// In no order of steps does a count wait for a thread that does not exist.
    #[test]
    fn no_order_of_steps_loses_a_wake_up() {
        let orders = interleavings(&[3, 3, 5]);
        assert_eq!(orders.len(), 9240);
        for order in orders {
            let mut model = Model::default();
            // A thread exists and ticks the cache.
            model.roster.wake(&model.awake, || 1, || true);
            model.threads = 1;
            let mut next = [0; 3];
            for actor in &order {
                let step = next[*actor];
                next[*actor] += 1;
                match *actor {
                    2 => model.thread(step),
                    call => model.call(call, step),
                }
            }
            assert!(model.is_safe(), "{order:?}");
            assert_eq!(model.roster.known().len(), 1);
        }
    }

    #[test]
    fn a_thread_that_ends_unexpectedly_leaves_no_cache_awake() {
        let (mut roster, awake) = (Roster::default(), Awake::default());
        assert!(roster.wake(&awake, || 1, || true) && awake.is_set());
        roster.end();
        assert!(!awake.is_set() && roster.awake().is_empty() && roster.known() == [1]);
        let mut started = false;
        assert!(roster.wake(
            &awake,
            || 2,
            || {
                started = true;
                true
            }
        ));
        assert!(started && roster.known() == [1]);
    }

    #[test]
    fn without_a_thread_a_cache_stays_asleep() {
        let (mut roster, awake) = (Roster::default(), Awake::default());
        assert!(!roster.wake(&awake, || 1, || false) && !awake.is_set());
        assert!(roster.end_if_empty(|_| false) && roster.known().is_empty());
    }
}
