//! Computes the sorted digests of many items, such as the entries of a hash map.

use std::mem;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};

use serde::Serialize;

use crate::error::Result;
use crate::key::canonical::encode::encode_nested;
use crate::key::canonical::hash_buffer::HashBuffer;
use crate::key::canonical::map_order::MapOrder;
use crate::key::digest::Digest;
use crate::key::hashing::prefetch::Ahead;
use crate::sys::workers::{threads, with_helpers};

/// Size of the batches of encodings that are hashed at once, in bytes. While a processor encodes an item, it fetches
/// the memory of the next ones; while it hashes one, it does not.
const BATCH: usize = 16 << 10;

/// Number of batches before other threads help.
const WORTH_THREADS: usize = 32;

/// Limit on the number of digests for which memory is reserved in advance.
const MOST_EXPECTED: usize = 1 << 20;

/// Returns the digest of each item's encoding, sorted. `depth` is the nesting depth of the items, and `fetch` prefetches
/// the memory of an item.
pub(crate) fn digests<I>(items: I, fetch: impl Fn(&I::Item), order: &MapOrder<'_>, depth: u32) -> Result<Vec<Digest>>
where
    I: IntoIterator,
    I::Item: Serialize,
{
    order.enter_unordered();
    let items = items.into_iter();
    let mut digests = Vec::with_capacity(items.size_hint().0.min(MOST_EXPECTED));
    let mut items = Ahead::new(items, fetch);
    let mut batch = Batch::new();
    let mut batches = 0;
    while let Some(item) = items.next() {
        batch.add(&item, order, depth)?;
        if batch.is_full() {
            batch.hash(&mut digests);
            batches += 1;
            if batches == WORTH_THREADS && threads() > 1 {
                add_with_help(&mut items, order, depth, &mut digests)?;
            }
        }
    }
    batch.hash(&mut digests);
    order.leave_unordered();
    sort(&mut digests);
    Ok(digests)
}

/// Adds the digests of all items. This thread encodes them. Other threads hash the batches as long as they keep up;
/// this thread hashes the rest.
fn add_with_help<I>(items: &mut I, order: &MapOrder<'_>, depth: u32, digests: &mut Vec<Digest>) -> Result<()>
where
    I: Iterator,
    I::Item: Serialize,
{
    let helpers = threads() - 1;
    let (sender, receiver) = sync_channel(2 * helpers);
    let receiver = Mutex::new(receiver);
    // The closure owns the sender: when it ends or panics, the channel closes and the helpers end.
    let encode = || -> Result<()> {
        let sender = sender;
        let mut batch = Batch::new();
        for item in items {
            batch.add(&item, order, depth)?;
            if batch.is_full() {
                match sender.try_send(mem::replace(&mut batch, Batch::new())) {
                    Ok(()) => {}
                    Err(TrySendError::Full(mut full) | TrySendError::Disconnected(mut full)) => full.hash(digests),
                }
            }
        }
        batch.hash(digests);
        Ok(())
    };
    let (encoded, helped) = with_helpers(helpers, || hash_all(&receiver), encode);
    digests.extend(helped.into_iter().flatten());
    encoded
}

/// Hashes batches until the channel closes.
fn hash_all(batches: &Mutex<Receiver<Batch>>) -> Vec<Digest> {
    let mut digests = Vec::new();
    while let Ok(Ok(mut batch)) = batches.lock().map(|batches| batches.recv()) {
        batch.hash(&mut digests);
    }
    digests
}

/// Sorts digests by their first eight bytes as a number, which nearly always differ, and then by the rest.
fn sort(digests: &mut [Digest]) {
    let beginning = |digest: &Digest| digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    digests.sort_unstable_by(|a, b| beginning(a).cmp(&beginning(b)).then_with(|| a.cmp(b)));
}

/// The encodings of several items.
struct Batch {
    buffer: HashBuffer,
    /// End offsets of the short encodings.
    ends: Vec<usize>,
    /// Digests of the long encodings.
    long: Vec<Digest>,
}

impl Batch {
    fn new() -> Self {
        Batch { buffer: HashBuffer::new(), ends: Vec::new(), long: Vec::new() }
    }

    fn add<T: Serialize>(&mut self, item: &T, order: &MapOrder<'_>, depth: u32) -> Result<()> {
        encode_nested(item, &mut self.buffer, order, depth)?;
        match self.buffer.begin_next() {
            Ok(end) => self.ends.push(end),
            Err(digest) => self.long.push(*digest.as_bytes()),
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.ends.last().is_some_and(|end| *end >= BATCH)
    }

    /// Moves the digests of the batch to `digests`.
    fn hash(&mut self, digests: &mut Vec<Digest>) {
        digests.append(&mut self.long);
        let mut start = 0;
        for end in self.ends.drain(..) {
            digests.push(*blake3::hash(&self.buffer.all()[start..end]).as_bytes());
            start = end;
        }
        self.buffer.clear_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_with_the_same_first_bytes_are_sorted() {
        let mut digests: Vec<Digest> =
            (0..1000_u32).map(|n| *blake3::hash(&(n / 2).to_le_bytes()).as_bytes()).collect();
        digests.extend((0..=255).rev().map(|last| {
            let mut digest = [7; 32];
            digest[31] = last;
            digest
        }));
        let mut expected = digests.clone();
        expected.sort();
        sort(&mut digests);
        assert!(digests == expected);
    }
}
