//! Digests in order: as they are spread evenly, by their bytes from the first one on.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};

use crate::key::hashing::item_hashes::Digest;
use crate::sys::workers::threads;

/// Fewer are sorted by comparing them.
const FEW: usize = 256;

/// So many are worth other threads.
const MANY: usize = 100_000;

pub(crate) fn sort(digests: &mut [Digest]) {
    if digests.len() < MANY || threads() == 1 {
        return sort_from(digests, 0);
    }
    let parts = Mutex::new(spread(digests, 0).into_iter());
    let work = || {
        loop {
            let next = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(part) = next else { return };
            sort_from(part, 1);
        }
    };
    thread::scope(|scope| {
        // Where the system has no more threads to give, those that there are do all of it.
        let _helpers: Vec<_> = (1..threads()).map(|_| Builder::new().spawn_scoped(scope, work)).collect();
        work();
    });
}

/// Sorts digests whose bytes before `place` are the same.
fn sort_from(digests: &mut [Digest], place: usize) {
    if digests.len() < FEW || place == size_of::<Digest>() {
        // The first eight bytes say it nearly always.
        return digests.sort_unstable_by(|a, b| beginning(a).cmp(&beginning(b)).then_with(|| a.cmp(b)));
    }
    for part in spread(digests, place) {
        sort_from(part, place + 1);
    }
}

fn beginning(digest: &Digest) -> u64 {
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Sorts by the byte at `place` alone; gives the parts that have the same there.
fn spread(digests: &mut [Digest], place: usize) -> Vec<&mut [Digest]> {
    let mut counts = [0; 256];
    for digest in &*digests {
        counts[usize::from(digest[place])] += 1;
    }
    let (mut next, mut ends, mut end) = ([0; 256], [0; 256], 0);
    for (byte, count) in counts.iter().enumerate() {
        next[byte] = end;
        end += count;
        ends[byte] = end;
    }
    for byte in 0..256 {
        while next[byte] < ends[byte] {
            let at = usize::from(digests[next[byte]][place]);
            if at != byte {
                digests.swap(next[byte], next[at]);
            }
            next[at] += 1;
        }
    }
    let mut rest = digests;
    let mut parts = Vec::with_capacity(256);
    for count in counts {
        let (part, others) = rest.split_at_mut(count);
        parts.push(part);
        rest = others;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts() {
        for count in [0, 1, 255, 256, 5000, MANY + 1] {
            let mut digests: Vec<Digest> =
                (0..count).map(|n| *blake3::hash((n / 2).to_string().as_bytes()).as_bytes()).collect();
            // Some that differ late.
            digests.extend((0..=255).cycle().take(count.min(600)).map(|last| {
                let mut digest = [7; 32];
                digest[31] = last;
                digest
            }));
            let mut expected = digests.clone();
            expected.sort();
            sort(&mut digests);
            assert!(digests == expected, "{count}");
        }
    }
}
