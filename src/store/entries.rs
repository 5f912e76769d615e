//! Lists stored entries and functions.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::key::call_key::Argument;
use crate::key::digest::Key;
use crate::observe::stats::{CounterTotals, Stats};
use crate::store::counters::name_of_folder;
use crate::store::directory::Directory;
use crate::store::entry_format::Header;
use crate::store::function_file::FunctionFile;
use crate::store::interface::{Listing, Store};
use crate::store::layout::Layout;
use crate::store::listed_entry::ListedEntry;
use crate::store::read::EntryReader;
use crate::store::stored_entry::{EntryStat, StoredEntry};
use crate::sys::file::read_now;
use crate::sys::workers::{threads, try_map};
use crate::text::json::{seconds, seconds_since_1970};

/// One stored result, as its header describes it. The value itself is not read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// The key of the call.
    pub key: Key,
    /// The function, as [`Memo::name`](crate::Memo::name) gives it.
    pub function: String,
    /// The package that the function is from.
    pub package: String,
    /// The version that the attribute gave the function, or 0.
    pub version: u64,
    /// The fingerprint of the function's code when the result was computed, in hexadecimal digits.
    pub code: String,
    /// The arguments of the call.
    pub arguments: Vec<Argument>,
    /// When the result was computed. As JSON: seconds since 1970.
    #[serde(serialize_with = "seconds_since_1970")]
    pub created: SystemTime,
    /// When the result was last used (to within a minute) or written. As JSON: seconds since 1970.
    #[serde(serialize_with = "seconds_since_1970")]
    pub used: SystemTime,
    /// How long the function ran. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// Size of the file, in bytes.
    pub size: u64,
    /// Size of the encoded value before compression, in bytes.
    pub document_size: u64,
    /// Offset of the value in the file. From there on, the file holds what `dump` would write.
    pub payload_at: u64,
    /// The compressor, as [`Compression`](crate::Compression) displays it.
    pub compressor: String,
    /// The name of the value's type.
    pub type_name: String,
    /// The path of the file.
    pub path: PathBuf,
    /// Why the header can't be read; the fields that come from the header are empty then. `None` if it can be read.
    pub fault: Option<String>,
}

impl Entry {
    /// Returns the folder of the entry's function. This is the folder of the file, unless the function's folder is full
    /// and the entry is in a folder beside it.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.path.parent().map(|folder| Layout::function_of(folder).into_owned()).unwrap_or_default()
    }

    /// Reads the header of the entry with this key of a function; `None` if there is none.
    ///
    /// # Errors
    /// If the entry can't be read.
    pub(crate) fn read(store: &dyn Store, function: &Path, key: Key) -> Result<Option<Entry>> {
        store.get(function, &key)?.map(|stored| Entry::of(stored, key)).transpose()
    }

    /// Like [`read`](Entry::read), but an entry that can't be read has a `fault`.
    pub(crate) fn look(store: &dyn Store, function: &Path, key: Key) -> Option<Entry> {
        let path = || Layout::locate(function, &key);
        Entry::read(store, function, key).unwrap_or_else(|fault| Some(Entry::faulty(path(), key, &fault)))
    }

    /// Reads the header of an open entry.
    fn of(stored: StoredEntry, key: Key) -> Result<Entry> {
        let stat = stored.stat().ok();
        let peeked = EntryReader::read(stored, &key)?;
        let at_path = |error: Error| error.at(peeked.stored().path());
        if !peeked.is_complete().map_err(at_path)? {
            return Err(at_path(Error::truncated()));
        }
        let header = peeked.whole_header().map_err(at_path)?;
        Ok(Entry::new(peeked.stored().path().to_owned(), header, stat))
    }

    /// Makes an entry from its header and what the store knows of it.
    pub(crate) fn new(path: PathBuf, header: Header, stat: Option<EntryStat>) -> Entry {
        let (created, took) = (header.details.created(), header.details.took());
        let details = header.details;
        Entry {
            key: details.key,
            function: details.function,
            package: details.package,
            version: details.version,
            code: details.code,
            arguments: details.arguments,
            created,
            used: stat.map_or(created, |stat| stat.used),
            took,
            size: stat.map_or(0, |stat| stat.size),
            document_size: header.payload.document_len,
            payload_at: header.payload_at,
            compressor: details.compressor,
            type_name: details.type_name,
            path,
            fault: None,
        }
    }

    /// Makes an entry whose header can't be read.
    fn faulty(path: PathBuf, key: Key, fault: &Error) -> Entry {
        let metadata = fs::symlink_metadata(&path).ok();
        Entry {
            key,
            function: String::new(),
            package: String::new(),
            version: 0,
            code: String::new(),
            arguments: Vec::new(),
            created: UNIX_EPOCH,
            used: metadata.as_ref().and_then(|metadata| metadata.modified().ok()).unwrap_or(UNIX_EPOCH),
            took: Duration::ZERO,
            size: metadata.map_or(0, |metadata| metadata.len()),
            document_size: 0,
            payload_at: 0,
            compressor: String::new(),
            type_name: String::new(),
            path,
            fault: Some(fault.to_string()),
        }
    }
}

/// Iterator over the entries in a folder, one function after another, in no particular order. Reads each header when
/// the iterator reaches it, so memory use does not depend on the number of entries.
///
/// Entries that are stored or removed during the iteration may or may not be returned. An entry that can't be read has
/// a [`fault`](Entry::fault), and a folder that can't be listed is logged; [`results`](Entries::results) returns both as
/// errors.
#[derive(Debug)]
pub struct Entries {
    listing: Option<Started>,
    /// The function of the listed entries.
    function: Arc<Path>,
    /// What the listing has found and the iterator has not reached.
    listed: std::vec::IntoIter<ListedEntry>,
    given: usize,
}

/// A listing, and what it takes to begin it again.
#[derive(Debug)]
struct Started {
    store: Arc<dyn Store>,
    folder: PathBuf,
    /// Whether the folders within the folder are listed.
    deep: bool,
    listing: Box<dyn Listing>,
}

/// Number of names that are read from a folder at once.
const NAMES_AT_ONCE: usize = 256;

impl Entries {
    pub(crate) fn none() -> Self {
        Entries { listing: None, function: Path::new("").into(), listed: Vec::new().into_iter(), given: 0 }
    }

    /// Iterates over the entries in `folder`, and in the folders within it if `deep`.
    pub(crate) fn under(store: Arc<dyn Store>, folder: &Path, deep: bool) -> Result<Self> {
        let listing = store.list(folder, deep);
        let listing = Some(Started { store, folder: folder.to_owned(), deep, listing });
        let mut entries = Entries { listing, ..Entries::none() };
        entries.list_more()?;
        Ok(entries)
    }

    /// Returns the number of entries that are left. Lists the folders again.
    #[must_use]
    pub fn len(&self) -> usize {
        let Some(started) = &self.listing else { return 0 };
        let mut all: usize = 0;
        // A folder that can't be listed returns no entries.
        let _ = started.store.list(&started.folder, started.deep).each(&mut |_, entries| all += entries.len());
        all.saturating_sub(self.given)
    }

    /// Returns whether no entries are left. Lists the folders again.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns an iterator that gives an error for each entry that can't be read, and for each folder that can't be
    /// listed. All its entries have a header, so none has a [`fault`](Entry::fault).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("square", &3, || 9);
    /// for entry in cache.entries()?.results() {
    ///     match entry {
    ///         Ok(entry) => println!("{} has {} bytes", entry.function, entry.size),
    ///         Err(error) => println!("{error}"),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn results(mut self) -> impl Iterator<Item = Result<Entry>> {
        std::iter::from_fn(move || Some(self.advance()?.map_err(|(_, error)| error)))
    }

    /// Goes on to the next entry. An error has the key of an entry that can't be read, or none if it is of a folder that
    /// can't be listed.
    fn advance(&mut self) -> Option<Result<Entry, (Option<Key>, Error)>> {
        loop {
            let store = &*self.listing.as_ref()?.store;
            if let Some(ListedEntry { key, .. }) = self.listed.next() {
                self.given += 1;
                match Entry::read(store, &self.function, key) {
                    Ok(Some(entry)) => return Some(Ok(entry)),
                    // It was removed since it was listed.
                    Ok(None) => continue,
                    Err(error) => return Some(Err((Some(key), error))),
                }
            }
            match self.list_more() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err((None, error))),
            }
        }
    }

    /// Lists more entries, which may be none. Returns whether the listing continues.
    fn list_more(&mut self) -> Result<bool> {
        let Some(started) = &mut self.listing else { return Ok(false) };
        let Some((function, listed)) = started.listing.next(NAMES_AT_ONCE)? else { return Ok(false) };
        (self.function, self.listed) = (function, listed.into_iter());
        Ok(true)
    }
}

impl Iterator for Entries {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            match self.advance()? {
                Ok(entry) => return Some(entry),
                Err((Some(key), error)) => {
                    return Some(Entry::faulty(Layout::locate(&self.function, &key), key, &error));
                }
                Err((None, error)) => tracing::warn!(%error, "a folder can't be listed"),
            }
        }
    }
}

/// A function that has, or had, entries.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FunctionInfo {
    /// The function, as [`Memo::name`](crate::Memo::name) gives it.
    pub name: String,
    /// The package that it is from.
    pub package: String,
    /// Its signature, without attributes and body; empty for a closure.
    pub signature: String,
    /// The version that the attribute gave it last, or 0.
    pub version: u64,
    /// The fingerprint of its code that was used last, in hexadecimal digits. Empty if only the function's folder is
    /// known.
    pub code: String,
    /// The number of stored results. Files that a user deleted are counted until the next [`trim`](crate::Cache::trim).
    pub entries: u64,
    /// Total size of their files, in bytes.
    pub bytes: u64,
    /// What was counted for this function.
    pub stats: Stats,
    /// The folder that holds its entries.
    pub path: PathBuf,
}

impl FunctionInfo {
    /// Returns the stored results of this function.
    ///
    /// # Errors
    /// If the folder can't be listed.
    pub fn entries(&self) -> Result<Entries> {
        Entries::under(Directory::without_cache(), &self.path, false)
    }

    /// Returns the `most` results that were used last, the latest first. Reads only the file times of the others.
    ///
    /// # Errors
    /// If the folder can't be listed.
    pub fn recently_used(&self, most: usize) -> Result<Vec<Entry>> {
        recently_used(&*Directory::without_cache(), &self.path, false, most)
    }

    /// Returns the functions with these counters, sorted by name.
    pub(crate) fn of(root: &Path, counted: BTreeMap<PathBuf, CounterTotals>) -> Vec<FunctionInfo> {
        let mut functions = BTreeMap::new();
        for (folder, sums) in counted {
            let file = read_now(&Layout::function_file(&folder), FunctionFile::LONGEST)
                .ok()
                .and_then(|json| serde_json::from_slice::<FunctionFile>(&json).ok());
            let stats = sums.stats();
            if !folder.is_dir() || (stats.entries == 0 && file.is_none()) {
                continue;
            }
            // If the function's file is missing, the folder gives the name.
            let file = file.unwrap_or_else(|| FunctionFile {
                package: String::new(),
                name: name_of_folder(root, &folder).replace('/', "::"),
                signature: String::new(),
                version: 0,
                code: String::new(),
            });
            let info = FunctionInfo {
                name: file.name,
                package: file.package,
                signature: file.signature,
                version: file.version,
                code: file.code,
                entries: stats.entries,
                bytes: stats.bytes,
                stats,
                path: folder,
            };
            functions.insert((info.name.clone(), info.path.clone()), info);
        }
        functions.into_values().collect()
    }
}

/// Returns the `most` entries in a folder that were used last, the latest first. Includes the folders within it if
/// `deep`.
pub(crate) fn recently_used(store: &dyn Store, folder: &Path, deep: bool, most: usize) -> Result<Vec<Entry>> {
    let mut functions: Vec<PathBuf> = Vec::new();
    let mut listed = Vec::new();
    store.list(folder, deep).each(&mut |function, entries| {
        if functions.last().is_none_or(|last| last != function) {
            functions.push(function.to_owned());
        }
        listed.extend(entries.iter().map(|entry| (functions.len() - 1, entry.key)));
    })?;
    // Reading the times takes longest, so it runs on several threads.
    let share = listed.len().div_ceil(threads()).max(SMALLEST_SHARE);
    let times = |(): &mut (), entries: &[(usize, Key)]| -> Result<Vec<_>> {
        // Skip entries that were removed since they were listed.
        let time = |(function, key): &(usize, Key)| {
            Some((Reverse(store.stat(&functions[*function], key)?.used), *function, *key))
        };
        Ok(entries.iter().filter_map(time).collect())
    };
    let mut all = try_map(threads(), listed.chunks(share), || (), times)?.concat();
    if most < all.len() {
        all.select_nth_unstable(most);
        all.truncate(most);
    }
    all.sort_unstable();
    Ok(all.into_iter().filter_map(|(_, function, key)| Entry::look(store, &functions[function], key)).collect())
}

/// Smallest number of entries that is worth a thread.
const SMALLEST_SHARE: usize = 4096;
