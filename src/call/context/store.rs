//! Stores the result of a call, and removes it.

use std::any::type_name;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::context::{CallContext, guarded, since};
use crate::call::shared_results::MakeSharing;
use crate::engine::cache_folder::CacheFolder;
use crate::error::{Error, ErrorKind, Result};
use crate::files::equality::Compare;
use crate::files::roundtrip_check;
use crate::files::roundtrip_check::Comparison;
use crate::key::call_key::Argument;
use crate::observe::reason::RecordedCause;
use crate::observe::stats::nanoseconds;
use crate::store::entry_format::Details;
use crate::store::history::{Event, HistoryRecord, brief, brief_code};
use crate::store::write::Fits;
use crate::store::{history, references, write};

impl CallContext<'_> {
    /// Stores a result. Returns the size of the entry's file and, with `LARDER=verify`, the value as a hit would
    /// return it.
    pub(crate) fn store<T: Serialize + DeserializeOwned>(
        &self,
        arguments: Vec<Argument>,
        cause: RecordedCause,
        took: Duration,
        value: &T,
        (compare, sharing): (Option<Compare<T>>, Option<MakeSharing<T>>),
    ) -> Result<(u64, Option<T>)> {
        let CallContext { memo, cache, home, .. } = self;
        let (Some(there), Some((folder, key))) = (cache.place(), self.place()) else {
            return Err(Error::new(ErrorKind::ReadOnly, "the cache is off"));
        };
        let layout = &there.layout;
        there.expect_space()?;
        let started = self.clock();
        let comparison =
            Comparison { compare, otherwise: "write `lossy` in the attribute", doubted: &|what| self.doubt(what) };
        // Panics of the user's `Serialize` and `Deserialize` must not fail the call.
        let (checked, found) = references::writing(|| {
            guarded(|| {
                if cache.verifies() {
                    return roundtrip_check::read_back(value, &comparison).map(|(back, len)| (Some(back), Some(len)));
                }
                roundtrip_check::check(value, &comparison).map(|len| (None, len))
            })
        });
        let (back, len) = checked?;
        let own_limit = memo.limits().and_then(|limits| limits.max_bytes).unwrap_or(u64::MAX);
        let fits = Fits { most: there.largest().min(own_limit), document: len };
        let compression = memo.compression(cache);
        let function = memo.function();
        let mut details = Details {
            key: *key,
            package: function.package.clone(),
            function: function.path.clone(),
            version: function.version,
            code: memo.code(),
            arguments,
            created: nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            took: nanoseconds(took),
            compressor: compression.to_string(),
            type_name: type_name::<T>().to_owned(),
            parts: references::listed(&layout.functions(), &found),
        };
        let mut put = || -> Result<_> {
            memo.describe(layout, home, folder)?;
            let mut is_second = false;
            let temp = loop {
                let write = || {
                    write::write(&layout.temp_folder_for(folder), &details, value, compression, cache.secret(), fits)
                };
                let (temp, found) = references::writing(|| guarded(write));
                let (temp, found) = (temp?, references::listed(&layout.functions(), &found));
                // The first pass over a large value need not have seen all references; if the list differs, write the
                // entry once more.
                if details.parts == found || is_second {
                    break temp;
                }
                (details.parts, is_second) = (found, true);
            };
            let size = temp.len();
            // The entry may be published even if `put` fails, so its copy in memory is invalidated.
            let before = there.store.put(folder, key, temp, cache.is_durable());
            Ok((before.inspect_err(|_| cache.engine().invalidate(key))?, size))
        };
        let (before, size) = match put() {
            // Another process removed a folder: create the folders again, and retry once.
            Err(error) if error.kind() == ErrorKind::NotFound => layout.create().and_then(|()| put())?,
            result => result?,
        };
        cache.engine().stored(home.tally(), key, before, size);
        if let Some(sharing) = sharing {
            home.shared().insert(sharing, key, details.created(), value);
        }
        if let Some(limits) = memo.limits()
            && let Err(error) = home.limits().enforce(cache.engine(), folder, limits, size)
        {
            self.fault("the limits of a function can't be enforced", &error);
        }
        self.note(there, Event::Stored(cause), SystemTime::now(), details.arguments.iter().map(brief).collect());
        tracing::trace!(function = memo.name(), %key, size, took = ?since(started), "stored");
        Ok((size, back))
    }

    /// Appends an event to the function's history. A failure is only logged: the result is fine without it.
    pub(super) fn note(&self, there: &CacheFolder, event: Event, time: SystemTime, arguments: Vec<[u8; 8]>) {
        let Some((folder, key)) = self.place() else { return };
        let function = self.memo.function();
        let record = HistoryRecord {
            event,
            key: *key,
            version: function.version,
            code: brief_code(&function.code),
            time,
            arguments,
        };
        if let Err(error) = history::note(&there.layout, folder, &record) {
            tracing::debug!(function = self.memo.name(), %error, "a call can't be noted for `explain`");
        }
    }

    /// Removes the stored result. Returns whether there was one.
    pub(crate) fn forget(&self) -> Result<bool> {
        let place = self.cache.writable()?;
        let key = self.key.as_ref().map_err(Error::clone)?;
        let (Some(place), Some(folder)) = (place, &self.home.folder) else { return Ok(false) };
        let removed = self.cache.engine().remove(folder, key)?;
        if removed {
            self.note(place, Event::Forgotten, SystemTime::now(), Vec::new());
        }
        Ok(removed)
    }
}
