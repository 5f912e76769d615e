//! `Shelved`: a reference to a stored result.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cache::handle::Cache;
use crate::call::result_shape::ResultShape;
use crate::error::{Error, ErrorKind, Result};
use crate::files::mapped::Mapped;
use crate::format::document;
use crate::key::canonical::keyed_by_digest::ByDigest;
use crate::key::digest::Key;
use crate::store::interface::Store as _;
use crate::store::layout::Layout;
use crate::store::mac::MacKey;
use crate::store::read::EntryReader;
use crate::store::references;
use crate::store::stored_entry::StoredEntry;
use crate::store::tiered::Tiered;

/// A reference to a stored result, which is not loaded. [`Call::shelve`](crate::Call::shelve) returns it.
///
/// A reference is small, and can be sent to other processes, because it implements serde's traits. As an argument of
/// another memoized function, its key stands for the value. So functions can be chained without loading or hashing the
/// values between them.
///
/// If the result can't be stored, because the cache is off or failed, the reference holds the encoded result itself.
///
/// A memoized function may return references, alone or within a value. They are resolved in the cache that the value
/// is loaded from, even if its folder was moved or its entries were imported elsewhere. If a result that the value
/// refers to was evicted or removed, the value counts as a miss and the function runs again.
///
/// ```
/// # use larder::{Cache, Shelved, memoize};
/// # use std::sync::LazyLock;
/// # static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
/// # static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());
/// #[memoize(cache = &CACHE)]
/// fn simulate(steps: u32) -> Vec<f64> {
///     (0..steps).map(|n| f64::from(n).sin()).collect()
/// }
///
/// #[memoize(cache = &CACHE)]
/// fn mean(data: &Shelved<Vec<f64>>) -> larder::Result<f64> {
///     let data = data.map()?; // where it lies in its file
///     Ok(data.iter().sum::<f64>() / data.len() as f64)
/// }
///
/// let simulation = simulate::call(1000).shelve()?;
/// assert!(mean(&simulation)?.abs() < 0.01);
/// // Nothing of the thousand numbers is read for this:
/// assert!(mean::call(&simulate::call(1000).shelve()?).is_cached());
/// # Ok::<(), larder::Error>(())
/// ```
pub struct Shelved<T> {
    key: Key,
    place: Place,
    load: fn(&Place, &Key) -> Result<T>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Place {
    /// The result is in a cache.
    #[serde(rename = "file")]
    Stored {
        /// The entry's file.
        path: PathBuf,
        /// Whether the cache was opened read-only.
        read_only: bool,
        /// Whether the cache authenticates entries with a secret.
        #[serde(default)]
        sealed: bool,
        /// The cache's MAC key. It is never serialised.
        #[serde(skip)]
        secret: Option<MacKey>,
    },
    /// The result is not stored: this is its document.
    #[serde(rename = "document")]
    Here(Arc<[u8]>),
}

impl<T> Shelved<T> {
    /// Creates a reference to the result of the call with this key.
    pub(crate) fn new<S: ResultShape<T>>(key: Key, place: Place) -> Self {
        Shelved { key, place, load: |place, key| load::<S::Stored>(place, key).map(S::restored) }
    }

    /// Returns the key of the call.
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
    }

    /// Returns the path of the entry's file; `None` if the result is not in a cache.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Stored { path, .. } => Some(path),
            Place::Here(_) => None,
        }
    }

    /// Loads the result.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the result was evicted or removed; call the function again.
    /// [`Damaged`](ErrorKind::Damaged) and the other errors of [`load`](crate::load) if its file is corrupt.
    pub fn get(&self) -> Result<T> {
        (self.load)(&self.place, &self.key)
    }

    /// Maps the result from the entry's file without copying it; see [`map`](crate::map()). `T` is the stored type:
    /// for a function that returns a `Result`, use [`ok`](Shelved::ok) first.
    ///
    /// # Errors
    /// The errors of [`map`](crate::map()). [`NotMappable`](ErrorKind::NotMappable) also if the result is not in a
    /// cache or the cache has a secret, and [`NotFound`](ErrorKind::NotFound) as for [`get`](Shelved::get).
    pub fn map(&self) -> Result<Mapped<T>>
    where
        T: DeserializeOwned,
    {
        let Place::Stored { path, sealed, read_only, .. } = &self.place else {
            return Err(Error::new(ErrorKind::NotMappable, "the result is in no cache, so in no file; use `get`"));
        };
        if *sealed {
            let what = "the cache has a secret, and what is mapped could be changed while it is used; use `get`";
            return Err(Error::new(ErrorKind::NotMappable, what).at(path));
        }
        let map = || {
            let entry = peek::<T>(path, &self.key, None)?;
            if !read_only {
                Tiered::default().touch(entry.stored());
            }
            let range = entry.stored().range(entry.header.payload_at, entry.header.size());
            if !entry.is_complete()? {
                return Err(Error::truncated());
            }
            Mapped::new(range, path)
        };
        map().map_err(|error| error.at(path))
    }

    /// Removes the stored result. Returns whether there was one. Afterwards the reference refers to nothing.
    ///
    /// # Errors
    /// [`ReadOnly`](ErrorKind::ReadOnly) in a read-only cache. [`InvalidInput`](ErrorKind::InvalidInput) if the
    /// reference was forged and does not refer to the entry of its key. Errors of the file system.
    pub fn forget(&self) -> Result<bool> {
        match &self.place {
            Place::Here(_) => Ok(false),
            Place::Stored { path, read_only: true, .. } => {
                Err(Error::new(ErrorKind::ReadOnly, "the cache was opened read-only").at(path))
            }
            Place::Stored { path, read_only: false, .. } => {
                // A reference may come from an untrusted source, so it can remove only the entry of its key.
                if path.file_name().and_then(Layout::key_of_entry) != Some(self.key) {
                    let what = "the reference does not lead to the entry of its key, so nothing is removed";
                    return Err(Error::new(ErrorKind::InvalidInput, what).at(path));
                }
                forget(path, &self.key)
            }
        }
    }
}

impl<T: DeserializeOwned, E> Shelved<Result<T, E>> {
    /// Returns a reference to the value in the `Ok`. An `Err` is never stored.
    #[must_use]
    pub fn ok(self) -> Shelved<T> {
        Shelved { key: self.key, place: self.place, load }
    }
}

fn load<T: DeserializeOwned>(place: &Place, key: &Key) -> Result<T> {
    match place {
        Place::Here(document) => document::from_slice(document),
        Place::Stored { path, sealed: true, secret: None, .. } => {
            let what = "the result is in a cache with a secret, which does not travel with the reference; \
                        call the function here";
            Err(Error::new(ErrorKind::PermissionDenied, what).at(path))
        }
        Place::Stored { path, secret, read_only, .. } => {
            let load = || {
                let mut entry = peek::<T>(path, key, secret.as_ref())?;
                if !read_only {
                    Tiered::default().touch(entry.stored());
                }
                let Some(root) = path.parent().and_then(Layout::root_of) else { return entry.load() };
                // References within the value are resolved in the cache that holds the value.
                let functions = Layout::at(root)?.functions();
                let home = references::Location { functions, read_only: *read_only, secret: *secret };
                let (value, read) = references::reading(home, || entry.load());
                match read.gone {
                    Some(part) => Err(gone(part)),
                    None => value,
                }
            };
            load().map_err(|error| error.at(path))
        }
    }
}

/// Returns the error for a referenced result that is gone.
fn gone(part: PathBuf) -> Error {
    let what = "a result that the shelved one refers to is gone: it was evicted or removed; call the function again";
    Error::new(ErrorKind::NotFound, what).at(part)
}

/// Removes the entry in this file as its cache would.
fn forget(path: &Path, key: &Key) -> Result<bool> {
    let folder = path.parent().unwrap_or(path);
    let Some(root) = Layout::root_of(folder) else {
        let what = "the reference does not lead into a cache, so nothing is removed";
        return Err(Error::new(ErrorKind::InvalidInput, what).at(path));
    };
    let cache = Cache::builder(root).ignore_run_mode(true).hot_bytes(0).open()?;
    cache.forget_entry(&Layout::function_of(folder), key)
}

/// Opens the entry and checks that it belongs to this call and type.
fn peek<T>(path: &Path, key: &Key, secret: Option<&MacKey>) -> Result<EntryReader> {
    let stored = StoredEntry::open(path.to_owned(), key)?.ok_or_else(|| {
        let what = "the shelved result is gone: it was evicted or removed; call the function again";
        Error::new(ErrorKind::NotFound, what)
    })?;
    let entry = EntryReader::read(stored, key)?.expect_seal(secret)?;
    entry.expect_type::<T>()?;
    Ok(entry)
}

// A derived `Clone` would require `T: Clone`.
impl<T> Clone for Shelved<T> {
    fn clone(&self) -> Self {
        Shelved { key: self.key, place: self.place.clone(), load: self.load }
    }
}

impl<T> PartialEq for Shelved<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Shelved<T> {}

impl<T> fmt::Debug for Shelved<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelved").field("key", &self.key).field("path", &self.path()).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Form<K, P> {
    key: K,
    place: P,
}

impl<T> Serialize for Shelved<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if ByDigest::is_wanted::<S>() {
            return ByDigest::Shelved.serialize(&self.key, serializer);
        }
        if let Place::Stored { path, .. } = &self.place {
            references::written(path);
        }
        Form { key: &self.key, place: &self.place }.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Shelved<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Form { key, mut place } = Form::deserialize(deserializer)?;
        // The path may be that of another machine or folder, so it is resolved in the cache that is being read.
        if let Place::Stored { path, read_only, sealed, secret } = &mut place
            && let Some((found, home)) = references::read(path)
        {
            (*path, *read_only, *sealed, *secret) = (found, home.read_only, home.secret.is_some(), home.secret);
        }
        Ok(Shelved { key, place, load })
    }
}
