//! The functions in a table: their numbers, what is new of them, and their order.

use std::cmp::Ordering;
use std::path::PathBuf;
use std::time::Duration;

use larder::FunctionInfo;

/// One function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// The folder, by which it is the same one at the next look.
    pub(crate) path: PathBuf,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) saved: Duration,
    pub(crate) hits: u64,
    pub(crate) hot_hits: u64,
    pub(crate) computed: u64,
    /// Calls of every kind.
    pub(crate) calls: u64,
    /// Bytes that were ever written: they tell of a new entry that took the place of one as large.
    pub(crate) written: u64,
    pub(crate) news: News,
}

/// What happened since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) hits: u64,
    pub(crate) hot_hits: u64,
    pub(crate) computed: u64,
    /// Calls that may have been stored or removed.
    pub(crate) changes: u64,
}

impl Row {
    pub(crate) fn of(info: FunctionInfo) -> Self {
        let stats = info.stats;
        Row {
            name: info.name,
            path: info.path,
            entries: info.entries,
            bytes: info.bytes,
            saved: stats.saved,
            hits: stats.hits,
            hot_hits: stats.hot_hits,
            computed: stats.misses,
            calls: stats.hits + stats.misses + stats.bypasses,
            written: stats.bytes_written,
            news: News::default(),
        }
    }

    /// Sets what happened since it was like this. Counters that were removed begin anew.
    pub(crate) fn compare(&mut self, before: &Row) {
        let computed = self.computed.saturating_sub(before.computed);
        let other = self.bytes != before.bytes || self.written != before.written;
        self.news = News {
            hits: self.hits.saturating_sub(before.hits),
            hot_hits: self.hot_hits.saturating_sub(before.hot_hits),
            computed,
            changes: computed.max(self.entries.abs_diff(before.entries)).max(u64::from(other)),
        };
    }

    /// Hits of a thousand calls.
    pub(crate) fn hit_rate(&self) -> Option<u64> {
        per_mille(self.hits, self.calls)
    }
}

/// A share in thousandths, rounded down; `None` of nothing.
pub(crate) fn per_mille(part: u64, all: u64) -> Option<u64> {
    (u128::from(part) * 1000).checked_div(all.into()).and_then(|share| u64::try_from(share).ok())
}

/// What functions are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Saved,
    HitRate,
    Entries,
    Size,
    Name,
}

/// The order of the table: the most first, names from A to Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) by: By,
    pub(crate) reversed: bool,
}

impl Order {
    /// Asked for once more, an order is reversed.
    pub(crate) fn ask(&mut self, by: By) {
        let reversed = self.by == by && !self.reversed;
        *self = Order { by, reversed };
    }

    pub(crate) fn sort(self, rows: &mut [Row]) {
        rows.sort_by(|a, b| {
            let order = match self.by {
                By::Saved => b.saved.cmp(&a.saved),
                By::HitRate => b.hit_rate().cmp(&a.hit_rate()),
                By::Entries => b.entries.cmp(&a.entries),
                By::Size => b.bytes.cmp(&a.bytes),
                By::Name => Ordering::Equal,
            };
            let order = order.then_with(|| a.name.cmp(&b.name)).then_with(|| a.path.cmp(&b.path));
            if self.reversed { order.reverse() } else { order }
        });
    }
}
