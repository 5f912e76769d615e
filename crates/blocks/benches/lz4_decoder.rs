//! The crate's own LZ4 decoder against that of lz4_flex in its safe form, on the LZ4 blocks in streams of this format. One
//! run alternates between both, and compares the shortest times.
//!
//! `cargo bench -p larder-blocks --features lz4 --bench lz4_decoder`
//!
//! On two cores of an AMD EPYC (Zen 4), minima of 61 runs, time of lz4_flex / own time: smooth 4.1, noisy 3.2, sorted 1.1,
//! sparse 4.1, categories 4.6. lz4_flex copies a match that overlaps itself byte by byte, and arrays have many of those.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "it is a benchmark"
)]

#[path = "../src/lz4_decoder.rs"]
mod lz4_decoder;

use std::hint::black_box;
use std::io::Write;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use larder_blocks::{Codec, Writer};

const LEN: usize = 4 << 20;
const ROUNDS: usize = 61;

fn pack(content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(Codec::Lz4, NonZeroUsize::MIN, Vec::new()).unwrap();
    writer.array_ahead(8, content.len() as u64).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

/// Returns the LZ4 blocks of a stream, each with the length of its content. See the crate's documentation for the format.
fn lz4_blocks(mut stream: &[u8]) -> Vec<(&[u8], usize)> {
    let length = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap()) as usize;
    let mut found = Vec::new();
    stream = &stream[9..];
    loop {
        let (header, rest) = stream.split_at(20);
        let (raw_len, packed_len) = (length(&header[..4]), length(&header[4..8]));
        if raw_len == 0 {
            return found;
        }
        let (block, rest) = rest.split_at(packed_len);
        stream = rest;
        let (width, filter) = (usize::from(header[8]), usize::from(header[9]));
        if filter == 0 {
            continue;
        }
        let plane_len = raw_len / width;
        let (table, coded) = block.split_at(4 * width);
        let mut coded = &coded[width * (filter - 1)..];
        for entry in table.chunks_exact(4) {
            let len = match entry[0] {
                2 => entry[1].count_ones() as usize * plane_len.div_ceil(8),
                3 => length(&[entry[1], entry[2], entry[3], 0]),
                _ => 0,
            };
            let (start, rest) = coded.split_at(len);
            coded = rest;
            if entry[0] == 3 {
                found.push((start, plane_len));
            }
        }
    }
}

fn main() {
    let noise = |n: u64| (n ^ 0x9e37_79b9).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
    let numbers: [(&str, &dyn Fn(u64) -> u64); 5] = [
        ("smooth", &|n| (n as f64 * 1e-3).sin().to_bits()),
        ("noisy", &|n| ((n as f64 * 1e-3).sin() + noise(n) as f64 * 1e-12).to_bits()),
        ("sorted", &|n| n / 100),
        ("sparse", &|n| if noise(n).is_multiple_of(50) { (n as f64).to_bits() } else { 0 }),
        ("categories", &|n| noise(n / 40) % 7 * 0x0101_0101_0101),
    ];
    for (name, number) in numbers {
        let content: Vec<u8> = (0..LEN as u64 / 8).flat_map(|index| number(index).to_le_bytes()).collect();
        let stream = pack(&content);
        let blocks = lz4_blocks(&stream);
        let longest = blocks.iter().map(|(_, len)| *len).max().unwrap_or(0);
        let (mut one, mut other) = (vec![0; longest], vec![0; longest]);
        let mut least = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            let started = Instant::now();
            for (packed, len) in &blocks {
                lz4_decoder::unpack(black_box(packed), &mut one[..*len]).unwrap();
            }
            least[0] = least[0].min(started.elapsed());
            let started = Instant::now();
            for (packed, len) in &blocks {
                lz4_flex::block::decompress_into(black_box(packed), &mut other[..*len]).unwrap();
            }
            least[1] = least[1].min(started.elapsed());
        }
        assert_eq!(one, other);
        let [own, flex] = least.map(|time| time.as_secs_f64() * 1e3);
        println!(
            "{name}: {} LZ4 blocks, own {own:.2} ms, lz4_flex {flex:.2} ms, ratio {:.2}",
            blocks.len(),
            flex / own
        );
    }
}
