//! Work of the background thread for a cache: once a second while it is in use, when it becomes idle, and at the end of
//! the process.

use crate::engine::background::Task;
use crate::engine::cache_engine::Engine;
use crate::engine::verbose;
use crate::error::Result;

impl Engine {
    /// Writes the counts. Returns false if another process has locked the files.
    fn try_flush(&self) -> Result<bool> {
        #[cfg(feature = "metrics")]
        self.accounting.export_metrics();
        match self.folder.as_ref().filter(|folder| folder.is_writable()) {
            Some(folder) => self.accounting.flush(&|| folder.count()),
            None => Ok(true),
        }
    }

    /// Writes the counts, in several attempts.
    pub(crate) fn flush_with_retries(&self) {
        #[cfg(feature = "metrics")]
        self.accounting.export_metrics();
        if let Some(folder) = self.folder.as_ref().filter(|folder| folder.is_writable()) {
            self.accounting.flush_with_retries(&|| folder.count());
        }
    }

    /// Merges segments, a piece at a time.
    fn tidy(&self) {
        let Some(folder) = self.folder.as_ref().filter(|folder| folder.is_writable()) else { return };
        if let Err(error) = folder.store.tidy(&folder.layout.functions()) {
            tracing::debug!(%error, "segments can't be tidied");
        }
    }

    /// Touches the files of entries that were used in memory.
    fn touch_used(&self) {
        if let Some(folder) = self.folder.as_ref().filter(|folder| folder.is_writable()) {
            self.memory.touch_used(&*folder.store);
        }
    }
}

impl Task for Engine {
    fn tick(&self) -> bool {
        self.memory.check();
        let flights = self.folder.as_ref().and_then(|folder| folder.flights.as_ref());
        let is_computing = flights.is_some_and(|flights| flights.report());
        let is_printing = verbose::print_running();
        if let Err(error) = self.try_flush() {
            tracing::debug!(%error, "can't write what was counted");
        }
        let is_evicting = match self.folder.as_ref().filter(|folder| folder.is_writable() && self.evictor.has_limits())
        {
            // Entries that other processes stored count towards the limits.
            Some(folder) => {
                self.accounting.refresh();
                self.evict_in_background(folder)
            }
            None => false,
        };
        self.tidy();
        if self.idle_clock.is_touch_due() {
            self.touch_used();
        }
        self.idle_clock.tick(self.accounting.own_totals(), is_computing || is_printing || is_evicting)
    }

    fn rest(&self) {
        // A cache that is used briefly now and then never stays awake for a minute, so `tick` would never touch its
        // entries.
        self.touch_used();
        if let Err(error) = self.try_flush() {
            tracing::debug!(%error, "can't write what was counted");
        }
        if let Some(folder) = &self.folder {
            folder.close_files();
        }
    }

    fn stop(&self) {
        if let Some(flights) = self.folder.as_ref().and_then(|folder| folder.flights.as_ref()) {
            flights.stop_reporting();
        }
    }

    fn flush(&self) -> bool {
        !matches!(self.try_flush(), Ok(false))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.touch_used();
        self.flush_with_retries();
        if let Some(folder) = &self.folder {
            folder.close_files();
        }
    }
}
