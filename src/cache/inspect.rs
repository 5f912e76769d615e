//! Inspection of a cache: stored entries, functions, statistics and processes.

use std::sync::Arc;

use crate::cache::handle::Cache;
use crate::cache::summary::Summary;
use crate::error::Result;
use crate::key::digest::Key;
use crate::observe::stats::Stats;
use crate::single_flight::running_calls::Process;
use crate::store::entries;
use crate::store::entries::Entries;
use crate::store::entry::Entry;
use crate::store::function_info::FunctionInfo;
use crate::store::hourly_stats::Activity;
use crate::store::verify_report::VerifyReport;

impl Cache {
    /// Returns the processes that have been computing calls of this cache for more than a second, on this machine and
    /// on others, and the processes that wait for them.
    ///
    /// # Errors
    /// Errors of the file system. A missing folder is not an error.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// for process in cache.processes()? {
    ///     for call in &process.computing {
    ///         println!("{} is computed by {} on {}", call.function, process.pid, process.host);
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn processes(&self) -> Result<Vec<Process>> {
        self.layout().map_or_else(|| Ok(Vec::new()), |layout| Process::all(layout.root()))
    }

    /// Returns an iterator over all stored results, one function after another.
    ///
    /// # Errors
    /// If a folder can't be listed.
    pub fn entries(&self) -> Result<Entries> {
        match self.place() {
            Some(place) => Entries::under(Arc::clone(&place.store), &place.layout.functions(), true),
            None => Ok(Entries::none()),
        }
    }

    /// Returns the functions that have stored results, sorted by name. Reads the counters, and no entries or folders,
    /// unless the counter file is missing.
    ///
    /// # Errors
    /// If the counter file is missing or unreadable, and the entries can't be counted either.
    pub fn functions(&self) -> Result<Vec<FunctionInfo>> {
        let Some(place) = self.place() else { return Ok(Vec::new()) };
        let root = place.layout.functions();
        let counted = match self.engine().accounting.totals_by_folder() {
            Some(counted) => counted,
            // The counter file is missing: no process has made it yet, or a user deleted it.
            None => self.engine().recount(place)?,
        };
        Ok(FunctionInfo::of(&root, counted))
    }

    /// Returns the statistics of this cache over all processes, past and present. If the counter file can't be read,
    /// they cover this process only.
    ///
    /// # Errors
    /// None at present.
    pub fn stats(&self) -> Result<Stats> {
        Ok(self.engine().accounting.totals().stats())
    }

    /// Returns a summary of what this cache did for this process. With the variable `LARDER_REPORT=1`, it is printed to
    /// stderr when the process ends, one line for each cache that was used.
    ///
    /// # Errors
    /// None at present. If the counter file can't be read, the number and size of the entries cover this process only.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// for _ in 0..3 {
    ///     cache.get_or_compute("answer", &(), || 42);
    /// }
    /// assert!(cache.summary()?.to_string().starts_with("larder: 2 hits, 1 computed, saved "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn summary(&self) -> Result<Summary> {
        Ok(Summary::of(self.engine()))
    }

    /// Returns the activity of each hour of the last year in which anything was counted, oldest first. It is updated
    /// about once a second.
    ///
    /// # Errors
    /// If the hourly log can't be read.
    pub fn activity(&self) -> Result<Vec<Activity>> {
        self.engine().accounting.activity()
    }

    /// Returns the `most` results that were used last, the latest first. Reads only the file times of the others.
    ///
    /// # Errors
    /// If a folder can't be listed.
    pub fn recently_used(&self, most: usize) -> Result<Vec<Entry>> {
        match self.place() {
            Some(place) => entries::recently_used(&*place.store, &place.layout.functions(), true, most),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the entries whose keys begin with these hexadecimal digits. Reads only the headers of these entries.
    ///
    /// # Errors
    /// If a folder can't be listed.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("answer", &(), || 42);
    /// let key = cache.entries()?.next().unwrap().key;
    ///
    /// assert_eq!(cache.find(&key.to_string()[..8])?[0].function, "answer");
    /// assert!(cache.find("no digits")?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(&self, digits: &str) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        if let Some(place) = self.place() {
            let digits = digits.to_ascii_lowercase();
            // A complete key is the name of a file in a function's folder, most likely a folder that the counters know.
            if let Ok(key) = digits.parse::<Key>() {
                found.extend(self.functions()?.iter().filter_map(|function| {
                    place.store.stat(&function.path, &key)?;
                    Entry::look(&*place.store, &function.path, key)
                }));
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            place.store.list(&place.layout.functions(), true).each(&mut |folder, listed| {
                let named = listed.iter().filter(|entry| entry.key.to_string().starts_with(&digits));
                found.extend(named.filter_map(|entry| Entry::look(&*place.store, folder, entry.key)));
            })?;
        }
        Ok(found)
    }

    /// Reads every entry, and verifies its checksums, and its MAC if the cache has a secret. Removes nothing.
    ///
    /// # Errors
    /// If the folder can't be listed.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("answer", &(), || 42);
    /// std::fs::write(&cache.entries()?.next().unwrap().path, "nonsense")?;
    ///
    /// let verified = cache.verify()?;
    /// assert_eq!((verified.entries, verified.faulty.len()), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self) -> Result<VerifyReport> {
        let mut verified = VerifyReport::default();
        if let Some(place) = self.place() {
            let total = self.stats()?.entries;
            for (done, entry) in (1..).zip(self.entries()?) {
                verified.add(&*place.store, self.secret(), entry);
                place.progress.tell(done, total);
            }
        }
        Ok(verified)
    }
}
