//! Counts, logs and prints the outcome of a call.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::call::context::{CallContext, guarded, since};
use crate::call::outcome::Outcome;
use crate::engine::verbose;
use crate::engine::verbose::PrintedCall;
use crate::error::{Error, ErrorKind};
use crate::key::call_key::{Describe, previews};
use crate::key::key_of::digest_of_content;
use crate::observe::reason::Reason;
use crate::observe::repeated_faults::Logged;
use crate::observe::stats::Count;
use crate::sys::locked::locked;
use crate::sys::{permissions, stack};
use crate::text::humanize;

impl CallContext<'_> {
    /// Returns whether the function computed the stored result again, and reports it if not. `now` is `None` if it
    /// returned nothing that can be stored: it panicked, or returned an `Err`.
    pub(crate) fn compare<T: Serialize>(&self, before: &T, now: Option<&T>) -> bool {
        let digest = |value| guarded(|| digest_of_content(value));
        let same =
            now.is_some_and(|now| matches!((digest(before), digest(now)), (Ok(before), Ok(now)) if before == now));
        // If the file changed, a different result is expected.
        if !same && !self.files_changed("a result can't be verified") {
            self.home.tally().add(Count::Unequal, 1);
            self.cache.engine().note_counted();
            let key = self.key.as_ref().map(ToString::to_string).unwrap_or_default();
            let gave = if now.is_some() { "another result" } else { "an `Err` or a panic" };
            let Some(Logged { unlogged }) = self.cache.engine().repeats.came("unequal", None, self.memo.name()) else {
                return same;
            };
            tracing::error!(
                function = self.memo.name(),
                key,
                gave,
                unlogged,
                "a function does not give the result again that is stored: it depends on more than its arguments and its \
                 code (time, chance, a file, the order of threads); the stored result is used and kept, `LARDER=refresh` \
                 replaces it"
            );
        }
        same
    }

    /// Logs that a result shows a difference to what is read back of it.
    pub(super) fn doubt(&self, what: &str) {
        if let Some(Logged { unlogged }) = self.cache.engine().repeats.came("doubtful", None, self.memo.name()) {
            tracing::warn!(
                function = self.memo.name(),
                what,
                unlogged,
                "a result may come back from the cache as another value: its `Debug` text differs; implement `PartialEq` \
                 to have such results refused, or write `lossy` in the attribute if the difference does not matter"
            );
        }
    }

    /// Counts and logs a hit.
    pub(crate) fn hit(&self, hit: &Outcome, started: Option<Instant>) {
        let (Outcome::Hit { saved, size, .. }, Ok(key)) = (hit, &self.key) else { return };
        self.home.tally().hit(*saved, *size);
        self.cache.engine().note_counted();
        tracing::debug!(function = self.memo.name(), %key, size, ?saved, took = ?since(started), "hit");
    }

    /// Counts, logs and prints a hit of a function whose results stay in memory.
    pub(crate) fn hit_in_memory(&self, saved: Duration, describe: &dyn Fn(&mut Describe<'_>)) {
        self.home.tally().hot_hit(saved);
        self.cache.engine().note_counted();
        if let Ok(key) = &self.key {
            tracing::debug!(function = self.memo.name(), %key, ?saved, hot = true, "hit");
        }
        if verbose::prints_hits() {
            verbose::print_hit(self.memo.name(), previews(describe), "memory", None, saved);
        }
    }

    /// Prints a hit, if `LARDER_VERBOSE` asks for it.
    pub(crate) fn print_hit(&self, hit: &Outcome, describe: &dyn Fn(&mut Describe<'_>)) {
        if let Outcome::Hit { age, saved, size } = hit
            && verbose::prints_hits()
        {
            verbose::print_hit(self.memo.name(), previews(describe), "the disk", Some((*size, *age)), *saved);
        }
    }

    /// Records that the function begins to run, if `LARDER_VERBOSE` asks for it: its end is printed, and that it still
    /// runs.
    pub(crate) fn print_run(&self, arguments: impl FnOnce() -> Vec<String>) {
        if verbose::is_on() {
            let call = PrintedCall::begin(self.memo.name(), arguments());
            // Wakes the background thread, which prints that the call still runs.
            self.cache.engine().note_counted();
            *locked(&self.printed) = Some(call);
        }
    }

    fn print_end(&self, took: Duration, result: impl FnOnce() -> String, why: &dyn Display) {
        if verbose::is_on()
            && let Some(call) = locked(&self.printed).take()
        {
            call.computed(took, &result(), why);
        }
    }

    /// Returns what became of a result, to continue a sentence.
    fn fate(&self, size: Option<u64>, reason: &Reason) -> String {
        match (size, reason, &self.key) {
            (Some(bytes), ..) => format!(", {}", humanize::size(bytes)),
            (None, Reason::Verified { .. }, _) | (None, _, Err(_)) => String::new(),
            (None, _, Ok(key)) => {
                self.cache.engine().unstored.of(key).map(|(_, why)| why.to_string()).unwrap_or_default()
            }
        }
    }

    /// Logs that no usable result was found.
    pub(crate) fn nothing(&self, reason: &Reason, started: Option<Instant>) {
        if let Ok(key) = &self.key {
            tracing::trace!(function = self.memo.name(), %key, %reason, took = ?since(started), "not found");
        }
    }

    /// Counts and logs a call that was computed.
    pub(crate) fn computed(&self, took: Duration, size: Option<u64>, reason: Reason) -> Outcome {
        self.home.tally().miss(took);
        self.cache.engine().note_counted();
        if let Ok(key) = &self.key {
            tracing::debug!(function = self.memo.name(), %key, %reason, ?size, ?took, "computed");
        }
        self.print_end(took, || self.fate(size, &reason), &reason);
        Outcome::Computed { took, size, reason }
    }

    /// Counts and logs a call that ran without the cache.
    pub(crate) fn bypassed(&self, took: Duration, reason: Reason) -> Outcome {
        self.home.tally().bypass(took);
        self.cache.engine().note_counted();
        tracing::debug!(function = self.memo.name(), %reason, ?took, "bypassed");
        self.print_end(took, || " without the cache".to_owned(), &reason);
        Outcome::Bypassed { took, reason }
    }

    /// Counts and logs a call that ran without the cache because the caller asked for it.
    pub(crate) fn uncached(&self, took: Duration) {
        self.home.tally().bypass(took);
        self.cache.engine().note_counted();
        tracing::debug!(function = self.memo.name(), ?took, "run past the cache");
        self.print_end(took, || " without the cache".to_owned(), &"the program asked for it");
    }

    /// Returns whether so little stack is left that the function should have it all. Warns only once, because calls
    /// this deep come in thousands.
    pub(crate) fn has_little_stack(&self) -> bool {
        static TOLD: AtomicBool = AtomicBool::new(false);
        let is_little = self.cache.is_enabled() && stack::is_little_left();
        if is_little && !TOLD.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                function = self.memo.name(),
                "little is left of the thread's stack, so calls are computed without the cache: give it a larger one, or \
                 recurse less deep"
            );
        }
        is_little
    }

    /// Logs that a call is computed although only the order of maps in this argument differs from that of a stored call.
    pub(crate) fn only_order(&self, argument: &str) {
        const WHAT: &str = "a call is computed again because the order of a map differs: if it has no meaning, write \
                            `key(x = larder::Unordered(x))` for the argument `x`";
        let function = self.memo.name();
        match self.cache.engine().repeats.came(WHAT, None, function) {
            None => tracing::debug!(function, argument, "{WHAT}"),
            Some(Logged { unlogged }) => tracing::warn!(function, argument, unlogged, "{WHAT}"),
        }
    }

    /// Logs that a result is used although it has expired.
    pub(crate) fn stale(&self) {
        const WHAT: &str =
            "the function returned an `Err`, so a result that has expired is used: `stale_on_error` allows it";
        let function = self.memo.name();
        match self.cache.engine().repeats.came(WHAT, None, function) {
            None => tracing::debug!(function, "{WHAT}"),
            Some(Logged { unlogged }) => tracing::warn!(function, unlogged, "{WHAT}"),
        }
    }

    /// Counts and logs a fault of the cache. A fault never fails the call.
    #[cold]
    pub(crate) fn fault(&self, what: &'static str, error: &Error) {
        self.home.tally().error(error.kind());
        self.cache.engine().note_counted();
        // Warn once for each cache, and not for each function, that the cache belongs to another user.
        if let Some(layout) = self.cache.layout().filter(|_| error.kind() == ErrorKind::PermissionDenied) {
            if !permissions::tell_once(layout.root(), error) {
                tracing::debug!(function = self.memo.name(), %error, "{what}");
            }
            return;
        }
        match self.cache.engine().repeats.came(what, Some(error.kind()), self.memo.name()) {
            None => tracing::debug!(function = self.memo.name(), %error, "{what}"),
            Some(Logged { unlogged: 0 }) => tracing::warn!(function = self.memo.name(), %error, "{what}"),
            Some(Logged { unlogged }) => tracing::warn!(
                function = self.memo.name(), %error, unlogged,
                "{what}; {unlogged} more like it came since this was logged last"
            ),
        }
    }
}
