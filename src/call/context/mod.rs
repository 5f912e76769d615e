//! Context of one call: its function, cache and key.
//!
//! `lookup` finds the result of the call, and `store` stores it. The other files say what is logged, counted and waited
//! for.

pub(crate) mod log;
pub(crate) mod lookup;
pub(crate) mod store;
pub(crate) mod unstored;
pub(crate) mod waiting;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tracing::Level;

use crate::cache::handle::Cache;
use crate::call::function::Memo;
use crate::call::function_state::FunctionState;
use crate::engine::verbose::PrintedCall;
use crate::error::{Error, ErrorKind, Result};
use crate::explain::Missing;
use crate::key::call_key::{Argument, Describe, Encoded, encode};
use crate::key::digest::Key;
use crate::key::file_digest::inputs::Used;
use crate::observe::reason::Reason;
use crate::single_flight::join::WaitProgress;
use crate::store::history::brief;
use crate::store::layout::Layout;
use crate::sys::catch_panic;

/// Context of one call.
pub(crate) struct CallContext<'a> {
    pub(crate) memo: &'a Memo,
    pub(crate) cache: Cache,
    home: Arc<FunctionState>,
    /// The call's key, or why it has none.
    pub(crate) key: Result<Key>,
    /// The encoded call.
    call: Encoded,
    /// What an earlier try observed of the leader.
    tried: Mutex<Option<Box<WaitProgress>>>,
    /// The running call, if it is printed.
    printed: Mutex<Option<PrintedCall>>,
}

impl<'a> CallContext<'a> {
    /// Creates the context of a call whose key may be asked for.
    pub(crate) fn new(memo: &'a Memo, cache: &Cache, call: Encoded) -> Self {
        let key = call.key(memo.key());
        CallContext::with_key(memo, cache, call, key)
    }

    /// Creates the context of a call that will only be run. Without a cache it needs no key.
    pub(crate) fn to_run(memo: &'a Memo, cache: &Cache, call: Encoded) -> Self {
        let key = if call.is_none() { Ok(Key::from_bytes([0; 32])) } else { call.key(memo.key()) };
        CallContext::with_key(memo, cache, call, key)
    }

    fn with_key(memo: &'a Memo, cache: &Cache, call: Encoded, key: Result<Key>) -> Self {
        let (tried, printed) = (Mutex::default(), Mutex::default());
        CallContext { memo, home: memo.home(cache), cache: cache.clone(), key, call, tried, printed }
    }

    /// Returns the arguments as people are shown them.
    pub(crate) fn shown(&self, describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
        self.call.show(describe)
    }

    /// Returns whether a file that the key depends on has changed. The result then belongs to other contents, and
    /// `what` is logged.
    pub(crate) fn files_changed(&self, what: &'static str) -> bool {
        let Some(path) = self.call.files.iter().find_map(Used::changed) else { return false };
        let error = Error::new(ErrorKind::InvalidInput, "the file changed while the function ran").at(path);
        self.fault(what, &error);
        true
    }

    /// Returns whether the call uses the cache. It does not if the cache was off when the call was encoded, even if
    /// the cache could be opened since.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.call.is_none() && self.cache.is_enabled()
    }

    /// Returns the function's folder and the call's key; `None` if the cache is off, or the call has no key.
    fn place(&self) -> Option<(&Path, &Key)> {
        if self.call.is_none() {
            return None;
        }
        Some((self.home.folder.as_deref()?, self.key.as_ref().ok()?))
    }

    /// Returns the path of the entry's file.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.place().map(|(folder, key)| Layout::locate(folder, key))
    }

    /// Returns why no result of this call is stored.
    pub(crate) fn why_absent(&self, arguments: &[Argument]) -> Reason {
        let (Some((folder, key)), Some(there)) = (self.place(), self.cache.place()) else { return Reason::CacheOff };
        let function = self.memo.function();
        let missing = Missing {
            store: &there.store,
            folder,
            key: *key,
            version: function.version,
            code: &function.code,
            parts: &self.memo.code_parts(),
            arguments,
            digests: arguments.iter().map(brief).collect(),
            unkept: self.cache.engine().unstored.of(key),
        };
        missing.reason()
    }

    /// Returns the current time if durations are logged.
    pub(crate) fn clock(&self) -> Option<Instant> {
        tracing::enabled!(Level::DEBUG).then(Instant::now)
    }
}

/// Encodes a call that will only be run. Without a cache it needs no encoding.
#[inline]
pub(crate) fn encode_for(cache: &Cache, describe: impl FnOnce(&mut Describe<'_>)) -> Encoded {
    if cache.is_enabled() { encode(describe) } else { Encoded::none() }
}

fn since(started: Option<Instant>) -> Duration {
    started.map(|started| started.elapsed()).unwrap_or_default()
}

/// Turns a panic of the result type's `Serialize` or `Deserialize` into an error.
fn guarded<R>(run: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_panic::guarded("its `Serialize` or `Deserialize`", run)
}
