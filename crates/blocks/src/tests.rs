//! Streams of all sorts of content, whole, in pieces, damaged and cut.

use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::num::NonZeroUsize;

use crate::block::Worker;
use crate::codec::Codec;
use crate::header::{Filter, HEADER_LEN, Header, START_LEN, small, start};
use crate::reader::Reader;
use crate::writer::{BLOCK_LEN, Writer};

const WIDTHS: [usize; 5] = [1, 2, 4, 8, 16];

const CODECS: &[Codec] = &[
    #[cfg(feature = "lz4")]
    Codec::Lz4,
    #[cfg(feature = "zstd")]
    Codec::Zstd { level: 1 },
];

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// A small generator, so that the tests are the same every time and under Miri.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 8).unwrap_or(0) % bound
    }
}

/// Content for each form of a stream, with its name.
fn contents(len: usize) -> Vec<(&'static str, Vec<u8>)> {
    let mut random = Random(1);
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(len);
        bytes
    };
    let mut words = |next: &mut dyn FnMut(&mut Random, u64) -> u64| {
        cut((0..len as u64 / 8 + 1).flat_map(|index| next(&mut random, index).to_le_bytes()).collect())
    };
    let mut sum = 0_u64;
    vec![
        ("zeros", vec![0; len]),
        ("one byte", vec![0xa5; len]),
        ("random", words(&mut |random, _| random.next())),
        ("few bits", words(&mut |random, _| random.next() & 0x0007_0000_8300_4005)),
        ("counting", words(&mut |_, index| index.wrapping_mul(3).wrapping_sub(700))),
        ("quadratic", words(&mut |_, index| index.wrapping_mul(index) << 7)),
        (
            "steps",
            words(&mut |random, _| {
                sum = sum.wrapping_add(random.next() % 7).wrapping_sub(3);
                sum
            }),
        ),
        ("smooth", words(&mut |_, index| (index as f64 * 1e-3).sin().to_bits())),
        ("outliers", words(&mut |random, index| if index % 997 == 5 { random.next() } else { index })),
        ("sparse", words(&mut |random, _| if random.below(50) == 0 { random.next() } else { 0 })),
        ("sorted", words(&mut |_, index| index / 100)),
        ("text", cut(b"It was the best of times, it was the worst of times. ".repeat(len / 50 + 1))),
    ]
}

/// Writes pieces of random lengths.
fn write(codec: Codec, count: usize, content: &[u8], width: usize, random: &mut Random) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut writer = Writer::new(codec, threads(count), &mut stream).unwrap();
    let array = content.len() / width * width;
    writer.array_ahead(width, array as u64).unwrap();
    let mut rest = content;
    while !rest.is_empty() {
        let most = [7, 1000, 300_000, usize::MAX][random.below(4)].min(rest.len());
        let (piece, after) = rest.split_at(random.below(most) + 1);
        writer.write_all(piece).unwrap();
        rest = after;
    }
    writer.finish().unwrap();
    stream
}

/// Reads to the end, in pieces of random lengths.
fn read(source: &mut dyn BufRead, random: &mut Random) -> io::Result<Vec<u8>> {
    let mut reader = Reader::new(threads(2), source);
    let mut content = Vec::new();
    let mut piece = vec![0; 900_000];
    loop {
        let most = [7, 1000, 300_000, 900_000][random.below(4)];
        let count = reader.read(&mut piece[..random.below(most) + 1])?;
        if count == 0 {
            break;
        }
        content.extend_from_slice(&piece[..count]);
    }
    assert_eq!(reader.read(&mut piece)?, 0, "it gives bytes after the end");
    Ok(content)
}

fn read_whole(mut stream: &[u8]) -> io::Result<Vec<u8>> {
    read(&mut stream, &mut Random(3))
}

fn lens() -> Vec<usize> {
    if cfg!(miri) {
        return vec![0, 1, 40, 300];
    }
    vec![0, 1, 2, 15, 16, 17, 63, 100, 1000, 4099, 16 << 10, 99_999, BLOCK_LEN - 1, BLOCK_LEN, BLOCK_LEN + 3, 900_001]
}

#[test]
fn content_is_read_back_in_pieces_of_any_size() {
    let mut random = Random(7);
    for &codec in CODECS {
        for len in lens() {
            for (what, content) in contents(len) {
                for width in WIDTHS {
                    let what = format!("{codec:?}, {len} bytes of {what}, width {width}");
                    let stream = write(codec, 1, &content, width, &mut random);
                    assert_eq!(stream, write(codec, 1, &content, width, &mut random), "{what}: not the same again");
                    assert!(stream.len() <= content.len() + content.len() / 1000 + 100, "{what}: {}", stream.len());
                    assert!(read(&mut stream.as_slice(), &mut random).unwrap() == content, "{what}");
                    let mut dripping = BufReader::with_capacity(1 + random.below(5000), stream.as_slice());
                    assert!(read(&mut dripping, &mut random).unwrap() == content, "{what}, dripping");
                }
            }
        }
    }
}

#[test]
fn threads_change_nothing() {
    let content: Vec<u8> =
        contents(if cfg!(miri) { 3 << 10 } else { 3 << 20 }).into_iter().flat_map(|(_, content)| content).collect();
    for &codec in CODECS {
        let stream = write(codec, 3, &content, 8, &mut Random(5));
        let mut whole = vec![0; content.len()];
        Reader::new(threads(3), &mut stream.as_slice()).read_exact(&mut whole).unwrap();
        assert!(whole == content);
        whole.fill(0);
        Reader::new(threads(3), &mut BufReader::new(stream.as_slice())).read_exact(&mut whole).unwrap();
        assert!(whole == content);
        // A damaged block among many.
        let mut damaged = stream.clone();
        damaged[stream.len() / 2] ^= 4;
        Reader::new(threads(3), &mut damaged.as_slice()).read_exact(&mut whole).unwrap_err();
        Reader::new(threads(3), &mut BufReader::new(damaged.as_slice())).read_exact(&mut whole).unwrap_err();
        assert!(stream == write(codec, 1, &content, 8, &mut Random(6)));
    }
}

#[test]
fn arrays_and_other_content_take_turns() {
    let mut random = Random(11);
    for &codec in CODECS {
        let (mut stream, mut content) = (Vec::new(), Vec::new());
        let mut writer = Writer::new(codec, threads(1), &mut stream).unwrap();
        for (index, (what, array)) in contents(if cfg!(miri) { 300 } else { 70_000 }).into_iter().enumerate() {
            writer.write_all(what.as_bytes()).unwrap();
            let array = &array[..array.len() / 16 * 16];
            writer.array_ahead(WIDTHS[index % 5], array.len() as u64).unwrap();
            // The last bytes of the array together with what follows it.
            let (start, end) = array.split_at(array.len() - 8);
            writer.write_all(start).unwrap();
            writer.write_all(&[end, b"after"].concat()).unwrap();
            content.extend_from_slice(&[what.as_bytes(), array, b"after"].concat());
        }
        writer.finish().unwrap();
        assert!(read(&mut stream.as_slice(), &mut random).unwrap() == content);
    }
}

/// Some blocks of each kind in a few hundred bytes.
fn small_stream(codec: Codec) -> (Vec<u8>, Vec<u8>) {
    let (mut stream, mut content) = (Vec::new(), Vec::new());
    let mut writer = Writer::new(codec, threads(1), &mut stream).unwrap();
    for (_, bytes) in contents(160) {
        for width in [1, 8] {
            writer.array_ahead(width, bytes.len() as u64).unwrap();
            writer.write_all(&bytes).unwrap();
            content.extend_from_slice(&bytes);
        }
    }
    writer.finish().unwrap();
    (stream, content)
}

#[test]
fn every_flipped_bit_is_an_error() {
    for &codec in CODECS {
        let (mut stream, content) = small_stream(codec);
        assert!(read_whole(&stream).unwrap() == content);
        for bit in 0..stream.len() * if cfg!(miri) { 1 } else { 8 } {
            stream[bit / 8] ^= 1 << (bit % 8);
            let error = read_whole(&stream).map(drop).expect_err(&format!("{codec:?}: bit {bit} was believed"));
            let kinds = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
            assert!(kinds.contains(&error.kind()), "{codec:?}, bit {bit}: {error:?}");
            stream[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn blocks_of_every_filter_notice_every_flipped_bit() {
    for &codec in CODECS {
        let mut worker = Worker::new(codec).unwrap();
        for (what, content) in contents(if cfg!(miri) { 64 } else { 16_384 }) {
            let mut block = Vec::new();
            if worker.pack(&content, 8, 5, &mut block).unwrap() {
                block.extend_from_slice(&content);
            }
            let unpack = |worker: &mut Worker, block: &[u8], index| {
                let (start, packed) = block.split_first_chunk::<HEADER_LEN>().unwrap();
                let header = Header::parse(start, index)?;
                let mut target = vec![0; header.raw_len];
                worker.unpack(&header, packed, &mut target).map(|()| target)
            };
            assert!(unpack(&mut worker, &block, 5).unwrap() == content, "{what}");
            unpack(&mut worker, &block, 6).map(drop).expect_err("a block of another place");
            let mut random = Random(9);
            for _ in 0..if cfg!(miri) { 20 } else { 3000 } {
                let (byte, bit) = (random.below(block.len()), random.below(8));
                block[byte] ^= 1 << bit;
                unpack(&mut worker, &block, 5).map(drop).expect_err(&format!("{codec:?}, {what}: bit {bit} of {byte}"));
                block[byte] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn random_bytes_under_a_valid_header_are_an_error() {
    let mut random = Random(13);
    for &codec in CODECS {
        let mut worker = Worker::new(codec).unwrap();
        for _ in 0..if cfg!(miri) { 20 } else { 20_000 } {
            let mut start = [0; HEADER_LEN];
            let width = WIDTHS[random.below(5)];
            let raw_len = width * (1 + random.below(200));
            start[..4].copy_from_slice(&small(raw_len).to_le_bytes());
            let packed_len = random.below(raw_len);
            start[4..8].copy_from_slice(&small(packed_len).to_le_bytes());
            start[8] = small(width).to_le_bytes()[0];
            start[9] = random.next().to_le_bytes()[0] % 4;
            let Ok(header) = Header::parse(&start, 0) else { continue };
            let packed: Vec<u8> = (0..packed_len)
                .map(|index| {
                    let byte = random.next().to_le_bytes()[0];
                    // Entries of the table are mostly plausible.
                    if index < 4 * width { [byte % 4, byte & 0x1f, 0, 0][index % 4] } else { byte }
                })
                .collect();
            let mut target = vec![0; header.raw_len];
            worker.unpack(&header, &packed, &mut target).unwrap_err();
        }
    }
}

#[test]
fn a_stream_cut_anywhere_ends_unexpectedly() {
    for &codec in CODECS {
        let (stream, _) = small_stream(codec);
        for len in (0..stream.len()).step_by(if cfg!(miri) { 97 } else { 1 }) {
            let error = read_whole(&stream[..len]).map(drop).expect_err(&format!("{codec:?}: cut to {len}"));
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{codec:?}: cut to {len}");
        }
    }
}

/// A source that must not be asked for more than there is.
struct Impatient<'a>(&'a [u8]);

impl Read for Impatient<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        assert!(!self.0.is_empty(), "a socket would block here");
        let end = target.len().min(1);
        self.0.read(&mut target[..end])
    }
}

#[test]
fn streams_follow_one_another_and_none_is_read_too_far() {
    let mut random = Random(17);
    for &codec in CODECS {
        let (stream, content) = small_stream(codec);
        let twice = stream.repeat(2);
        let mut source = twice.as_slice();
        for left in [stream.len(), 0] {
            assert!(read(&mut source, &mut random).unwrap() == content);
            assert_eq!(source.len(), left);
        }
        let mut source = BufReader::with_capacity(1, Impatient(&twice));
        for _ in 0..2 {
            assert!(read(&mut source, &mut random).unwrap() == content);
        }
    }
}

#[test]
fn an_error_stays_one() {
    for &codec in CODECS {
        let (mut stream, _) = small_stream(codec);
        stream[START_LEN + HEADER_LEN + 1] ^= 1;
        let mut source = stream.as_slice();
        let mut reader = Reader::new(threads(3), &mut source);
        let mut target = [0; 1000];
        for _ in 0..3 {
            assert_eq!(reader.read(&mut target).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}

/// Fails one write, after it has taken some bytes. It would take those of later writes.
struct FullOnce {
    room: usize,
    failed: bool,
}

impl io::Write for FullOnce {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(bytes.len());
        }
        if self.room == 0 {
            self.failed = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        let count = bytes.len().min(self.room);
        self.room -= count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_failed_once_stays_failed() {
    let content = vec![0xa5; 3 * BLOCK_LEN + 100];
    for (&codec, count) in CODECS.iter().flat_map(|codec| [(codec, 1), (codec, 3)]) {
        for piece in [BLOCK_LEN / 2 + 1, content.len()] {
            let target = FullOnce { room: START_LEN + 10, failed: false };
            let mut writer = Writer::new(codec, threads(count), target).unwrap();
            let mut written = content.chunks(piece).cycle().map(|piece| writer.write_all(piece));
            let error = written.find_map(Result::err).unwrap();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            drop(written);
            for len in [0, 1, content.len()] {
                assert!(writer.write_all(&content[..len]).is_err(), "{len} bytes");
            }
            assert!(writer.array_ahead(8, 16).is_err());
            assert!(writer.flush().is_err());
            let error = writer.finish().err().unwrap();
            assert!(error.to_string().contains("an earlier write"), "{error}");
        }
    }
}

#[test]
fn arrays_of_numbers_become_small() {
    let len = if cfg!(miri) { return } else { 1 << 20 };
    let least = [
        ("zeros", 1000),
        ("one byte", 1000),
        ("few bits", 5),
        ("counting", 1000),
        ("quadratic", 1000),
        ("steps", 20),
        ("smooth", 1),
        ("outliers", 50),
        ("sparse", 20),
        ("sorted", 40),
        ("text", 30),
    ];
    for &codec in CODECS {
        for (what, content) in contents(len) {
            let stream = write(codec, 1, &content, 8, &mut Random(1));
            let ratio = len / stream.len();
            let least = least.iter().find(|(name, _)| *name == what).map_or(0, |(_, ratio)| *ratio);
            assert!(ratio >= least, "{codec:?}: {what} only by {ratio}");
        }
    }
}

#[test]
fn a_codec_that_is_not_in_the_build_is_unsupported() {
    for (codec, is_enabled) in [(Codec::Lz4, cfg!(feature = "lz4")), (Codec::Zstd { level: 1 }, cfg!(feature = "zstd"))]
    {
        let written = Writer::new(codec, threads(1), Vec::new()).and_then(Writer::finish);
        match written {
            Ok(stream) => assert!(is_enabled && stream.starts_with(&start(codec)), "{codec:?}"),
            Err(error) => assert!(!is_enabled && error.kind() == io::ErrorKind::Unsupported, "{codec:?}: {error}"),
        }
    }
}

#[test]
fn the_error_for_a_codec_names_it_and_its_feature() {
    for (codec, name, feature) in [(Codec::Lz4, "LZ4", "`lz4`"), (Codec::Zstd { level: 1 }, "Zstandard", "`zstd`")] {
        let error = codec.disabled().to_string();
        assert!(error.contains(name) && error.contains(feature), "{error}");
    }
    let mut unknown = start(Codec::Lz4);
    unknown[5] = b'q';
    let error = read_whole(&unknown).unwrap_err();
    assert!(error.kind() == io::ErrorKind::InvalidData && error.to_string().contains("codec 'q'"), "{error}");
    unknown[0] = 0;
    assert!(read_whole(&unknown).unwrap_err().to_string().contains("magic"));
}

#[test]
fn headers_that_ask_for_too_much_are_refused() {
    let header = |raw: u32, packed: u32, width: u8, filter: u8| {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&raw.to_le_bytes());
        bytes[4..8].copy_from_slice(&packed.to_le_bytes());
        (bytes[8], bytes[9]) = (width, filter);
        Header::parse(&bytes, 0)
    };
    assert_eq!(header(16, 16, 8, 0).unwrap().filter, Filter::Stored);
    assert_eq!(header(16, 15, 8, 3).unwrap().filter, Filter::Planes { differences: 2 });
    for (raw, packed, width, filter) in [
        (0, 0, 8, 0),
        (u32::MAX, 10, 1, 1),
        ((1 << 20) + 8, 10, 8, 1),
        (16, 17, 8, 0),
        (16, 15, 8, 0),
        (16, 16, 8, 1),
        (16, u32::MAX, 8, 1),
        (12, 5, 8, 1),
        (16, 5, 0, 1),
        (15, 5, 3, 1),
        (32, 5, 32, 1),
        (16, 5, 2, 2),
        (16, 5, 8, 4),
    ] {
        header(raw, packed, width, filter).expect_err(&format!("{raw} {packed} {width} {filter}"));
    }
}
