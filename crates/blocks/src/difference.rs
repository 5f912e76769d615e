//! Elements as small numbers: differences between neighbours, in as few bytes as they need.

/// How elements are made small.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Narrowing {
    /// Bytes of an element before: 4 or 8.
    pub(crate) width: usize,
    /// Bytes of an element after: 1, 2, 4 or 8; the others are zero.
    pub(crate) narrow: usize,
    /// How often differences are taken.
    pub(crate) times: u8,
}

impl Narrowing {
    /// Returns the length of the seeds: the first element and, with differences of differences, the first difference.
    pub(crate) fn seeds_len(self) -> usize {
        self.width * usize::from(self.times)
    }

    /// Writes the small numbers to `target`, one for each element of `raw`. Returns whether all were small enough.
    pub(crate) fn take(self, raw: &[u8], target: &mut [u8], seeds: &mut [u8]) -> bool {
        match (self.width, self.narrow) {
            (4, 1) => take_32::<1>(self.times, raw, target, seeds),
            (4, 2) => take_32::<2>(self.times, raw, target, seeds),
            (4, _) => take_32::<4>(self.times, raw, target, seeds),
            (_, 1) => take_64::<1>(self.times, raw, target, seeds),
            (_, 2) => take_64::<2>(self.times, raw, target, seeds),
            (_, 4) => take_64::<4>(self.times, raw, target, seeds),
            (_, _) => take_64::<8>(self.times, raw, target, seeds),
        }
    }

    /// Reverses [`take`](Narrowing::take). `rest` has the bytes that `small` lacks.
    pub(crate) fn undo(self, small: &[u8], rest: u64, seeds: &[u8], target: &mut [u8]) {
        match (self.width, self.narrow) {
            (4, 1) => undo_32::<1>(self.times, small, rest, seeds, target),
            (4, 2) => undo_32::<2>(self.times, small, rest, seeds, target),
            (4, _) => undo_32::<4>(self.times, small, rest, seeds, target),
            (_, 1) => undo_64::<1>(self.times, small, rest, seeds, target),
            (_, 2) => undo_64::<2>(self.times, small, rest, seeds, target),
            (_, 4) => undo_64::<4>(self.times, small, rest, seeds, target),
            (_, _) => undo_64::<8>(self.times, small, rest, seeds, target),
        }
    }
}

macro_rules! narrowing {
    ($take:ident, $undo:ident, $unsigned:ty, $signed:ty) => {
        fn $take<const NARROW: usize>(times: u8, raw: &[u8], target: &mut [u8], seeds: &mut [u8]) -> bool {
            const WIDTH: usize = size_of::<$unsigned>();
            type Element = [u8; WIDTH];

            /// Computes one number from each window of `N` elements.
            fn each<const N: usize, const NARROW: usize>(
                raw: &[Element],
                target: &mut [[u8; NARROW]],
                number: impl Fn([$unsigned; N]) -> $unsigned,
            ) -> bool {
                let before = (N - 1).min(target.len());
                target[..before].fill([0; NARROW]);
                let mut any = 0;
                for (window, target) in raw.windows(N).zip(&mut target[before..]) {
                    let number = number(std::array::from_fn(|index| <$unsigned>::from_le_bytes(window[index])));
                    any |= number;
                    target.copy_from_slice(&number.to_le_bytes()[..NARROW]);
                }
                any >> (8 * NARROW - 1) >> 1 == 0
            }

            let (raw, target) = (raw.as_chunks::<WIDTH>().0, target.as_chunks_mut::<NARROW>().0);
            let at = |index: usize| raw.get(index).map_or(0, |element| <$unsigned>::from_le_bytes(*element));
            let first = [at(0), at(1).wrapping_sub(at(0))];
            for (seed, first) in seeds.as_chunks_mut::<WIDTH>().0.iter_mut().zip(first) {
                *seed = first.to_le_bytes();
            }
            let zigzag = |difference: $unsigned| {
                difference << 1 ^ (difference as $signed >> (<$unsigned>::BITS - 1)) as $unsigned
            };
            match times {
                0 => each(raw, target, |[a]| a),
                1 => each(raw, target, |[a, b]| zigzag(b.wrapping_sub(a))),
                _ => each(raw, target, |[a, b, c]| zigzag(c.wrapping_sub(b).wrapping_sub(b.wrapping_sub(a)))),
            }
        }

        fn $undo<const NARROW: usize>(times: u8, small: &[u8], rest: u64, seeds: &[u8], target: &mut [u8]) {
            const WIDTH: usize = size_of::<$unsigned>();
            let mut bytes = [0; WIDTH];
            bytes.copy_from_slice(&rest.to_le_bytes()[..WIDTH]);
            let rest = <$unsigned>::from_le_bytes(bytes);
            let number = |small: &[u8; NARROW]| {
                let mut bytes = [0; WIDTH];
                bytes[..NARROW].copy_from_slice(small);
                <$unsigned>::from_le_bytes(bytes) | rest
            };
            let small = small.as_chunks::<NARROW>().0;
            let mut elements = target.as_chunks_mut::<WIDTH>().0.iter_mut().zip(small.iter().map(number));
            let seed = |index: usize| {
                seeds.as_chunks::<WIDTH>().0.get(index).map_or(0, |seed| <$unsigned>::from_le_bytes(*seed))
            };
            let signed = |number: $unsigned| number >> 1 ^ (number & 1).wrapping_neg();
            let mut value = seed(0);
            match times {
                0 => elements.for_each(|(element, small)| *element = small.to_le_bytes()),
                // A table is faster for differences of one byte.
                1 if NARROW == 1 => {
                    let mut table = [0; 256];
                    for (entry, byte) in table.iter_mut().zip(0..=u8::MAX) {
                        let mut small = [0; NARROW];
                        small[0] = byte;
                        *entry = signed(number(&small));
                    }
                    for (element, small) in target.as_chunks_mut::<WIDTH>().0.iter_mut().zip(small) {
                        value = value.wrapping_add(table[usize::from(small[0])]);
                        *element = value.to_le_bytes();
                    }
                }
                1 => elements.for_each(|(element, small)| {
                    value = value.wrapping_add(signed(small));
                    *element = value.to_le_bytes();
                }),
                _ => {
                    let mut step = 0;
                    if let Some((first, small)) = elements.next() {
                        // Zero, unless the stream is hostile.
                        step = signed(small);
                        value = value.wrapping_add(step);
                        *first = value.to_le_bytes();
                    }
                    step = seed(1).wrapping_add(step);
                    elements.for_each(|(element, small)| {
                        step = signed(small).wrapping_add(step);
                        value = value.wrapping_add(step);
                        *element = value.to_le_bytes();
                    });
                }
            }
        }
    };
}

narrowing!(take_32, undo_32, u32, i32);
narrowing!(take_64, undo_64, u64, i64);
