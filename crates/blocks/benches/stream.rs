//! Packing and unpacking of 16 MiB of numbers, of each kind, on one thread and on two: MB/s of content, best of several
//! runs.
//!
//! `cargo bench -p larder-blocks --features lz4,zstd --bench stream`

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "it is a benchmark"
)]

use std::hint::black_box;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use larder_blocks::{Codec, Reader, Writer};

const LEN: usize = 16 << 20;
const ROUNDS: usize = 11;

const CODECS: &[Codec] = &[
    #[cfg(feature = "lz4")]
    Codec::Lz4,
    #[cfg(feature = "zstd")]
    Codec::Zstd { level: 1 },
];

/// Returns the shortest time.
fn least(mut run: impl FnMut()) -> Duration {
    let times = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        run();
        started.elapsed()
    });
    times.min().unwrap()
}

fn pack(codec: Codec, threads: NonZeroUsize, content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(codec, threads, Vec::with_capacity(LEN + LEN / 8)).unwrap();
    writer.array_ahead(8, content.len() as u64).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn main() {
    let noise = |n: u64| (n ^ 0x9e37_79b9).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
    let numbers: [(&str, &dyn Fn(u64) -> u64); 5] = [
        ("smooth", &|n| (n as f64 * 1e-3).sin().to_bits()),
        ("noisy", &|n| ((n as f64 * 1e-3).sin() + noise(n) as f64 * 1e-12).to_bits()),
        ("integers", &|n| n / 3 + noise(n) % 100),
        ("sparse", &|n| if noise(n).is_multiple_of(50) { (n as f64).to_bits() } else { 0 }),
        ("categories", &|n| noise(n / 40) % 7 * 0x0101_0101_0101),
    ];
    for (name, number) in numbers {
        let content: Vec<u8> = (0..LEN as u64 / 8).flat_map(|index| number(index).to_le_bytes()).collect();
        let mut back = vec![0; LEN];
        for &codec in CODECS {
            for threads in [1, 2] {
                let threads = NonZeroUsize::new(threads).unwrap();
                let stream = pack(codec, threads, &content);
                let rate = |time: Duration| LEN as f64 / 1e6 / time.as_secs_f64();
                let packing = rate(least(|| drop(black_box(pack(codec, threads, black_box(&content))))));
                let unpacking =
                    rate(least(|| Reader::new(threads, black_box(stream.as_slice())).read_exact(&mut back).unwrap()));
                assert!(back == content);
                let size = stream.len() as f64 / LEN as f64;
                println!(
                    "{name}, {codec:?}, {threads} threads: pack {packing:.0}, unpack {unpacking:.0}, size {size:.3}"
                );
            }
        }
    }
}
