//! The digests of many items, in the order of the digests.

use std::mem;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::thread::{self, Builder};

use serde::Serialize;

use crate::error::Result;
use crate::key::canonical::encode::encode_nested;
use crate::key::canonical::encoder::MapOrder;
use crate::key::canonical::hash_buffer::HashBuffer;
use crate::key::hashing::prefetch::Ahead;
use crate::key::hashing::radix_sort::sort;
use crate::sys::workers::threads;

pub(crate) type Digest = [u8; 32];

/// Bytes of encodings that are gathered before they are hashed. Items lie anywhere in memory, and a processor fetches
/// the next ones while it encodes one, but not while it hashes one.
const BATCH: usize = 16 << 10;

/// Batches before other threads are asked to help.
const WORTH_THREADS: usize = 32;

/// Digests that memory is taken for at once, at most; if there are more, it grows.
const MOST_EXPECTED: usize = 1 << 20;

/// The digest of each item's encoding, sorted. `depth` is how deep they lie, and `fetch` asks for an item's memory.
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

/// Adds the digests of all items. Other threads hash them, as long as they keep up; this one encodes them, and
/// hashes the rest.
fn add_with_help<I>(items: &mut I, order: MapOrder, depth: u32, digests: &mut Vec<Digest>) -> Result<()>
where
    I: Iterator,
    I::Item: Serialize,
{
    let helpers = threads() - 1;
    let (sender, receiver) = sync_channel(2 * helpers);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        // It is dropped when this is left, by whatever way, and then the helpers end.
        let sender = sender;
        let help = || hash_all(&receiver);
        let helpers: Vec<_> = (0..helpers).filter_map(|_| Builder::new().spawn_scoped(scope, help).ok()).collect();
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
        drop(sender);
        // A helper that can't be joined has panicked; `scope` passes that on.
        helpers.into_iter().filter_map(|helper| helper.join().ok()).for_each(|more| digests.extend(more));
        Ok(())
    })
}

/// Hashes what comes, until nothing more does.
fn hash_all(batches: &Mutex<Receiver<Batch>>) -> Vec<Digest> {
    let mut digests = Vec::new();
    while let Ok(Ok(mut batch)) = batches.lock().map(|batches| batches.recv()) {
        batch.hash(&mut digests);
    }
    digests
}

/// The encodings of some items.
struct Batch {
    buffer: HashBuffer,
    /// Where the short ones end.
    ends: Vec<usize>,
    /// The digests of the others.
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

    /// Adds the digests, and begins anew.
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
