//! One member in memory.

use std::io;

use crate::format::compress::multi_member::Decoder;

/// The first guess at how much content there is.
const STEP: usize = 256 << 10;

/// Reads the one member that `decoder`'s source holds, with at most `largest` bytes of content. What was
/// in `content` is overwritten: to fill it with zeros for each member would cost as much as some
/// decoders take.
pub(super) fn read_whole<'r>(
    mut decoder: Box<dyn Decoder<'r> + 'r>,
    largest: usize,
    content: &mut Vec<u8>,
) -> io::Result<()> {
    let mut len = 0;
    loop {
        if len < content.len() {
            let count = decoder.read(&mut content[len..])?;
            len += count;
            if count == 0 {
                break;
            }
            continue;
        }
        // As a rule, members are of one size, and this one ends here.
        let mut more = [0; 64];
        let count = decoder.read(&mut more)?;
        if count == 0 {
            break;
        }
        if len + count > largest {
            return Err(io::Error::other("the member is too large to be held in memory"));
        }
        let room = (2 * (len + count)).clamp(STEP, largest);
        content.reserve_exact(room - len);
        content.extend_from_slice(&more[..count]);
        len = content.len();
        content.resize(room, 0);
    }
    content.truncate(len);
    if !decoder.into_source().fill_buf()?.is_empty() {
        return Err(io::Error::other("the member ends early"));
    }
    Ok(())
}
