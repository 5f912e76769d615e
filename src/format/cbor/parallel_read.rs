//! Reads a large part of a file with several threads, each of which also hashes the bytes it reads.

use crate::error::Result;
use crate::format::cbor::checksum::{Checksum, PIECE, of_piece};
use crate::sys::file::FileRange;
use crate::sys::workers::{threads, try_map};

/// Minimum bytes that a thread reads at a time. At a boundary between two threads both may fault in the same huge page,
/// and one copy is thrown away. So shares are large, but there are enough of them that a faster thread can take more.
const SMALLEST_SHARE: usize = 8 * PIECE;
const SHARES_A_THREAD: usize = 4;

/// Fills `target` with the bytes at offset `at`, and adds them to the checksum.
pub(super) fn read(file: FileRange<'_>, at: u64, target: &mut [u8], checksum: &mut Checksum) -> Result<()> {
    // The bytes before the first piece boundary and after the last one belong to pieces that are shared with their
    // neighbours.
    let start = if checksum.to_boundary() == PIECE { 0 } else { checksum.to_boundary().min(target.len()) };
    let (first, rest) = target.split_at_mut(start);
    let (whole, last) = rest.split_at_mut(rest.len() / PIECE * PIECE);
    file.read_exact_at(at, first)?;
    checksum.update(first);
    for piece in read_pieces(file, at + first.len() as u64, whole)? {
        checksum.add_piece(piece);
    }
    file.read_exact_at(at + (first.len() + whole.len()) as u64, last)?;
    checksum.update(last);
    Ok(())
}

/// Fills `target`, which consists of whole pieces. Returns the checksum of each.
fn read_pieces(file: FileRange<'_>, at: u64, target: &mut [u8]) -> Result<Vec<u64>> {
    let share = (target.len() / (SHARES_A_THREAD * threads()) / PIECE * PIECE).max(SMALLEST_SHARE);
    let shares = target.chunks_mut(share).enumerate();
    let checksums = try_map(
        threads().min(shares.len()),
        shares,
        || (),
        |(), (index, target)| {
            let at = at + (index * share) as u64;
            let read = |(index, piece): (usize, &mut [u8])| {
                file.read_exact_at(at + (index * PIECE) as u64, piece)?;
                Ok(of_piece(piece))
            };
            target.chunks_mut(PIECE).enumerate().map(read).collect::<Result<Vec<_>>>()
        },
    )?;
    Ok(checksums.concat())
}
