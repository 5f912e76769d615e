//! The rows of the table of functions, with what changed since the last update, and their order.

use std::cmp::Ordering;
use std::path::PathBuf;
use std::time::Duration;

use larder::FunctionInfo;

use crate::output::text::per_mille;

/// One function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// The folder, which identifies the function from one update to the next.
    pub(crate) path: PathBuf,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) saved: Duration,
    pub(crate) hits: u64,
    pub(crate) hot_hits: u64,
    pub(crate) computed: u64,
    /// Calls of every kind.
    pub(crate) calls: u64,
    /// Bytes written so far. They change even if a new entry replaces one of the same size.
    pub(crate) written: u64,
    pub(crate) news: News,
}

/// What changed since the last update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) hits: u64,
    pub(crate) hot_hits: u64,
    pub(crate) computed: u64,
    /// The most calls that may have been stored or removed.
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

    /// Sets the changes since `before`. Counters may have been reset in between.
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

    /// Returns the hits per thousand calls.
    pub(crate) fn hit_rate(&self) -> Option<u64> {
        per_mille(self.hits, self.calls)
    }
}

/// The column that functions are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Saved,
    HitRate,
    Entries,
    Size,
    Name,
}

/// The order of the table. By default, the largest numbers come first, and names are sorted from A to Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) by: By,
    pub(crate) reversed: bool,
}

impl Order {
    /// Sorts by another column, or reverses the order if it is the same column.
    pub(crate) fn select(&mut self, by: By) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, saved: u64, entries: u64) -> Row {
        Row { name: name.to_owned(), saved: Duration::from_secs(saved), entries, ..Row::default() }
    }

    #[test]
    fn equal_rows_are_sorted_by_name() {
        let mut rows = [row("b", 1, 5), row("c", 2, 5), row("a", 1, 5)];
        let names = |rows: &[Row]| rows.iter().map(|row| row.name.clone()).collect::<String>();
        let mut order = Order { by: By::Saved, reversed: false };
        order.sort(&mut rows);
        assert_eq!(names(&rows), "cab");
        order.select(By::Saved);
        order.sort(&mut rows);
        assert_eq!(names(&rows), "bac");
        order.select(By::Entries);
        order.sort(&mut rows);
        assert_eq!(names(&rows), "abc");
    }

    #[test]
    fn reset_counters_are_no_news() {
        let before = Row { hits: 10, hot_hits: 4, computed: 3, ..Row::default() };
        let mut row = Row { hits: 12, hot_hits: 5, computed: 3, ..Row::default() };
        row.compare(&before);
        assert_eq!((row.news.hits, row.news.hot_hits, row.news.computed, row.news.changes), (2, 1, 0, 0));
        let mut reset = Row { hits: 1, entries: 1, ..Row::default() };
        reset.compare(&before);
        assert_eq!((reset.news.hits, reset.news.computed, reset.news.changes), (0, 0, 1));
    }
}
