//! What is in memory: whether it may be used, and that it is.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::engine::invalidation::Marks;
use crate::engine::memory_tier::{Hot, Since, Warm};
use crate::engine::{Upkeep, locked};
use crate::key::digest::Key;
use crate::sys::file_id::FileId;

/// A folder, and which one had its name.
pub(super) type Watched = (Arc<Path>, Option<FileId>);

impl Upkeep {
    /// Opens the marks if they are not open, or are no longer those that others use.
    pub(super) fn look_for_marks(&self) {
        let Some(place) = &self.place else { return };
        let marks = Marks::shared(place.layout.marks(), place.read_only)
            .inspect_err(|error| {
                if !place.read_only {
                    tracing::debug!(%error, "results are not kept in memory, as it can't be seen who removes them");
                }
            })
            .ok();
        self.marks.set(marks);
    }

    /// The results in memory, if somebody looks after them. To be asked for each call.
    #[inline]
    pub(crate) fn hot(self: &Arc<Self>) -> Option<&Hot> {
        let hot = self.hot.as_ref()?;
        (self.awake.load(Ordering::Acquire) || self.wake()).then_some(hot)
    }

    /// What the cache is like before the file of this key is opened; `None` if its result is not to be kept in memory.
    pub(crate) fn since(&self, key: &Key) -> Option<Since> {
        let hot = self.hot.as_ref().filter(|hot| hot.is_second(key))?;
        Some(hot.since(self.marks.get().filter(|marks| marks.is_coherent())?, key))
    }

    /// Whether it may be a minute ago that the entry of this key was touched: asking its file takes a while as well.
    pub(crate) fn is_touch_due(&self, key: &Key) -> bool {
        self.touched.is_due(key)
    }

    /// Keeps a result in memory that was read from a file in `folder`.
    pub(crate) fn keep(&self, function: &Key, folder: &Arc<Path>, call: &[u8], warm: Warm) {
        let Some(hot) = &self.hot else { return };
        locked(&self.watched).entry(*function).or_insert_with(|| (folder.clone(), FileId::of(folder)));
        hot.put(function, call, warm);
    }

    /// Drops what is in memory if its folder, or the root, is gone or another one.
    pub(super) fn check_folders(&self) {
        let Some(hot) = &self.hot else { return };
        let marks_are_there = self.marks.get().is_some_and(|marks| marks.is_there());
        let mut watched = locked(&self.watched);
        let folders_are_there = watched.values().all(|(folder, identity)| FileId::of(folder) == *identity);
        if !(marks_are_there && folders_are_there) {
            watched.clear();
            drop(watched);
            hot.forget_all();
            if !marks_are_there {
                self.look_for_marks();
            }
        }
    }

    /// Notes the use of entries whose files were not touched for it.
    pub(super) fn touch_used(&self) {
        let (Some(place), Some(hot)) = (&self.place, &self.hot) else { return };
        if place.read_only {
            return;
        }
        let watched = locked(&self.watched).clone();
        for (function, key) in hot.used() {
            let Some((folder, _)) = watched.get(&function) else { continue };
            if let Ok(Some(file)) = place.store.get(folder, &key) {
                place.store.touch(&file);
            }
        }
    }
}

/// Which entries were touched in this minute, as far as that is remembered.
pub(super) struct Touched(Box<[AtomicU64]>);

impl Default for Touched {
    fn default() -> Self {
        Touched((0..1 << 10).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Touched {
    fn is_due(&self, key: &Key) -> bool {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&key.as_bytes()[16..24]);
        let number = u64::from_le_bytes(bytes);
        let minute = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs() / 60;
        let place = &self.0[usize::from(u16::from_le_bytes([bytes[0], bytes[1]])) % self.0.len()];
        let mark = number ^ minute;
        place.swap(mark, Ordering::Relaxed) != mark
    }
}
