//! Records why results were not stored.

use std::time::SystemTime;

use crate::call::context::CallContext;
use crate::error::too_large::TooLarge;
use crate::error::{Error, ErrorKind};
use crate::observe::reason::NotKept;
use crate::observe::stats::{Count, number_of};
use crate::store::history::{Event, Kind};
use crate::sys::catch_panic;

impl<'a> CallContext<'a> {
    /// Records why the result of this call was not stored, so that `explain` can say so.
    pub(crate) fn not_kept(&self, why: NotKept, error: Option<ErrorKind>) {
        let (Some(there), Some((folder, key))) = (self.cache.place(), self.place()) else { return };
        let (kind, numbers) = match &why {
            NotKept::Err => (Kind::Err, Vec::new()),
            NotKept::Panic => (Kind::Panic, Vec::new()),
            NotKept::StoreIf => (Kind::StoreIf, Vec::new()),
            NotKept::TooLarge { size, limit } => (Kind::TooLarge, vec![size.unwrap_or(u64::MAX), *limit]),
            NotKept::Fault { .. } | NotKept::ReadOnly => (Kind::Fault, error.map(number_of).into_iter().collect()),
        };
        let at = SystemTime::now();
        let writes = self.cache.engine().unstored.note(key, at, why);
        // A function that has not stored any result has no folder yet.
        if writes && !self.cache.is_read_only() && self.memo.describe(&there.layout, &self.home, folder).is_ok() {
            self.note(there, Event::NotKept(kind), at, numbers.into_iter().map(u64::to_le_bytes).collect());
        }
    }

    /// Logs, counts and records that the result could not be stored.
    #[cold]
    pub(crate) fn not_stored(&self, error: &Error) {
        match TooLarge::of(error) {
            Some(TooLarge { size, limit }) => {
                self.home.tally().add(Count::TooLarge, 1);
                self.fault("a result is larger than the cache may be: it will be computed again", error);
                self.not_kept(NotKept::TooLarge { size, limit }, Some(error.kind()));
            }
            None => {
                self.fault("a result can't be stored: it will be computed again", error);
                self.not_kept(NotKept::Fault { what: error.to_string() }, Some(error.kind()));
            }
        }
    }

    /// Records a panic of the function, unless [`ended`](Watch::ended) is called first.
    pub(crate) fn watch(&self) -> Watch<'_, 'a> {
        Watch(self)
    }
}

/// Guard of a running function. Records a panic when it is dropped.
pub(crate) struct Watch<'s, 'a>(&'s CallContext<'a>);

impl Watch<'_, '_> {
    pub(crate) fn ended(self) {
        std::mem::forget(self);
    }
}

impl Drop for Watch<'_, '_> {
    #[cold]
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A second panic would abort the process.
            let _ = catch_panic::guarded("noting a panic", || {
                self.0.not_kept(NotKept::Panic, None);
                Ok(())
            });
        }
    }
}
