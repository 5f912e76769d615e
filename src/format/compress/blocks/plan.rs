//! How to pack a block, told from a sample of its elements.

use crate::format::compress::blocks::difference::Narrowing;
use crate::format::compress::blocks::shuffle;
use crate::format::compress::blocks::shuffle::WIDEST;
use crate::sys::fork::once::Lazy;

/// The sample: so many runs of elements from all over the block, so long each.
const RUNS: usize = 4;
const RUN_LEN: usize = 128;

/// What is to be done with a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// Bytes of what is taken for an element; 1 makes one stream of all bytes.
    pub(super) width: usize,
    /// How many times to take differences.
    pub(super) differences: u8,
    /// Bytes of an element that are likely not to be zero in all, or some more.
    pub(super) narrow: usize,
    /// The streams that are worth a try with the codec, bit by bit.
    pub(super) attempts: u32,
    /// Whether nothing seems to be gained at all.
    pub(super) hopeless: bool,
}

/// The part of a stream that the codec has to save, for the time that reading it takes: a 32nd, or a
/// sixth where differences have made it small already.
pub(super) fn worth(times: u8) -> u8 {
    if times > 0 { 6 } else { 32 }
}

/// What the streams of a sample look like.
struct Estimate {
    /// Bits of a packed element.
    bits: f32,
    narrow: usize,
    attempts: u32,
    hopeless: bool,
}

impl Plan {
    /// `frequencies` says whether the codec makes use of some bytes being more frequent than others.
    pub(super) fn new(raw: &[u8], width: usize, frequencies: bool) -> Plan {
        let all = |width: usize| Plan { width, differences: 0, narrow: width, attempts: u32::MAX, hopeless: false };
        if raw.len() < 2 * RUNS * RUN_LEN * width {
            return all(width);
        }
        let mut sample = [0; RUNS * RUN_LEN * WIDEST];
        let sample = &mut sample[..RUNS * RUN_LEN * width];
        for (run, target) in sample.chunks_exact_mut(RUN_LEN * width).enumerate() {
            // A run in the middle of each quarter.
            let at = raw.len() / width * (2 * run + 1) / (2 * RUNS) * width;
            target.copy_from_slice(&raw[at..][..target.len()]);
        }
        let plain = estimate(sample, width, 0, frequencies);
        let mut best = (0, plain);
        if matches!(width, 4 | 8) {
            for times in [1, 2] {
                let sample = &differences(sample, width, times)[..sample.len()];
                let estimate = estimate(sample, width, times, frequencies);
                // Differences take time to undo, so they have to be worth it.
                if estimate.bits > 0.93 * best.1.bits {
                    break;
                }
                best = (times, estimate);
            }
        }
        let (differences, estimate) = best;
        if width > 1 && whole(sample, width) < estimate.bits {
            return all(1);
        }
        // What planes do well enough, they do fast.
        let repeats = estimate.bits > 5.0 * width as f32 && repeats(raw, width);
        Plan {
            width,
            differences,
            narrow: if matches!(width, 4 | 8) { estimate.narrow } else { width },
            attempts: if repeats { u32::MAX } else { estimate.attempts },
            hopeless: estimate.hopeless && !repeats,
        }
    }
}

/// The differences within each run.
fn differences(sample: &[u8], width: usize, times: u8) -> [u8; RUNS * RUN_LEN * WIDEST] {
    let mut target = [0; RUNS * RUN_LEN * WIDEST];
    let narrowing = Narrowing { width, narrow: width, times };
    let run_len = RUN_LEN * width;
    for (run, target) in sample.chunks_exact(run_len).zip(target.chunks_exact_mut(run_len)) {
        narrowing.take(run, target, &mut []);
    }
    target
}

/// Bits of an element in one stream of whole elements, if most of them are the same as the one before.
/// Where that changes, and where it changes back, there are an element and a match of some bytes.
fn whole(sample: &[u8], width: usize) -> f32 {
    let changes = sample.chunks_exact(width).zip(sample[width..].chunks_exact(width)).filter(|(a, b)| a != b).count();
    if fraction(changes) < 0.5 { fraction(changes) * 3.5 * (width + 6) as f32 } else { f32::INFINITY }
}

fn fraction(count: usize) -> f32 {
    count as f32 / (RUNS * RUN_LEN) as f32
}

/// What planes of the sample would cost, of which differences have been taken so many times.
fn estimate(sample: &[u8], width: usize, times: u8, frequencies: bool) -> Estimate {
    let mut planes = [0; RUNS * RUN_LEN * WIDEST];
    let planes = &mut planes[..sample.len()];
    shuffle::shuffle(sample, width, planes);
    let mut estimate = Estimate { bits: 0.0, narrow: 1, attempts: 0, hopeless: true };
    for (index, plane) in planes.chunks_exact(RUNS * RUN_LEN).enumerate() {
        let (varying, base) = super::bits::varying(plane);
        if varying | base != 0 {
            estimate.narrow = (index + 1).next_power_of_two();
        }
        let varying = varying.count_ones() as f32;
        let changes = plane.iter().zip(&plane[1..]).filter(|(a, b)| a != b).count();
        // A change costs zstd a literal and a match, and LZ4 somewhat more. What zstd makes of frequent
        // bytes, LZ4 finds by chance, if there are few others.
        let mut packed = fraction(changes) * if frequencies { 28.0 } else { 40.0 };
        if packed > 1.0 && varying > 1.0 {
            let entropy = entropy(plane);
            packed = packed.min(if frequencies { (0.25 + entropy).max(1.0) } else { 2.0 + 1.5 * entropy });
        }
        if packed < varying - varying / f32::from(worth(times)) || varying == 0.0 {
            // What the sample takes for constant may not be.
            estimate.attempts |= 1 << index;
        }
        let bits = packed.min(varying);
        estimate.hopeless &= bits > 7.8;
        estimate.bits += bits;
    }
    estimate
}

/// Shannon's entropy of a plane in bits, with the correction of Miller and Madow for small samples.
fn entropy(plane: &[u8]) -> f32 {
    const LEN: usize = RUNS * RUN_LEN;
    /// What a byte contributes that is there so many times.
    static TERMS: Lazy<[f32; LEN + 1]> = Lazy::new(|| {
        std::array::from_fn(|count| {
            let share = (count.max(1) as f32) / LEN as f32;
            if count == 0 { 0.0 } else { -share * share.log2() + 1.0 / (2.0 * std::f32::consts::LN_2 * LEN as f32) }
        })
    });
    let mut counts = [0_u16; 256];
    for byte in plane {
        counts[usize::from(*byte)] += 1;
    }
    let terms = &*TERMS;
    counts.iter().map(|count| terms[usize::from(*count).min(LEN)]).sum()
}

/// Whether elements of one place come again elsewhere in the same order, which the planes of a small
/// sample don't show.
fn repeats(raw: &[u8], width: usize) -> bool {
    const SLOTS: usize = 1024;
    let key = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&raw[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let step = width.max(2);
    let slot = |key: u64| (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize;
    let mut seen = [0_u64; SLOTS];
    // Places in the second quarter, then, at a stride that no period divides, all over the rest.
    let start = raw.len() / 4 / width * width;
    for index in 0..SLOTS / 2 {
        let key = key((start + index * step).min(raw.len() - 8));
        seen[slot(key)] = key;
    }
    let (from, stride) = (raw.len() / 2 / width * width, 5 * step);
    let probes = (raw.len() - 8 - from).div_ceil(stride).min(1000);
    let hits = (0..probes)
        .filter(|probe| {
            let key = key(from + probe * stride);
            seen[slot(key)] == key
        })
        .count();
    hits > probes / 32
}
