//! Reading LZ4 blocks. lz4_flex writes them; when it reads them, in its safe form, a match that
//! overlaps itself is copied byte by byte, and such matches are most of what arrays consist of.

/// Literals and matches up to this length are copied as if they had it, where there is room.
const CHUNK: usize = 16;

/// Fills `target` with the content of a block; `None` if that is not just what the block holds.
pub(super) fn unpack(packed: &[u8], target: &mut [u8]) -> Option<()> {
    let (mut from, mut to) = (0, 0);
    loop {
        let token = *packed.get(from)?;
        from += 1;

        let literals = length(packed, &mut from, token >> 4)?;
        match (packed[from..].first_chunk::<CHUNK>(), target[to..].first_chunk_mut::<CHUNK>()) {
            (Some(source), Some(target)) if literals <= CHUNK => *target = *source,
            _ => target.get_mut(to..to.checked_add(literals)?)?.copy_from_slice(packed[from..].get(..literals)?),
        }
        from += literals;
        to += literals;
        if from == packed.len() {
            return (to == target.len()).then_some(());
        }

        let distance = usize::from(u16::from_le_bytes(*packed.get(from..)?.first_chunk()?));
        from += 2;
        let matched = length(packed, &mut from, token & 0x0f)?.checked_add(4)?;
        if distance == 0 || distance > to || matched > target.len() - to {
            return None;
        }
        copy_match(target, to, distance, matched);
        to += matched;
    }
}

/// A length of which the token has only the lower part.
#[inline(always)]
fn length(packed: &[u8], from: &mut usize, start: u8) -> Option<usize> {
    let mut length = usize::from(start);
    if start == 15 {
        loop {
            let more = *packed.get(*from)?;
            *from += 1;
            length = length.checked_add(usize::from(more))?;
            if more != 255 {
                break;
            }
        }
    }
    (*from <= packed.len()).then_some(length)
}

/// Appends `len` bytes to the first `at`, each like the one `distance` bytes before it.
#[inline(always)]
fn copy_match(target: &mut [u8], at: usize, distance: usize, len: usize) {
    if len <= CHUNK && distance >= CHUNK && at + CHUNK <= target.len() {
        target.copy_within(at - distance..at - distance + CHUNK, at);
    } else if distance >= len {
        target.copy_within(at - distance..at - distance + len, at);
    } else {
        repeat(target, at, distance, len);
    }
}

/// The same where what is copied overlaps what it is copied to.
fn repeat(target: &mut [u8], at: usize, distance: usize, len: usize) {
    let (before, after) = target.split_at_mut(at);
    let pattern = &before[at - distance..];
    let after = &mut after[..len];
    if distance == 1 {
        after.fill(pattern[0]);
    } else if CHUNK.is_multiple_of(distance) {
        let pattern: [u8; CHUNK] = std::array::from_fn(|index| pattern[index % distance]);
        let (chunks, rest) = after.as_chunks_mut::<CHUNK>();
        chunks.fill(pattern);
        rest.copy_from_slice(&pattern[..rest.len()]);
    } else {
        // What has been copied is as good a source as the pattern, and longer each time.
        let mut copied = distance.min(len);
        after[..copied].copy_from_slice(&pattern[..copied]);
        while copied < len {
            let next = copied.min(len - copied);
            after.copy_within(..next, copied);
            copied += next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::compress::blocks::tests::Random;

    /// Bytes with matches of all distances and lengths.
    fn content(random: &mut Random) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..if cfg!(miri) { 4 } else { 40 } {
            let literals = random.below(40);
            bytes.extend((0..literals).map(|_| random.next().to_le_bytes()[0]));
            let farthest = [3, 20, 300][random.below(3)];
            let distance = 1 + random.below(farthest);
            for _ in 0..random.below(700) {
                if let Some(from) = bytes.len().checked_sub(distance) {
                    bytes.push(bytes[from]);
                }
            }
        }
        bytes
    }

    #[test]
    fn it_reads_what_lz4_flex_writes() {
        let mut random = Random(21);
        for _ in 0..if cfg!(miri) { 3 } else { 500 } {
            let content = content(&mut random);
            let packed = lz4_flex::block::compress(&content);
            let mut target = vec![0; content.len()];
            assert!(unpack(&packed, &mut target).is_some());
            assert!(target == content);
            assert!(unpack(&packed, &mut vec![0; content.len() + 1]).is_none());
            assert!(content.is_empty() || unpack(&packed, &mut target[1..]).is_none());
        }
    }

    #[test]
    fn of_damaged_blocks_it_thinks_like_lz4_flex() {
        let mut random = Random(22);
        for _ in 0..if cfg!(miri) { 2 } else { 300 } {
            let content = content(&mut random);
            let mut packed = lz4_flex::block::compress(&content);
            for _ in 0..20 {
                let at = random.below(packed.len());
                let before = std::mem::replace(&mut packed[at], random.next().to_le_bytes()[0]);
                let (mut one, mut other) = (vec![0; content.len()], vec![0; content.len()]);
                let expected = lz4_flex::block::decompress_into(&packed, &mut other);
                let whole = matches!(expected, Ok(len) if len == content.len());
                assert_eq!(unpack(&packed, &mut one).is_some(), whole);
                assert!(!whole || one == other);
                unpack(&packed[..at], &mut one);
                packed[at] = before;
            }
        }
    }
}
