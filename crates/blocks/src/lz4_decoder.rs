//! Reads LZ4 blocks. The safe decoder of lz4_flex copies a match that overlaps itself byte by byte; most matches in
//! arrays are of that kind. `benches/lz4_decoder.rs` compares the two.

/// Shorter literals and matches are copied as if they had this length, where there is room.
const CHUNK: usize = 16;

/// Fills `target` with the content of a block. Returns `None` if the block is damaged or has another length.
pub(crate) fn unpack(packed: &[u8], target: &mut [u8]) -> Option<()> {
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

/// Reads the rest of a length that begins in the token.
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

/// Does the same where source and target overlap.
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
        // The copied part continues the pattern, so it is a longer source each time.
        let mut copied = distance.min(len);
        after[..copied].copy_from_slice(&pattern[..copied]);
        while copied < len {
            let next = copied.min(len - copied);
            after.copy_within(..next, copied);
            copied += next;
        }
    }
}
