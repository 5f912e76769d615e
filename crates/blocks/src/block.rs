//! One block: content to bytes, and back.

use std::io;

use crate::bits;
use crate::codec::Codec;
use crate::difference::Narrowing;
use crate::error::invalid;
use crate::header::{Filter, HEADER_LEN, Header, header};
use crate::plan::{Plan, Planner, worth};
use crate::shuffle::{WIDEST, shuffle, unshuffle};
use crate::stream_codec::StreamCodec;
use crate::streams::{ENTRY_LEN, Stream};

/// The tables and buffers that one thread needs to pack and unpack blocks, kept from one block to the next.
pub(crate) struct Worker {
    planner: Planner,
    codec: Box<dyn StreamCodec>,
    planes: Vec<u8>,
    small: Vec<u8>,
}

impl Worker {
    /// # Errors
    /// If the codec is not in this build.
    pub(crate) fn new(codec: Codec) -> io::Result<Self> {
        let planner = Planner::new(codec.codes_frequencies());
        Ok(Worker { planner, codec: codec.open()?, planes: Vec::new(), small: Vec::new() })
    }

    /// Replaces the content of `target` with block number `index`. Returns whether the caller has to write `raw` after
    /// it, unchanged.
    pub(crate) fn pack(&mut self, raw: &[u8], width: usize, index: u64, target: &mut Vec<u8>) -> io::Result<bool> {
        let width = if raw.len().is_multiple_of(width) { width } else { 1 };
        let plan = self.planner.plan(raw, width);
        target.clear();
        target.reserve(HEADER_LEN + raw.len());
        target.extend([0; HEADER_LEN]);
        let coded_len = if plan.hopeless { None } else { self.pack_planes(raw, plan, target)? };
        let Some(coded_len) = coded_len else {
            target.clear();
            target.extend(header(index, plan.width, Filter::Stored, raw.len(), &[], raw));
            return Ok(true);
        };
        let filter = Filter::Planes { differences: plan.differences };
        let (start, packed) = target.split_at_mut(HEADER_LEN);
        start.copy_from_slice(&header(index, plan.width, filter, packed.len(), &packed[..coded_len], raw));
        Ok(false)
    }

    /// Appends the streams. Returns the length of those that need decoding, or `None` if the block does not shrink.
    fn pack_planes(&mut self, raw: &[u8], plan: Plan, target: &mut Vec<u8>) -> io::Result<Option<usize>> {
        let Plan { width, differences: times, attempts, .. } = plan;
        let table_at = target.len();
        target.resize(table_at + width * ENTRY_LEN, 0);
        let mut narrowing = Narrowing { width, narrow: plan.narrow, times };
        let seeds_at = target.len();
        target.resize(seeds_at + narrowing.seeds_len(), 0);
        let mut elements = raw;
        if narrowing.narrow < width || times > 0 {
            let seeds = &mut target[seeds_at..];
            let small = sized(&mut self.small, raw.len());
            if !narrowing.take(raw, &mut small[..raw.len() / width * narrowing.narrow], seeds) {
                narrowing.narrow = width;
                narrowing.take(raw, small, seeds);
            }
            elements = &small[..raw.len() / width * narrowing.narrow];
        }
        let planes = if narrowing.narrow > 1 {
            let planes = sized(&mut self.planes, elements.len());
            shuffle(elements, narrowing.narrow, planes);
            planes
        } else {
            elements
        };
        // Narrowing leaves these planes out.
        for entry in target[table_at..seeds_at].chunks_exact_mut(ENTRY_LEN).skip(narrowing.narrow) {
            entry.copy_from_slice(&Stream::Fill(0).to_bytes());
        }
        let plane_len = raw.len() / width;
        let mut raw_planes = [&[][..]; WIDEST];
        let mut raw_count = 0;
        for (index, plane) in planes.chunks_exact(plane_len).enumerate() {
            let worth = (attempts >> index & 1 == 1).then(|| worth(times));
            let stream = pack_stream(&mut *self.codec, plane, worth, target)?;
            if stream == Stream::Raw {
                raw_planes[raw_count] = plane;
                raw_count += 1;
            }
            target[table_at + index * ENTRY_LEN..][..ENTRY_LEN].copy_from_slice(&stream.to_bytes());
        }
        let coded_len = target.len() - table_at;
        if coded_len + raw_count * plane_len >= raw.len() {
            return Ok(None);
        }
        for plane in &raw_planes[..raw_count] {
            target.extend_from_slice(plane);
        }
        Ok(Some(coded_len))
    }

    /// Fills `target`, which has the length that the header says, with the content of a block.
    pub(crate) fn unpack(&mut self, header: &Header, packed: &[u8], target: &mut [u8]) -> io::Result<()> {
        match header.filter {
            Filter::Stored if packed.len() == target.len() => {
                target.copy_from_slice(packed);
                header.verify(&[], target)
            }
            Filter::Stored => Err(too_short()),
            Filter::Planes { differences } => {
                let coded_len = self.unpack_planes(header.width, differences, packed, target)?;
                header.verify(&packed[..coded_len], target)
            }
        }
    }

    /// Returns the length of the streams that needed decoding.
    fn unpack_planes(&mut self, width: usize, differences: u8, packed: &[u8], target: &mut [u8]) -> io::Result<usize> {
        let plane_len = target.len() / width;
        let (table, mut rest) = packed.split_at_checked(width * ENTRY_LEN).ok_or_else(too_short)?;
        let mut streams = [Stream::Raw; WIDEST];
        for (stream, entry) in streams.iter_mut().zip(table.as_chunks::<ENTRY_LEN>().0) {
            *stream = Stream::parse(*entry)?;
        }
        let mut cut = |len: usize| {
            let (start, after) = rest.split_at_checked(len).ok_or_else(too_short)?;
            rest = after;
            io::Result::Ok(start)
        };
        let mut narrowing = Narrowing { width, narrow: width, times: differences };
        let seeds = cut(narrowing.seeds_len())?;
        let mut coded = [&[][..]; WIDEST];
        for (coded, stream) in coded.iter_mut().zip(&streams[..width]) {
            *coded = cut(stream.coded_len(plane_len))?;
        }
        let mut planes = [&[][..]; WIDEST];
        let mut raw_len = 0;
        for (plane, _) in planes.iter_mut().zip(&streams[..width]).filter(|(_, stream)| **stream == Stream::Raw) {
            *plane = cut(plane_len)?;
            raw_len += plane_len;
        }
        if !rest.is_empty() {
            return Err(invalid("a block is longer than its streams"));
        }
        if width == 1 {
            unpack_stream(&mut *self.codec, streams[0], coded[0], target)?;
            return Ok(packed.len() - raw_len);
        }
        let mut rest = 0;
        if matches!(width, 4 | 8) {
            (narrowing.narrow, rest) = constant(&streams[..width]);
        }
        let scratch = sized(&mut self.planes, plane_len * narrowing.narrow);
        for (index, scratch) in scratch.chunks_exact_mut(plane_len).enumerate() {
            if streams[index] != Stream::Raw {
                unpack_stream(&mut *self.codec, streams[index], coded[index], scratch)?;
                planes[index] = scratch;
            }
        }
        if narrowing.narrow == width && differences == 0 {
            unshuffle(&planes, width, target);
        } else if narrowing.narrow == 1 {
            narrowing.undo(planes[0], rest, seeds, target);
        } else {
            let small = sized(&mut self.small, plane_len * narrowing.narrow);
            unshuffle(&planes, narrowing.narrow, small);
            narrowing.undo(small, rest, seeds, target);
        }
        Ok(packed.len() - raw_len)
    }
}

/// Returns how many bytes of an element may vary (rounded up to a power of two), and the values of the others.
fn constant(streams: &[Stream]) -> (usize, u64) {
    let is_fill = |stream: &Stream| matches!(stream, Stream::Fill(_));
    let narrow = streams.iter().rposition(|stream| !is_fill(stream)).map_or(1, |last| (last + 1).next_power_of_two());
    let rest = streams.iter().enumerate().skip(narrow).fold(0, |rest, (index, stream)| match stream {
        Stream::Fill(byte) => rest | u64::from(*byte) << (8 * index),
        _ => rest,
    });
    (narrow, rest)
}

/// Appends a stream, unless the shortest form is the stream itself.
fn pack_stream(
    codec: &mut dyn StreamCodec,
    stream: &[u8],
    worth: Option<u8>,
    target: &mut Vec<u8>,
) -> io::Result<Stream> {
    let (varying, base) = bits::varying(stream);
    if varying == 0 {
        return Ok(Stream::Fill(base));
    }
    let bits = Stream::Bits { varying, base };
    let bits_len = bits.coded_len(stream.len());
    let best = bits_len.min(stream.len());
    if let Some(worth) = worth
        && let Some(packed) = codec.pack(stream, best - best / usize::from(worth))?
    {
        target.extend_from_slice(packed);
        return Ok(Stream::Packed(packed.len()));
    }
    if bits_len < stream.len() {
        bits::pack(stream, varying, target);
        return Ok(bits);
    }
    Ok(Stream::Raw)
}

fn unpack_stream(codec: &mut dyn StreamCodec, stream: Stream, coded: &[u8], target: &mut [u8]) -> io::Result<()> {
    match stream {
        // A block with one stream, stored as it is, would be a stored block.
        Stream::Raw => return Err(invalid("a block has a stream of an unexpected kind")),
        Stream::Fill(byte) => target.fill(byte),
        Stream::Bits { varying, base } => bits::unpack(coded, varying, base, target),
        Stream::Packed(_) => codec.unpack(coded, target)?,
    }
    Ok(())
}

fn too_short() -> io::Error {
    invalid("a block is shorter than its streams")
}

/// Returns the first `len` bytes of `scratch`, with any content.
fn sized(scratch: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if scratch.len() < len {
        scratch.resize(len, 0);
    }
    &mut scratch[..len]
}
