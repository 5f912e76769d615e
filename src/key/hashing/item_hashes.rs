//! The sorted digests of many items, such as the entries of a hash map.

use std::mem;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};

use serde::Serialize;

use crate::error::Result;
use crate::key::canonical::encode::encode_nested;
use crate::key::canonical::encoder::MapOrder;
use crate::key::canonical::hash_buffer::HashBuffer;
use crate::key::hashing::prefetch::Ahead;
use crate::sys::workers::{threads, with_helpers};

pub(crate) type Digest = [u8; 32];

/// Bytes of encodings that are gathered before they are hashed. A processor fetches the memory of the next items while it
/// encodes one, but not while it hashes one.
const BATCH: usize = 16 << 10;

/// Batches before other threads help.
const WORTH_THREADS: usize = 32;

/// The most digests that memory is reserved for at once.
const MOST_EXPECTED: usize = 1 << 20;

/// Returns the digest of each item's encoding, sorted. `depth` is the nesting depth of the items, and `fetch` prefetches
/// the memory of an item.
pub(crate) fn digests<I>(items: I, fetch: impl Fn(&I::Item), order: MapOrder, depth: u32) -> Result<Vec<Digest>>
where
    I: IntoIterator,
    I::Item: Serialize,
{
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
    sort(&mut digests);
    Ok(digests)
}

/// Adds the digests of all items. This thread encodes them. Other threads hash them as long as they keep up; this one
/// hashes the rest.
fn add_with_help<I>(items: &mut I, order: MapOrder, depth: u32, digests: &mut Vec<Digest>) -> Result<()>
where
    I: Iterator,
    I::Item: Serialize,
{
    let helpers = threads() - 1;
    let (sender, receiver) = sync_channel(2 * helpers);
    let receiver = Mutex::new(receiver);
    // The sender moves into this closure: when it ends or panics, the helpers end.
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

/// Hashes batches until no more come.
fn hash_all(batches: &Mutex<Receiver<Batch>>) -> Vec<Digest> {
    let mut digests = Vec::new();
    while let Ok(Ok(mut batch)) = batches.lock().map(|batches| batches.recv()) {
        batch.hash(&mut digests);
    }
    digests
}

/// Sorts digests. The first eight bytes differ nearly always, and compare as one number.
fn sort(digests: &mut [Digest]) {
    let beginning = |digest: &Digest| digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    digests.sort_unstable_by(|a, b| beginning(a).cmp(&beginning(b)).then_with(|| a.cmp(b)));
}

/// The encodings of some items.
struct Batch {
    buffer: HashBuffer,
    /// The ends of the short encodings.
    ends: Vec<usize>,
    /// The digests of the long ones.
    long: Vec<Digest>,
}

impl Batch {
    fn new() -> Self {
        Batch { buffer: HashBuffer::new(), ends: Vec::new(), long: Vec::new() }
    }

    fn add<T: Serialize>(&mut self, item: &T, order: MapOrder, depth: u32) -> Result<()> {
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
    fn digests_that_begin_alike_are_sorted_as_well() {
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
