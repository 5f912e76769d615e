//! Differences between one element and the next, as numbers that are small if these are close.

use super::invalid;

/// Bytes of what [`take`] puts aside: one element for each time.
pub(super) fn seeds_len(width: usize, times: u8) -> usize {
    width * usize::from(times)
}

macro_rules! differences {
    ($take:ident, $undo:ident, $unsigned:ty, $signed:ty) => {
        fn $take<const TIMES: usize>(raw: &[u8], target: &mut [u8], seeds: &mut [u8]) {
            const WIDTH: usize = size_of::<$unsigned>();
            let (raw, target) = (raw.as_chunks::<WIDTH>().0, target.as_chunks_mut::<WIDTH>().0);
            let seeds = seeds.as_chunks_mut::<WIDTH>().0;
            let at = |index: usize| <$unsigned>::from_le_bytes(raw[index]);
            let start = TIMES.min(raw.len());
            target[..start].fill([0; WIDTH]);
            for (index, seed) in seeds.iter_mut().enumerate().take(start) {
                let value = if index == 0 { at(0) } else { at(1).wrapping_sub(at(0)) };
                *seed = value.to_le_bytes();
            }
            let folded = |difference: $unsigned| {
                let sign = (difference as $signed >> (<$unsigned>::BITS - 1)) as $unsigned;
                (difference << 1 ^ sign).to_le_bytes()
            };
            for (window, target) in raw.windows(TIMES + 1).zip(&mut target[start..]) {
                let at = |index: usize| <$unsigned>::from_le_bytes(window[index]);
                *target = folded(match TIMES {
                    1 => at(1).wrapping_sub(at(0)),
                    _ => at(2).wrapping_sub(at(1)).wrapping_sub(at(1).wrapping_sub(at(0))),
                });
            }
        }

        fn $undo<const TIMES: usize>(target: &mut [u8], seeds: &[u8]) {
            const WIDTH: usize = size_of::<$unsigned>();
            let target = target.as_chunks_mut::<WIDTH>().0;
            let seed = |index: usize| {
                seeds.as_chunks::<WIDTH>().0.get(index).map_or(0, |seed| <$unsigned>::from_le_bytes(*seed))
            };
            let (mut value, mut step) = (seed(0), seed(1));
            let start = TIMES.min(target.len());
            if let Some(first) = target.first_mut() {
                *first = value.to_le_bytes();
            }
            if let Some(second) = target[..start].get_mut(1) {
                value = value.wrapping_add(step);
                *second = value.to_le_bytes();
            }
            for element in &mut target[start..] {
                let folded = <$unsigned>::from_le_bytes(*element);
                let difference = folded >> 1 ^ (folded & 1).wrapping_neg();
                step = if TIMES == 1 { difference } else { step.wrapping_add(difference) };
                value = value.wrapping_add(step);
                *element = value.to_le_bytes();
            }
        }
    };
}

differences!(take_32, undo_32, u32, i32);
differences!(take_64, undo_64, u64, i64);

/// Writes the differences of `raw` to `target`, of the same length, and appends the seeds.
pub(super) fn take(raw: &[u8], width: usize, times: u8, target: &mut [u8], seeds: &mut Vec<u8>) {
    let at = seeds.len();
    seeds.resize(at + seeds_len(width, times), 0);
    let seeds = &mut seeds[at..];
    match (width, times) {
        (4, 1) => take_32::<1>(raw, target, seeds),
        (4, _) => take_32::<2>(raw, target, seeds),
        (_, 1) => take_64::<1>(raw, target, seeds),
        (_, _) => take_64::<2>(raw, target, seeds),
    }
}

/// Makes of differences the elements again, in place.
pub(super) fn undo(target: &mut [u8], width: usize, times: u8, seeds: &[u8]) -> std::io::Result<()> {
    match (width, times) {
        (_, 0) => {}
        (4, 1) => undo_32::<1>(target, seeds),
        (4, 2) => undo_32::<2>(target, seeds),
        (8, 1) => undo_64::<1>(target, seeds),
        (8, 2) => undo_64::<2>(target, seeds),
        _ => return Err(invalid("a block has differences of such elements")),
    }
    Ok(())
}
