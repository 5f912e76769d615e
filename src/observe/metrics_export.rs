//! What is counted, for whoever collects metrics through the facade `metrics`.

use metrics::{Label, SharedString, counter};

use crate::observe::stats::{Count, Sums};

/// The counters, and what each of them counts.
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

/// Those of time, in microseconds.
const TIMES: [(&str, &[Count]); 2] = [
    ("larder_computed_microseconds_total", &[Count::Computed]),
    ("larder_saved_microseconds_total", &[Count::Saved, Count::HotSaved]),
];

const NANOS: u64 = 1000;

/// Tells what has been counted of a function so far, of which `before` has been told.
pub(crate) fn tell(function: &str, before: &Sums, now: &Sums) {
    let label = || Label::new("function", SharedString::from(function.replace('/', "::")));
    let of = |sums: &Sums, counts: &[Count]| counts.iter().map(|count| sums.get(*count)).sum::<u64>();
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
