//! Wraps peers that have no attribute. Each call looks for a result in the peer, and on a miss computes and inserts
//! it.

use std::future::Future;
use std::io::{Read, Write};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use foyer::{
    BlockEngineConfig, Code, DeviceBuilder, FsDeviceBuilder, HybridCache, HybridCacheBuilder, HybridCachePolicy,
    StorageValue,
};
use tokio::runtime::Runtime;

use crate::functions::{compute, compute_large, folder, is_right};
use crate::measure::{Calls, Run};

/// More than the benchmark needs, so that nothing is evicted.
const CAPACITY: usize = 1 << 20;

pub static MOKA: LazyLock<moka::sync::Cache<u64, u64>> = LazyLock::new(|| moka::sync::Cache::new(CAPACITY as u64));
pub static MOKA_LARGE: LazyLock<moka::sync::Cache<u64, Vec<f64>>> = LazyLock::new(|| moka::sync::Cache::new(64));
pub static QUICK: LazyLock<quick_cache::sync::Cache<u64, u64>> =
    LazyLock::new(|| quick_cache::sync::Cache::new(CAPACITY));
pub static QUICK_LARGE: LazyLock<quick_cache::sync::Cache<u64, Vec<f64>>> =
    LazyLock::new(|| quick_cache::sync::Cache::new(64));

/// `cacache` stores bytes under text. The numbers are passed as raw memory, which is faster than any encoding.
pub mod cacache_of {
    use super::*;

    pub fn small(n: u64) -> u64 {
        let (folder, key) = (folder("cacache"), format!("small {n}"));
        if let Ok(bytes) = cacache::read_sync(&folder, &key) {
            return u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        }
        let result = compute(n);
        cacache::write_sync(&folder, &key, result.to_le_bytes()).expect("cacache stores");
        result
    }

    pub fn large(n: u64) -> Vec<f64> {
        let (folder, key) = (folder("cacache"), format!("large {n}"));
        if let Ok(bytes) = cacache::read_sync(&folder, &key) {
            return numbers(&bytes);
        }
        let result = compute_large(n);
        cacache::write_sync(&folder, &key, bytes(&result)).expect("cacache stores");
        result
    }
}

fn bytes(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn numbers(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks().0.iter().copied().map(f64::from_le_bytes).collect()
}

/// Result for foyer with its own raw encoding, as for `cacache`.
pub struct Numbers(pub Vec<f64>);

impl Code for Numbers {
    fn encode(&self, writer: &mut impl Write) -> foyer::Result<()> {
        (self.0.len() as u64).encode(writer)?;
        writer.write_all(&bytes(&self.0)).map_err(foyer::Error::io_error)
    }

    fn decode(reader: &mut impl Read) -> foyer::Result<Self> {
        let mut bytes = vec![0; 8 * u64::decode(reader)? as usize];
        reader.read_exact(&mut bytes).map_err(foyer::Error::io_error)?;
        Ok(Self(numbers(&bytes)))
    }

    fn estimated_size(&self) -> usize {
        8 + 8 * self.0.len()
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime for foyer")
});
pub static FOYER: LazyLock<HybridCache<u64, u64>> = LazyLock::new(|| open("foyer-small", CAPACITY));
pub static FOYER_LARGE: LazyLock<HybridCache<u64, Numbers>> = LazyLock::new(|| open("foyer-large", 64));

fn open<T: StorageValue>(name: &str, capacity: usize) -> HybridCache<u64, T> {
    let device = FsDeviceBuilder::new(folder(name)).with_capacity(512 << 20).build().expect("a folder for foyer");
    let builder = HybridCacheBuilder::new()
        .with_name(name.to_owned())
        // By default it writes entries that are evicted from memory, and here none are.
        .with_policy(HybridCachePolicy::WriteOnInsertion)
        .memory(capacity)
        .storage()
        .with_engine_config(BlockEngineConfig::new(device));
    RUNTIME.block_on(builder.build()).expect("a cache of foyer")
}

/// Runs a task. The caches open in their own tasks, so they are forced first.
fn run<T>(task: impl Future<Output = T>) -> T {
    LazyLock::force(&FOYER);
    LazyLock::force(&FOYER_LARGE);
    RUNTIME.block_on(task)
}

/// Runs the calls in one task that awaits each of them, as users of foyer do.
pub fn awaited<'a, F: Future<Output = bool>>(call: impl Fn(u64) -> F + Sync + 'a) -> Run<'a> {
    Box::new(move |calls: Calls| {
        run(async {
            let start = Instant::now();
            for n in calls {
                assert!(call(n).await, "a peer's result is wrong");
            }
            start.elapsed()
        })
    })
}

pub async fn foyer_hit(n: u64) -> bool {
    FOYER.get(&n).await.is_ok_and(|entry| entry.is_some_and(|entry| is_right(n, *entry.value())))
}

pub async fn foyer_large(n: u64) -> Option<Vec<f64>> {
    FOYER_LARGE.get(&n).await.ok()?.map(|entry| entry.value().0.clone())
}

/// Returns before the result is on disk. `foyer_written` waits for the disk.
pub async fn foyer_miss(n: u64) -> bool {
    if foyer_hit(n).await {
        return false;
    }
    is_right(n, *FOYER.insert(n, compute(n)).value())
}

pub fn foyer_written() {
    run(async {
        FOYER.storage().wait().await;
        FOYER_LARGE.storage().wait().await;
    });
}

/// Returns whether foyer has all results on disk. It drops entries that it can't write fast enough.
pub fn foyer_keeps(calls: Calls) -> bool {
    foyer_written();
    calls.into_iter().all(|n| FOYER.storage().may_contains(&n))
}

pub fn close_foyer() {
    run(async {
        FOYER.close().await.expect("foyer closes");
        FOYER_LARGE.close().await.expect("foyer closes");
    });
}

/// Waits until background work has ended, so that it does not disturb the next entrant.
pub fn settle() {
    foyer_written();
    std::thread::sleep(Duration::from_millis(1));
}
