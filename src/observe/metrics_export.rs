//! Exports the counters as metrics of the facade `metrics`.

use metrics::{Label, SharedString, counter};

use crate::observe::stats::{Count, CounterTotals};

/// The metrics that count events, and the counters that each of them adds up.
const COUNTERS: [(&str, &[Count]); 8] = [
    ("larder_hits_total", &[Count::Hits, Count::HotHits]),
    ("larder_hot_hits_total", &[Count::HotHits]),
    ("larder_misses_total", &[Count::Misses]),
    ("larder_bypasses_total", &[Count::Bypasses]),
    ("larder_read_bytes_total", &[Count::BytesRead]),
    ("larder_written_bytes_total", &[Count::BytesWritten]),
    ("larder_unequal_total", &[Count::Unequal]),
    ("larder_too_large_total", &[Count::TooLarge]),
];

/// The metrics that count time in microseconds, and the counters that each of them adds up.
const TIMES: [(&str, &[Count]); 2] = [
    ("larder_computed_microseconds_total", &[Count::Computed]),
    ("larder_saved_microseconds_total", &[Count::Saved, Count::HotSaved]),
];

/// Nanoseconds per microsecond.
const NANOS: u64 = 1000;

/// Exports how the counters of a function grew from `before` to `now`.
///
/// The recorder is foreign code: it may use a cache itself, or panic. So the caller must hold no lock, and must catch a
/// panic.
pub(crate) fn export(function: &str, before: &CounterTotals, now: &CounterTotals) {
    let label = || Label::new("function", SharedString::from(function.replace('/', "::")));
    let of = |sums: &CounterTotals, counts: &[Count]| counts.iter().map(|count| sums.get(*count)).sum::<u64>();
    for (name, counts) in COUNTERS {
        let more = of(now, counts) - of(before, counts);
        if more > 0 {
            counter!(name, vec![label()]).increment(more);
        }
    }
    for (name, counts) in TIMES {
        let more = of(now, counts) / NANOS - of(before, counts) / NANOS;
        if more > 0 {
            counter!(name, vec![label()]).increment(more);
        }
    }
    let before = before.stats().errors_by_kind;
    for (kind, count) in now.stats().errors_by_kind {
        let more = count - before.get(&kind).copied().unwrap_or(0);
        if more > 0 {
            counter!("larder_errors_total", vec![label(), Label::new("kind", kind.name())]).increment(more);
        }
    }
}
