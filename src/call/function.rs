//! A memoized function: what identifies it, and what is kept of it.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::cache::handle::Cache;
use crate::cache::weak_handle::WeakCache;
use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::Compression;
use crate::key::code_version::{Code, CodeFile, Items, Track};
use crate::key::digest::Key;
use crate::key::function_key::Function;
use crate::observe::stats::{Stats, Tally};
use crate::store::entries::Entries;
use crate::store::function_file::FunctionFile;
use crate::store::history::brief_code;
use crate::store::layout::Layout;
use crate::store::owned_files;
use crate::store::owned_files::Role;
use crate::sys::atomic_file::create_private_folder;
use crate::sys::file::read_now;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::{atomic_file, fault_injection};

/// What the attribute knows of a function.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `CARGO_PKG_NAME`.
    pub package: &'static str,
    /// The function's path, or the name that the user gave.
    pub path: String,
    /// Where the function is, if its path may be that of another as well.
    pub position: Option<(u32, u32)>,
    /// The option `version`.
    pub version: u64,
    /// The function's code.
    pub code: Code,
    /// The function's signature, for people.
    pub signature: &'static str,
    /// The option `compress`.
    pub compression: Option<Compression>,
}

impl Definition {
    /// What there is to know of a closure: its name, and the type of its result.
    pub(crate) fn of_closure(name: &str, stored: &'static str) -> Self {
        Definition {
            package: "",
            path: name.to_owned(),
            position: None,
            version: 0,
            code: Code {
                track: Track::Type(stored),
                unseen: &[],
                items: Items::new(""),
                predicates: &[],
                environment: &[],
            },
            signature: "",
            compression: None,
        }
    }
}

/// One memoized function: `fit::memo()` for a function `fit`.
pub struct Memo {
    function: Function,
    key: Key,
    code: Code,
    signature: &'static str,
    compression: Option<Compression>,
    /// In the cache of the first call, which is mostly the one of every call.
    home: Arc<FunctionState>,
    /// In the cache of the last call that had another one.
    other: PerProcess<Other>,
    /// Whether the last call had that one.
    is_elsewhere: AtomicBool,
}

type Other = RwLock<Option<Arc<FunctionState>>>;

/// Where the results of a function are.
pub(crate) struct FunctionState {
    cache: WeakCache,
    /// The folder in it; `None` if it is off.
    pub(crate) folder: Option<Arc<Path>>,
    /// What is counted there.
    tally: PerProcess<Arc<Tally>>,
    /// Whether this process has seen to it that the folder says whose it is.
    described: AtomicBool,
}

impl FunctionState {
    fn new(function: &Function, cache: Cache) -> Arc<Self> {
        let folder: Option<Arc<Path>> = cache.upkeep().planned().map(|layout| layout.function(function).into());
        let tally = cache.upkeep().tally(folder.as_deref(), &function.path).into();
        Arc::new(FunctionState { cache: WeakCache::new(cache), folder, tally, described: AtomicBool::new(false) })
    }

    /// What is counted there.
    #[inline]
    pub(crate) fn tally(&self) -> &Arc<Tally> {
        self.tally.get_or(|parents| {
            self.cache.get().upkeep().tally_of(parents.map_or_else(String::new, |tally| tally.name().to_owned()))
        })
    }
}

impl Memo {
    /// A function that uses `cache`.
    #[doc(hidden)]
    pub fn new(definition: Definition, cache: Cache) -> Self {
        let function = Function {
            package: definition.package.to_owned(),
            path: definition.path,
            position: definition.position,
            version: definition.version,
            code: definition.code.fingerprint(),
        };
        Memo {
            key: function.key(),
            home: FunctionState::new(&function, cache),
            other: PerProcess::new(),
            is_elsewhere: AtomicBool::new(false),
            function,
            code: definition.code,
            signature: definition.signature,
            compression: definition.compression,
        }
    }

    /// The function's path with its crate and modules, or the name that the attribute gave it.
    pub fn name(&self) -> &str {
        &self.function.path
    }

    /// The cache that holds the results. If the attribute's `cache` depends on the arguments: the
    /// one that was used last.
    pub fn cache(&self) -> Cache {
        self.last_home().cache.get()
    }

    /// What happened to this function in its [`cache`](Memo::cache): in this process, those before, and those beside it.
    ///
    /// # Errors
    /// If the file with the counts can't be read.
    pub fn stats(&self) -> Result<Stats> {
        let home = self.last_home();
        Ok(home.cache.get().upkeep().sums_of(home.folder.as_deref(), home.tally())?.stats())
    }

    /// The stored results of this function.
    ///
    /// # Errors
    /// If the folder can't be listed.
    pub fn entries(&self) -> Result<Entries> {
        match self.cache().layout() {
            Some(layout) => Entries::under(&layout.function(&self.function), false),
            None => Ok(Entries::none()),
        }
    }

    /// Removes the stored results of this function, also those of earlier versions of its code.
    ///
    /// # Errors
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly), and what the file system reports.
    pub fn clear(&self) -> Result<()> {
        let cache = self.cache();
        match cache.writable()? {
            Some(place) => cache.clear_folder(&place.layout.function(&self.function)).map(drop),
            None => Ok(()),
        }
    }

    /// What is known of the function's code.
    #[doc(hidden)]
    pub fn tracked(&self) -> Code {
        self.code
    }

    pub(crate) fn function(&self) -> &Function {
        &self.function
    }

    /// The key under which this function's calls have theirs.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// The compressor of this function's entries in `cache`.
    pub(crate) fn compression(&self, cache: &Cache) -> Compression {
        self.compression.unwrap_or_else(|| cache.compression())
    }

    /// What of the function's code the attribute could not see when it was compiled, a sentence each. If there is
    /// any, the identity of the running program is in the key: results are found again by the same build only.
    pub fn unseen(&self) -> &'static [&'static str] {
        self.code.unseen
    }

    /// What the code consists of.
    pub(crate) fn code_parts(&self) -> CodeFile {
        self.code.parts()
    }

    /// The fingerprint of the code, in hexadecimal digits.
    pub(crate) fn code(&self) -> String {
        use std::fmt::Write as _;
        self.function.code.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Where this function's results are in `cache`, which is noted as the one that was used last.
    pub(crate) fn home(&self, cache: &Cache) -> Arc<FunctionState> {
        self.with_home(cache, Arc::clone)
    }

    #[inline]
    pub(crate) fn with_home<T>(&self, cache: &Cache, work: impl FnOnce(&Arc<FunctionState>) -> T) -> T {
        let is_elsewhere = !self.home.cache.is(cache);
        if self.is_elsewhere.load(Ordering::Relaxed) != is_elsewhere {
            self.is_elsewhere.store(is_elsewhere, Ordering::Relaxed);
        }
        if is_elsewhere { work(&self.other_home(cache)) } else { work(&self.home) }
    }

    fn other_home(&self, cache: &Cache) -> Arc<FunctionState> {
        let other = self.other().read().unwrap_or_else(PoisonError::into_inner);
        if let Some(home) = other.as_ref().filter(|home| home.cache.is(cache)) {
            return home.clone();
        }
        drop(other);
        let home = FunctionState::new(&self.function, cache.clone());
        *self.other().write().unwrap_or_else(PoisonError::into_inner) = Some(home.clone());
        home
    }

    fn other(&self) -> &Other {
        self.other.get_or(|parents| {
            let known = parents.and_then(|parents| parents.try_read().ok()?.clone());
            RwLock::new(known)
        })
    }

    fn last_home(&self) -> Arc<FunctionState> {
        let other = self.other().read().unwrap_or_else(PoisonError::into_inner);
        match &*other {
            Some(other) if self.is_elsewhere.load(Ordering::Relaxed) => other.clone(),
            _ => self.home.clone(),
        }
    }

    /// Makes the function's folder, and the file in it that says whose it is.
    pub(crate) fn describe(&self, layout: &Layout, home: &FunctionState, folder: &Path) -> Result<()> {
        let path = Layout::function_file(folder);
        // The file is compared once; after that, it is enough that nobody has removed it.
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
        expect_own(&path, Role::Function)?;
        self.describe_code(layout, folder)?;
        atomic_file::write_note(&layout.temp_folder_for(folder), &path, &json)
    }

    /// Writes down what the code consists of, beside the entries that it gave.
    fn describe_code(&self, layout: &Layout, folder: &Path) -> Result<()> {
        match self.code.track {
            Track::Reachable | Track::Body => self.code_parts().keep(layout, folder, &brief_code(&self.function.code)),
            Track::None | Track::Type(_) => Ok(()),
        }
    }
}

/// An error if somebody else's file is in the place of one of larder's. What is no regular file is replaced: nothing is lost
/// with it.
fn expect_own(path: &Path, role: Role) -> Result<()> {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if !is_file || owned_files::is_ours(path, role).unwrap_or(true) {
        return Ok(());
    }
    let what =
        "this file is not larder's, so it is not replaced, and no results are stored beside it; move it elsewhere";
    Err(Error::new(ErrorKind::InvalidInput, what).at(path))
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("name", &self.name()).field("cache", &self.cache()).finish_non_exhaustive()
    }
}
