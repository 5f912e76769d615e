//! The header of `.lzma`, a format without a magic.
//!
//! ```text
//! (pb * 5 + lp) * 9 + lc: u8,  size of the dictionary: u32,  size of the content, or -1: u64,  the stream, from 00 on
//! ```

/// Bytes that are compared: the header, and the first byte of the stream, which is always 0.
pub(super) const LEN: usize = 14;

/// Size limit of the content in a plausible header, in bytes. `xz` has the same one.
const LARGEST: u64 = 1 << 38;

/// Returns whether these bytes, at least five, can begin a header: with properties that exist (of `lc` and `lp`, the
/// decoders allow a sum of at most 4), and a size of the dictionary that encoders choose (from 4 KiB on 2^n and
/// 2^n + 2^(n-1), or the largest).
pub(super) fn may_begin(head: &[u8]) -> bool {
    let Some(&[properties, a, b, c, d]) = head.first_chunk() else { return false };
    let (lc, lp, pb) = (properties % 9, properties / 9 % 5, properties / 45);
    let dictionary = u32::from_le_bytes([a, b, c, d]);
    let is_chosen = dictionary >= 4096 && {
        let highest = 1 << dictionary.ilog2();
        let rest = dictionary ^ highest;
        rest == 0 || rest == highest >> 1 || dictionary == u32::MAX
    };
    pb < 5 && lc + lp <= 4 && is_chosen
}

/// Returns whether these bytes begin with a plausible header.
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some([_, _, _, _, _, size @ .., first]) = head.first_chunk::<LEN>() else { return false };
    let size = u64::from_le_bytes(*size);
    may_begin(head) && (size == u64::MAX || size < LARGEST) && *first == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(properties: u8, dictionary: u32, size: u64) -> Vec<u8> {
        [&[properties][..], &dictionary.to_le_bytes(), &size.to_le_bytes(), &[0, 0x12]].concat()
    }

    #[test]
    fn only_plausible_headers_are_recognised() {
        for properties in [0x5d, 0x5e, 0x6e, 0, 4 * 45] {
            for dictionary in [4096, 6144, 1 << 23, 3 << 24, u32::MAX] {
                for size in [u64::MAX, 0, 1, 1 << 37] {
                    assert!(is_header(&header(properties, dictionary, size)), "{properties} {dictionary} {size}");
                }
            }
        }
        // lc = 5, lc + lp = 5, and pb = 5.
        for properties in [5, 9 + 4, 225, 0xd9] {
            assert!(!may_begin(&header(properties, 1 << 20, 1)), "{properties}");
        }
        for dictionary in [0, 2048, 5000, 7 << 20, u32::MAX - 1] {
            assert!(!may_begin(&header(0x5e, dictionary, 1)), "{dictionary}");
        }
        assert!(!is_header(&header(0x5e, 1 << 20, LARGEST)));
        let mut other = header(0x5e, 1 << 20, 1);
        other[13] = 1;
        assert!(!is_header(&other));
        assert!(!is_header(&other[..13]));
    }
}
