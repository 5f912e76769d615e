//! `Memo`: a memoized function.
//!
//! A `definition` makes it. `function_homes` finds its `function_state` in the cache of a call.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::cache::handle::Cache;
use crate::call::definition::Definition;
use crate::call::function_homes::FunctionHomes;
use crate::call::function_state::FunctionState;
use crate::call::memory_results::MemoryResults;
use crate::engine::eviction::policy::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::compression::Compression;
use crate::key::code_version::{Code, CodeFile, Track};
use crate::key::digest::Key;
use crate::key::function_key::Function;
use crate::observe::stats::Stats;
use crate::store::entries::Entries;
use crate::store::entry::Entry;
use crate::store::function_file::FunctionFile;
use crate::store::history::brief_code;
use crate::store::layout::Layout;
use crate::store::owned_files;
use crate::store::owned_files::Role;
use crate::sys::file::read_now;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::private_folder::create_private_folder;
use crate::sys::{atomic_file, fault_injection};

/// One memoized function: `fit::memo()` for a function `fit`.
pub struct Memo {
    function: Function,
    key: Key,
    code: Code,
    signature: &'static str,
    compression: Option<Compression>,
    limits: Option<Limits>,
    stale_on_error: Option<Duration>,
    /// The results of a function with the option `memory_only`.
    in_memory: PerProcess<MemoryResults>,
    homes: FunctionHomes,
}

impl Memo {
    /// Creates a function that uses `cache`.
    #[doc(hidden)]
    #[must_use]
    pub fn new(definition: Definition, cache: Cache) -> Self {
        let function = Function {
            package: definition.package.to_owned(),
            path: definition.path,
            position: definition.position,
            version: definition.version,
            code: definition.code.fingerprint(),
        };
        let limits = checked(definition.limits, &function.path);
        Memo {
            key: function.key(),
            homes: FunctionHomes::new(FunctionState::new(&function, cache)),
            function,
            code: definition.code,
            signature: definition.signature,
            compression: definition.compression,
            limits,
            stale_on_error: definition.stale_on_error,
            in_memory: PerProcess::new(),
        }
    }

    /// Returns the function's path with its crate and modules, or the name given in the attribute.
    pub fn name(&self) -> &str {
        &self.function.path
    }

    /// Returns the cache that holds the results. If the attribute's `cache` depends on the arguments, this is the
    /// cache of the last call in this process.
    pub fn cache(&self) -> Cache {
        self.homes.last().cache.get()
    }

    /// Returns the counters of this function in its [`cache`](Memo::cache), summed over all processes.
    ///
    /// # Errors
    /// Returns an error if the counter file can't be read.
    pub fn stats(&self) -> Result<Stats> {
        let home = self.homes.last();
        Ok(home.cache.get().engine().accounting.totals_of(home.folder.as_deref(), home.tally()).stats())
    }

    /// Returns the counters of this function in `cache`, summed over all processes.
    ///
    /// # Errors
    /// Returns an error if the counter file can't be read.
    pub fn stats_in(&self, cache: &Cache) -> Result<Stats> {
        let home = FunctionState::new(&self.function, cache.clone());
        Ok(cache.engine().accounting.totals_of(home.folder.as_deref(), home.tally()).stats())
    }

    /// Lists the stored results of this function in its [`cache`](Memo::cache).
    ///
    /// # Errors
    /// Returns an error if the folder can't be listed.
    pub fn entries(&self) -> Result<Entries> {
        self.entries_in(&self.cache())
    }

    /// Lists the stored results of this function in `cache`.
    ///
    /// # Errors
    /// Returns an error if the folder can't be listed.
    pub fn entries_in(&self, cache: &Cache) -> Result<Entries> {
        match cache.place() {
            Some(place) => Entries::under(Arc::clone(&place.store), &place.layout.function(&self.function), false),
            None => Ok(Entries::none()),
        }
    }

    /// Removes the stored results of this function from its cache, including those of other versions of its code.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if this process used the function with caches in several folders,
    /// because it would be chance which of them is cleared; use [`clear_in`](Memo::clear_in) instead.
    /// [`ReadOnly`](ErrorKind::ReadOnly) in a read-only cache, and errors of the file system.
    pub fn clear(&self) -> Result<()> {
        self.expect_one_folder("clear_in")?;
        self.clear_in(&self.cache())
    }

    /// Removes the stored results of this function from `cache`, including those of other versions of its code.
    ///
    /// # Errors
    /// [`ReadOnly`](ErrorKind::ReadOnly) in a read-only cache, and errors of the file system.
    pub fn clear_in(&self, cache: &Cache) -> Result<()> {
        self.in_memory.get().clear();
        match cache.writable()? {
            Some(place) => cache.clear_folder(&place.layout.function(&self.function)).map(drop),
            None => Ok(()),
        }
    }

    /// Removes those stored results of this function, of all versions of its code, for which `is_meant` returns true.
    /// Returns how many existed. Unreadable entries are not among them: [`clear`](Memo::clear) removes them as well.
    ///
    /// ```
    /// # use larder::{Cache, memoize};
    /// # use std::sync::LazyLock;
    /// # static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    /// # static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());
    /// #[memoize(cache = &CACHE)]
    /// fn forecast(city: &str, day: u32) -> f64 {
    ///     f64::from(day) + city.len() as f64
    /// }
    ///
    /// for day in 0..3 {
    ///     forecast("Oslo", day);
    ///     forecast("Rome", day);
    /// }
    /// let city = larder::key_of("Oslo")?;
    /// let removed = forecast::memo().forget_where(|entry| entry.arguments[0].digest == city)?;
    /// assert_eq!(removed, 3);
    /// assert!(!forecast::call("Oslo", 0).is_cached() && forecast::call("Rome", 0).is_cached());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`clear`](Memo::clear), and an error if the entries can't be listed. Entries that can't be removed
    /// do not end the search; the first such error is returned.
    pub fn forget_where(&self, is_meant: impl FnMut(&Entry) -> bool) -> Result<u64> {
        self.expect_one_folder("forget_where_in")?;
        self.forget_where_in(&self.cache(), is_meant)
    }

    /// Removes stored results from `cache` as [`forget_where`](Memo::forget_where) does.
    ///
    /// # Errors
    /// The errors of [`forget_where`](Memo::forget_where).
    pub fn forget_where_in(&self, cache: &Cache, mut is_meant: impl FnMut(&Entry) -> bool) -> Result<u64> {
        let Some(place) = cache.writable()? else { return Ok(0) };
        let folder = place.layout.function(&self.function);
        let (mut removed, mut failed) = (0, None);
        for entry in self.entries_in(cache)?.filter(|entry| entry.fault.is_none()) {
            if is_meant(&entry) {
                match cache.forget_entry(&folder, &entry.key) {
                    Ok(existed) => removed += u64::from(existed),
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
        failed.map_or(Ok(removed), Err)
    }

    fn expect_one_folder(&self, instead: &str) -> Result<()> {
        if self.homes.are_several() {
            let what =
                format!("this function was used with caches in several folders; use `{instead}` to say which is meant");
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        Ok(())
    }

    /// Returns what code tracking found out about the function.
    #[doc(hidden)]
    pub fn tracked(&self) -> Code {
        self.code
    }

    pub(crate) fn function(&self) -> &Function {
        &self.function
    }

    /// Returns the function's key. The keys of its calls are derived from it.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Returns the compressor of this function's entries in `cache`.
    pub(crate) fn compression(&self, cache: &Cache) -> Compression {
        self.compression.unwrap_or_else(|| cache.compression())
    }

    /// Returns the function's own limits, if it has any.
    pub(crate) fn limits(&self) -> Option<&Limits> {
        self.limits.as_ref()
    }

    /// Returns the results that stay in memory, with the option `memory_only`.
    pub(crate) fn in_memory(&self) -> &MemoryResults {
        self.in_memory.get()
    }

    /// Returns how long an expired result is used if the function returns an `Err`.
    pub(crate) fn stale_on_error(&self) -> Option<Duration> {
        self.stale_on_error
    }

    /// Lists the parts of the function's code that the attribute could not track at compile time, one sentence each.
    /// If there are any, the identity of the running program is part of the key, so only the same build finds the
    /// results again.
    pub fn unseen(&self) -> &'static [&'static str] {
        self.code.unseen
    }

    /// Returns the items that the code consists of.
    pub(crate) fn code_parts(&self) -> CodeFile {
        self.code.parts()
    }

    /// Returns the fingerprint of the code in hexadecimal digits.
    pub(crate) fn code(&self) -> String {
        use std::fmt::Write as _;
        self.function.code.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Returns the function's state in `cache`, and remembers `cache` as the last one used.
    pub(crate) fn home(&self, cache: &Cache) -> Arc<FunctionState> {
        self.with_home(cache, Arc::clone)
    }

    /// Calls `work` with the function's state in `cache`, and remembers `cache` as the last one used.
    #[inline]
    pub(crate) fn with_home<T>(&self, cache: &Cache, work: impl FnOnce(&Arc<FunctionState>) -> T) -> T {
        self.homes.with(&self.function, cache, work)
    }

    /// Creates the function's folder and the file in it that describes the function.
    pub(crate) fn describe(&self, layout: &Layout, home: &FunctionState, folder: &Path) -> Result<()> {
        let path = Layout::function_file(folder);
        // The file is compared once. After that, a check that it still exists is enough.
        if home.described.load(Ordering::Relaxed) && path.exists() {
            return Ok(());
        }
        self.describe_anew(layout, folder, path)?;
        home.described.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn describe_anew(&self, layout: &Layout, folder: &Path, path: std::path::PathBuf) -> Result<()> {
        layout.expect_no_links(folder)?;
        let file = FunctionFile {
            package: self.function.package.clone(),
            name: self.function.path.clone(),
            signature: self.signature.to_owned(),
            version: self.function.version,
            code: self.code(),
        };
        let json = serde_json::to_vec_pretty(&file)
            .map_err(|e| Error::io(e.into(), "can't describe the function").at(&path))?;
        if read_now(&path, FunctionFile::LONGEST).is_ok_and(|there| there == json) {
            return self.describe_code(layout, folder);
        }
        create_private_folder(folder)?;
        fault_injection::point("folder made").map_err(|e| Error::io(e, "can't create the folder").at(folder))?;
        owned_files::expect_ours(&path, Role::Function)?;
        self.describe_code(layout, folder)?;
        atomic_file::write_note(&layout.temp_folder_for(folder), &path, &json)
    }

    /// Writes the code items of the function to a file beside the entries.
    fn describe_code(&self, layout: &Layout, folder: &Path) -> Result<()> {
        match self.code.track {
            Track::Reachable | Track::Body => self.code_parts().keep(layout, folder, &brief_code(&self.function.code)),
            Track::None | Track::Type(_) => Ok(()),
        }
    }
}

/// Returns the limits, if there are any. Limits that would keep nothing are logged and ignored.
fn checked(limits: Limits, function: &str) -> Option<Limits> {
    if let Err(error) = limits.validate() {
        tracing::warn!(function, %error, "the limits of a function can't be used: it has none");
        return None;
    }
    Some(limits).filter(|limits| *limits != Limits::default())
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("name", &self.name()).field("cache", &self.cache()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memoized_function_does_not_keep_the_folder() {
        if !Cache::temporary().unwrap().is_enabled() {
            return;
        }
        let (first, second) = (Cache::temporary().unwrap(), Cache::temporary().unwrap());
        let paths = [first.path().to_owned(), second.path().to_owned()];
        let memo = Memo::new(Definition::of_closure("answer", "u8"), first.clone());
        assert_eq!(memo.cache().path(), paths[0]);
        assert_eq!(memo.home(&second).folder.as_deref().map(|folder| folder.starts_with(&paths[1])), Some(true));
        drop((first, second));
        assert!(paths.iter().all(|path| !path.exists()));
        assert!(!memo.cache().is_enabled());
        assert_eq!(memo.entries().unwrap().count(), 0);
    }
}
