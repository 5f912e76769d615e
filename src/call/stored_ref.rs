//! A stored result by reference: `Shelved`.

use std::fmt;
use std::io;
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
use crate::store::layout::Layout;
use crate::store::mac::MacKey;
use crate::store::read::EntryReader;
use crate::store::references;
use crate::sys::file::{FileRange, open_entry};

/// A result that is stored, and not loaded: what [`Call::shelve`](crate::Call::shelve) gives.
///
/// It is small, may be sent to other processes (it implements serde's traits), and as an argument of
/// another memoized function it counts by its key: so functions can be chained without loading, or
/// hashing, what lies between them.
///
/// If the result can't be stored, because the cache is off or failed, its encoding is kept here, and
/// travels along.
///
/// A memoized function may return references, alone or within a value. They are found in the cache that the value is loaded
/// from, also if its folder was moved or its entries were imported elsewhere. If what one of them refers to was evicted or
/// removed, the value counts as gone as well: the function runs again.
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
    /// In a cache.
    #[serde(rename = "file")]
    Stored {
        /// The entry's file.
        path: PathBuf,
        /// Whether the cache was opened read-only.
        read_only: bool,
        /// Whether the cache has a secret.
        #[serde(default)]
        sealed: bool,
        /// That does not travel.
        #[serde(skip)]
        secret: Option<MacKey>,
    },
    /// Here: the document.
    #[serde(rename = "document")]
    Here(Arc<[u8]>),
}

impl<T> Shelved<T> {
    /// The result of the call with this key.
    pub(crate) fn new<S: ResultShape<T>>(key: Key, place: Place) -> Self {
        Shelved { key, place, load: |place, key| load::<S::Stored>(place, key).map(S::restored) }
    }

    /// The key of the call.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The entry's file; `None` if the result is not in a cache.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Stored { path, .. } => Some(path),
            Place::Here(_) => None,
        }
    }

    /// Loads the result.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if it was evicted or removed meanwhile: call the function again.
    /// [`Damaged`](ErrorKind::Damaged) and the others of [`load`](crate::load) if its file was harmed.
    pub fn get(&self) -> Result<T> {
        (self.load)(&self.place, &self.key)
    }

    /// Uses the result where it lies in the entry's file; see [`map`](crate::map()). `T` is what is stored:
    /// for a function that returns a `Result`, use [`ok`](Shelved::ok) first.
    ///
    /// # Errors
    /// Those of [`map`](crate::map()); [`NotMappable`](ErrorKind::NotMappable) also if the result is not in a
    /// cache, and [`NotFound`](ErrorKind::NotFound) as in [`get`](Shelved::get).
    pub fn map(&self) -> Result<Mapped<T>>
    where
        T: DeserializeOwned,
    {
        let Place::Stored { path, sealed, .. } = &self.place else {
            return Err(Error::new(ErrorKind::NotMappable, "the result is in no cache, so in no file; use `get`"));
        };
        if *sealed {
            let what = "the cache has a secret, and what is mapped could be changed while it is used; use `get`";
            return Err(Error::new(ErrorKind::NotMappable, what).at(path));
        }
        let map = || {
            let entry = peek::<T>(path, &self.key, None)?;
            let range = FileRange::new(entry.file(), entry.header.payload_at, entry.header.size());
            if !entry.is_complete()? {
                return Err(Error::truncated());
            }
            Mapped::new(range, path)
        };
        map().map_err(|error| error.at(path))
    }

    /// Removes the stored result: whether there was one. The reference then leads nowhere.
    ///
    /// # Errors
    /// [`ReadOnly`](ErrorKind::ReadOnly); [`InvalidInput`](ErrorKind::InvalidInput) if the reference was forged, and leads to
    /// another file than an entry with its key; and what the file system reports.
    pub fn forget(&self) -> Result<bool> {
        match &self.place {
            Place::Here(_) => Ok(false),
            Place::Stored { path, read_only: true, .. } => {
                Err(Error::new(ErrorKind::ReadOnly, "the cache was opened read-only").at(path))
            }
            Place::Stored { path, read_only: false, .. } => {
                // A reference may come from anywhere: it removes this entry, and no other file.
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
    /// The same result without its `Ok`, which is what is stored: an `Err` never is.
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
                let Some(root) = path.parent().and_then(Layout::root_of) else { return entry.load() };
                // What it refers to in turn is looked for in the cache that it is in.
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

/// The error for a part that is gone.
fn gone(part: PathBuf) -> Error {
    let what = "a result that the shelved one refers to is gone: it was evicted or removed; call the function again";
    Error::new(ErrorKind::NotFound, what).at(part)
}

/// Removes the entry in this file, as the cache that it is in would.
fn forget(path: &Path, key: &Key) -> Result<bool> {
    let folder = path.parent().unwrap_or(path);
    let Some(root) = Layout::root_of(folder) else {
        let what = "the reference does not lead into a cache, so nothing is removed";
        return Err(Error::new(ErrorKind::InvalidInput, what).at(path));
    };
    if !path.exists() {
        return Ok(false);
    }
    let cache = Cache::builder(root).unsteered().hot_bytes(0).open()?;
    cache.forget_entry(&Layout::function_of(folder), key)
}

/// Opens the entry, and checks that it is of this call and type.
fn peek<T>(path: &Path, key: &Key, secret: Option<&MacKey>) -> Result<EntryReader> {
    let file = open_entry(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::new(
            ErrorKind::NotFound,
            "the shelved result is gone: it was evicted or removed; call the function again",
        ),
        _ => Error::io(error, "can't open"),
    })?;
    let entry = EntryReader::read(file, key)?.expect_seal(secret)?;
    entry.expect_type::<T>()?;
    Ok(entry)
}

// What is derived would ask the same of `T`.
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
        // It may have been written elsewhere.
        if let Place::Stored { path, read_only, sealed, secret } = &mut place
            && let Some((found, home)) = references::read(path)
        {
            (*path, *read_only, *sealed, *secret) = (found, home.read_only, home.secret.is_some(), home.secret);
        }
        Ok(Shelved { key, place, load })
    }
}
