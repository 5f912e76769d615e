//! Optimisations against the same code without them. One run alternates between both, and compares the shortest times.
//!
//! `cargo bench --bench optimizations`
//!
//! An optimisation stays if it saves at least a tenth. On two cores of an AMD EPYC (Zen 4), with other work on the machine:
//!
//! | optimisation | measured by | time without / with it |
//! |---|---|---|
//! | prefetching strings (`key/hashing/prefetch.rs`) | keys of hash maps and sets of 10^5 and 10^6 strings, 1 and 2 threads | 1.5 to 2.0 |
//! | huge pages (`sys/alloc.rs`) | `load` of 128 MB, 1 and 2 threads | 3.1 to 3.4 |
//!
//! A parallel radix sort of the digests of a hash map was 1.1 to 1.4 times as fast as `sort_unstable_by` on their first
//! eight bytes, which is 4 to 8 % of the time for the key. It was removed.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "it is a benchmark"
)]

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use larder::key_of;
use serde::Serialize;

const ROUNDS: usize = 11;

/// A string with the same encoding, whose type is not known as a string: nothing prefetches it.
#[derive(PartialEq, Eq, Hash, Clone, Serialize)]
#[serde(transparent)]
struct Unknown(String);

fn compare(name: &str, mut with: impl FnMut(), mut without: impl FnMut()) {
    let (mut least_with, mut least_without) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        for (run, least) in [(&mut with as &mut dyn FnMut(), &mut least_with), (&mut without, &mut least_without)] {
            let started = Instant::now();
            run();
            *least = started.elapsed().min(*least);
        }
    }
    let ratio = least_without.as_secs_f64() / least_with.as_secs_f64();
    println!("{name}: with {least_with:.2?}, without {least_without:.2?}, ratio {ratio:.2}");
}

fn prefetching(threads: usize) {
    for count in [100_000_u64, 1_000_000] {
        let known: HashMap<String, u64> = (0..count).map(|n| (format!("key {n}"), n)).collect();
        let unknown: HashMap<Unknown, u64> = known.iter().map(|(key, n)| (Unknown(key.clone()), *n)).collect();
        assert_eq!(key_of(&known).unwrap(), key_of(&unknown).unwrap());
        compare(
            &format!("prefetching, HashMap<String, u64> of {count}, {threads} threads"),
            || drop(black_box(key_of(black_box(&known)))),
            || drop(black_box(key_of(black_box(&unknown)))),
        );
        let (known, unknown): (HashSet<_>, HashSet<_>) = (known.into_keys().collect(), unknown.into_keys().collect());
        compare(
            &format!("prefetching, HashSet<String> of {count}, {threads} threads"),
            || drop(black_box(key_of(black_box(&known)))),
            || drop(black_box(key_of(black_box(&unknown)))),
        );
    }
}

/// Linux can turn huge pages off for a process.
#[cfg(target_os = "linux")]
fn huge_pages(threads: usize) {
    fn load(path: &std::path::Path, disabled: bool) {
        const OFF: libc::c_ulong = 0;
        // SAFETY: this option reads no memory, and only decides which pages the system makes.
        let result = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, libc::c_ulong::from(disabled), OFF, OFF, OFF) };
        assert_eq!(result, 0, "the system can't turn huge pages off");
        black_box(larder::load::<Vec<f64>>(path).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers.larder");
    larder::dump(&(0..16_000_000).map(f64::from).collect::<Vec<_>>(), &path).unwrap();
    compare(&format!("huge pages, load of 128 MB, {threads} threads"), || load(&path, false), || load(&path, true));
}

fn main() {
    for threads in [1, 2] {
        larder::set_threads(threads.try_into().unwrap());
        prefetching(threads);
        #[cfg(target_os = "linux")]
        huge_pages(threads);
    }
}
