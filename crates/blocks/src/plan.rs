//! How to pack a block, estimated from a sample of its elements.

use crate::bits;
use crate::difference::Narrowing;
use crate::shuffle::{WIDEST, shuffle};

/// The sample: runs of elements from all over the block, and the elements of each.
const RUNS: usize = 4;
const RUN_LEN: usize = 128;
const SAMPLE: usize = RUNS * RUN_LEN;

/// How to pack a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    /// Bytes of an element; 1 makes one stream of all bytes.
    pub(crate) width: usize,
    /// How often to take differences.
    pub(crate) differences: u8,
    /// Bytes of an element that are probably not zero everywhere, rounded up to a power of two.
    pub(crate) narrow: usize,
    /// The streams to try with the codec, one bit for each.
    pub(crate) attempts: u32,
    /// Whether the block will probably not shrink.
    pub(crate) hopeless: bool,
}

/// Returns the part of a stream that the codec has to save to be worth its decoding time: a 32nd, or a
/// sixth where differences have made the stream small already.
pub(crate) fn worth(times: u8) -> u8 {
    if times > 0 { 6 } else { 32 }
}

/// What a sample says about the streams.
struct Estimate {
    /// Bits of a packed element.
    bits: f32,
    narrow: usize,
    attempts: u32,
    hopeless: bool,
}

/// Makes plans for one codec.
pub(crate) struct Planner {
    /// Whether the codec spends fewer bits on more frequent bytes.
    frequencies: bool,
    /// The part of the entropy that a byte contributes which is in the sample this number of times.
    entropy_terms: Box<[f32]>,
}

impl Planner {
    pub(crate) fn new(frequencies: bool) -> Self {
        // Shannon's entropy, with the correction of Miller and Madow for small samples.
        let term = |count: usize| {
            let share = (count.max(1) as f32) / SAMPLE as f32;
            let correction = 1.0 / (2.0 * std::f32::consts::LN_2 * SAMPLE as f32);
            if count == 0 { 0.0 } else { -share * share.log2() + correction }
        };
        Planner { frequencies, entropy_terms: (0..=SAMPLE).map(term).collect() }
    }

    pub(crate) fn plan(&self, raw: &[u8], width: usize) -> Plan {
        let all = |width: usize| Plan { width, differences: 0, narrow: width, attempts: u32::MAX, hopeless: false };
        if raw.len() < 2 * SAMPLE * width {
            return all(width);
        }
        let mut sample = [0; SAMPLE * WIDEST];
        let sample = &mut sample[..SAMPLE * width];
        for (run, target) in sample.chunks_exact_mut(RUN_LEN * width).enumerate() {
            // A run in the middle of each quarter.
            let at = raw.len() / width * (2 * run + 1) / (2 * RUNS) * width;
            target.copy_from_slice(&raw[at..][..target.len()]);
        }
        let plain = self.estimate(sample, width, 0);
        let mut best = (0, plain);
        if matches!(width, 4 | 8) {
            for times in [1, 2] {
                let sample = &differences(sample, width, times)[..sample.len()];
                let estimate = self.estimate(sample, width, times);
                // Undoing differences takes time, so they have to save some space.
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
        // Planes are faster, so they are kept where they save enough.
        let repeats = estimate.bits > 5.0 * width as f32 && repeats(raw, width);
        Plan {
            width,
            differences,
            narrow: if matches!(width, 4 | 8) { estimate.narrow } else { width },
            attempts: if repeats { u32::MAX } else { estimate.attempts },
            hopeless: estimate.hopeless && !repeats,
        }
    }

    /// Estimates what the planes of the sample cost, after taking differences `times` times.
    fn estimate(&self, sample: &[u8], width: usize, times: u8) -> Estimate {
        let mut planes = [0; SAMPLE * WIDEST];
        let planes = &mut planes[..sample.len()];
        shuffle(sample, width, planes);
        let mut estimate = Estimate { bits: 0.0, narrow: 1, attempts: 0, hopeless: true };
        for (index, plane) in planes.chunks_exact(SAMPLE).enumerate() {
            let (varying, base) = bits::varying(plane);
            if varying | base != 0 {
                estimate.narrow = (index + 1).next_power_of_two();
            }
            let varying = varying.count_ones() as f32;
            let changes = plane.iter().zip(&plane[1..]).filter(|(a, b)| a != b).count();
            // A change costs zstd a literal and a match, and LZ4 a little more. LZ4 has no codes for frequent
            // bytes, but finds matches by chance if there are few others.
            let mut packed = fraction(changes) * if self.frequencies { 28.0 } else { 40.0 };
            if packed > 1.0 && varying > 1.0 {
                let entropy = self.entropy(plane);
                packed = packed.min(if self.frequencies { (0.25 + entropy).max(1.0) } else { 2.0 + 1.5 * entropy });
            }
            if packed < varying - varying / f32::from(worth(times)) || varying == 0.0 {
                // A plane that is constant in the sample may not be so in the block.
                estimate.attempts |= 1 << index;
            }
            let bits = packed.min(varying);
            estimate.hopeless &= bits > 7.8;
            estimate.bits += bits;
        }
        estimate
    }

    /// Returns the entropy of a plane of the sample, in bits.
    fn entropy(&self, plane: &[u8]) -> f32 {
        let mut counts = [0_u16; 256];
        for byte in plane {
            counts[usize::from(*byte)] += 1;
        }
        counts.iter().map(|count| self.entropy_terms[usize::from(*count).min(SAMPLE)]).sum()
    }
}

/// Takes differences within each run.
fn differences(sample: &[u8], width: usize, times: u8) -> [u8; SAMPLE * WIDEST] {
    let mut target = [0; SAMPLE * WIDEST];
    let narrowing = Narrowing { width, narrow: width, times };
    let run_len = RUN_LEN * width;
    for (run, target) in sample.chunks_exact(run_len).zip(target.chunks_exact_mut(run_len)) {
        narrowing.take(run, target, &mut []);
    }
    target
}

/// Estimates the bits of an element in one stream of whole elements, if most elements equal the one before. Each
/// change costs the codec an element and a match.
fn whole(sample: &[u8], width: usize) -> f32 {
    let changes = sample.chunks_exact(width).zip(sample[width..].chunks_exact(width)).filter(|(a, b)| a != b).count();
    if fraction(changes) < 0.5 { fraction(changes) * 3.5 * (width + 6) as f32 } else { f32::INFINITY }
}

fn fraction(count: usize) -> f32 {
    count as f32 / SAMPLE as f32
}

/// Whether elements of one part of the block occur again in another, in the same order. The planes of a small
/// sample don't show that.
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
    // Remembers keys of the second quarter, then looks for them in the second half, at a stride that no period divides.
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
