//! Reads compressed streams as other tools write them: padding, members without content, skippable frames, large
//! dictionaries.
//!
//! Tests that need a program are skipped without it, as in `tools`. What the tools write rarely is made byte by byte.

use std::fs;
#[cfg(feature = "zstd")]
use std::io::Write as _;
use std::io::{self, BufRead, BufReader, Read};
use std::num::NonZeroUsize;

use larder::{Cache, Compression, Error, ErrorKind, dump_into, load, load_from, map};
use serde::de::DeserializeOwned;
use tempfile::tempdir;

use crate::tools::{has, pipe};

/// Returns numbers that hardly compress.
fn numbers(count: usize) -> Vec<u64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 8
    };
    (0..count).map(|_| next()).collect()
}

/// A value of one member, and one that several threads read.
fn values() -> [Vec<u64>; 2] {
    [numbers(20), numbers(160_000)]
}

fn plain(value: &[u64]) -> Vec<u8> {
    dumped(value, Compression::NONE)
}

fn dumped(value: &[u64], compression: Compression) -> Vec<u8> {
    let mut bytes = Vec::new();
    dump_into(value, &mut bytes, compression).unwrap();
    bytes
}

/// Returns one stream of any content.
fn compressed(content: &[u8], compression: Compression) -> Vec<u8> {
    let mut bytes = Vec::new();
    let write = |target: &mut dyn io::Write| {
        target.write_all(content).unwrap();
        Ok(())
    };
    compression.write_stream(&mut bytes, write).unwrap();
    bytes
}

/// Loads a file with one thread and with several. Checks that both give the same.
fn from_file<T: DeserializeOwned + PartialEq>(bytes: &[u8]) -> Result<T, Error> {
    let folder = tempdir().unwrap();
    let path = folder.path().join("value");
    fs::write(&path, bytes).unwrap();
    let [one, several] = [1, 3].map(|threads| {
        larder::set_threads(NonZeroUsize::new(threads).unwrap());
        load::<T>(&path)
    });
    match (&one, &several) {
        (Ok(one), Ok(several)) => assert!(one == several),
        (Err(one), Err(several)) => assert_eq!(one.to_string(), several.to_string()),
        _ => panic!("one thread: {:?}, several: {:?}", one.err(), several.err()),
    }
    one
}

/// Checks that this is a file with the value, and a stream that begins with it.
fn loads(bytes: &[u8], value: &[u64], what: &str) {
    match from_file::<Vec<u64>>(bytes) {
        Ok(loaded) => assert!(loaded == value, "{what}"),
        Err(error) => panic!("{what}: {error}"),
    }
    assert!(load_from::<Vec<u64>>(bytes).unwrap() == value, "{what}");
    // The tool's content is all there is, also for `larder import`.
    let content = Compression::read_stream(bytes, |content| {
        let mut all = Vec::new();
        content.read_to_end(&mut all).unwrap();
        Ok(all)
    });
    assert!(content.unwrap() == plain(value), "{what}");
}

fn refused(bytes: &[u8], kind: ErrorKind, what: &str) -> String {
    let error = from_file::<Vec<u64>>(bytes).map(drop).unwrap_err();
    assert_eq!(error.kind(), kind, "{what}: {error}");
    error.to_string()
}

/// Returns a skippable frame with some bytes in it.
fn skippable(kind: u8, len: u32) -> Vec<u8> {
    [&[0x50 | kind, 0x2a, 0x4d, 0x18][..], &len.to_le_bytes(), &vec![kind; len as usize]].concat()
}

/// The formats in which other tools may append something: the compressor, an empty member of it, and filler that its
/// tool accepts after a member.
fn formats() -> Vec<(Compression, Vec<u8>, Vec<Vec<u8>>)> {
    let zeros = |lengths: &[usize]| lengths.iter().map(|len| vec![0; *len]).collect::<Vec<_>>();
    let frames = || vec![skippable(0, 0), skippable(15, 5), [skippable(14, 300_000), skippable(1, 1)].concat()];
    let mut formats = vec![
        (Compression::gzip(3), zeros(&[1, 512, 1 << 20])),
        (Compression::bz2(3), zeros(&[3, 10_240])),
        (Compression::xz(0), zeros(&[4, 512, 1 << 20])),
        (Compression::lz4(), frames()),
    ];
    if cfg!(feature = "zstd") {
        formats.push((Compression::zstd(3), frames()));
    }
    formats.into_iter().map(|(compression, filler)| (compression, compressed(b"", compression), filler)).collect()
}

#[test]
fn what_has_no_content_may_follow_a_value_in_a_file() {
    for value in values() {
        for (compression, empty, filler) in formats() {
            let stream = dumped(&value, compression);
            let tails = filler.iter().flat_map(|filler| {
                [filler.clone(), [&empty[..], filler, &empty].concat(), [&filler[..], filler, &empty].concat()]
            });
            for (index, tail) in tails.chain([empty.clone(), empty.repeat(3)]).enumerate() {
                let bytes = [&stream[..], &tail].concat();
                loads(&bytes, &value, &format!("{compression} {index}"));
                // In a stream, nothing after the value is read.
                let mut rest = bytes.as_slice();
                load_from::<Vec<u64>>(&mut rest).unwrap();
                assert!(rest == tail, "{compression} {index}");
            }
        }
    }
}

#[test]
fn anything_else_after_a_value_in_a_file_is_an_error() {
    for value in values() {
        for (compression, empty, filler) in formats() {
            let stream = dumped(&value, compression);
            let second = dumped(&[1], compression);
            for before in filler.iter().chain([&empty, &Vec::new()]) {
                for more in [&b"x"[..], &second, &plain(&[1]), &[0x1f, 0x8b, 8, 9], &[0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3]]
                {
                    let bytes = [&stream[..], before, more].concat();
                    let message = refused(&bytes, ErrorKind::Damaged, &compression.to_string());
                    assert!(message.contains("there are bytes after the value"), "{compression}: {message}");
                }
            }
            // A member of which the end is missing.
            refused(&[&stream[..], &empty[..empty.len() - 1]].concat(), ErrorKind::Damaged, &compression.to_string());
        }
    }
    // Padding that the format's own tool refuses.
    let mut others = vec![Compression::lz4(), Compression::zlib(3), Compression::lzma(0)];
    if cfg!(feature = "zstd") {
        others.push(Compression::zstd(3));
    }
    for compression in others {
        let bytes = [dumped(&[7], compression), vec![0; 512]].concat();
        refused(&bytes, ErrorKind::Damaged, &compression.to_string());
    }
    for padding in [1, 3, 5] {
        let bytes = [dumped(&[7], Compression::xz(0)), vec![0; padding]].concat();
        assert!(refused(&bytes, ErrorKind::Damaged, "xz").contains("multiple of 4"), "{padding}");
    }
    let cut = [dumped(&[7], Compression::lz4()), skippable(3, 100)[..50].to_vec()].concat();
    refused(&cut, ErrorKind::Truncated, "a skippable frame that was cut");
}

#[test]
fn filler_between_members_is_skipped() {
    for value in values() {
        let plain = plain(&value);
        let (first, second) = plain.split_at(plain.len() / 3);
        for (compression, empty, filler) in formats() {
            let member = |content: &[u8]| compressed(content, compression);
            for filler in &filler {
                let bytes = [&member(first)[..], filler, &empty, filler, &member(second)].concat();
                loads(&bytes, &value, &compression.to_string());
            }
        }
        // Padding that is no multiple of 4.
        let mut parts = [first, second].map(|part| pipe_or_skip("xz", &["-c", "-0"], part));
        if let [Some(first), Some(second)] = &mut parts {
            first.extend([0; 6]);
            refused(&[&first[..], second].concat(), ErrorKind::Damaged, "xz");
        }
    }
}

fn pipe_or_skip(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    has("streams", program, &["--version"]).then(|| pipe(program, arguments, input))
}

#[test]
fn skippable_frames_may_come_first() {
    let mut compressions = vec![Compression::lz4()];
    if cfg!(feature = "zstd") {
        compressions.push(Compression::zstd(3));
    }
    for compression in compressions {
        for value in values() {
            for before in [skippable(0, 4), [skippable(15, 0), skippable(2, 200_000)].concat()] {
                let bytes = [before, dumped(&value, compression)].concat();
                loads(&bytes, &value, &compression.to_string());
                // Reading stops exactly after the value, although the source returns one byte at a time.
                let twice = bytes.repeat(2);
                let mut stream = BufReader::with_capacity(3, Socket(&twice));
                for _ in 0..2 {
                    assert!(load_from::<Vec<u64>>(&mut stream as &mut dyn BufRead).unwrap() == value);
                }
                let folder = tempdir().unwrap();
                let path = folder.path().join("value");
                fs::write(&path, &bytes).unwrap();
                let error = map::<Vec<u64>>(&path).map(drop).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotMappable, "{error}");
            }
        }
    }
    let frame = skippable(7, 70_000);
    for (after, kind) in [
        (Vec::new(), ErrorKind::Truncated),
        (frame[..60_000].to_vec(), ErrorKind::Truncated),
        (dumped(&[1], Compression::gzip(1)), ErrorKind::NotLarder),
        (plain(&[1]), ErrorKind::NotLarder),
        (b"text".to_vec(), ErrorKind::NotLarder),
    ] {
        refused(&[&frame[..], &after].concat(), kind, "after a skippable frame");
    }
}

/// Source that returns one byte at a time, and panics when it is read at its end.
struct Socket<'a>(&'a [u8]);

impl Read for Socket<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        assert!(!self.0.is_empty(), "a socket would block here");
        let end = target.len().min(1);
        self.0.read(&mut target[..end])
    }
}

#[test]
fn output_of_parallel_tools_is_read() {
    for value in values() {
        for (program, arguments) in
            [("bgzip", &["-c"][..]), ("pzstd", &["-c", "-p", "3"]), ("zstd", &["-c", "-T2", "-B100000"])]
        {
            if !cfg!(feature = "zstd") && program != "bgzip" {
                continue;
            }
            if let Some(bytes) = pipe_or_skip(program, arguments, &plain(&value)) {
                loads(&bytes, &value, program);
            }
        }
    }
}

/// A seekable file: frames, and a table of their sizes in a skippable frame.
#[cfg(feature = "zstd")]
#[test]
fn seekable_zstd_is_read() {
    for value in values() {
        for single_segments in [false, true] {
            let (mut bytes, mut table) = (Vec::new(), Vec::new());
            for part in plain(&value).chunks(100_000) {
                // One call knows the size of the content, a stream does not.
                let frame = if single_segments { zstd::bulk::compress(part, 1) } else { zstd::encode_all(part, 1) };
                let frame = frame.unwrap();
                table.extend(u32::try_from(frame.len()).unwrap().to_le_bytes());
                table.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
                bytes.extend(frame);
            }
            let frames = u32::try_from(table.len() / 8).unwrap();
            table.extend(frames.to_le_bytes());
            table.extend([0, 0xb1, 0xea, 0x92, 0x8f]);
            bytes.extend([0x5e, 0x2a, 0x4d, 0x18]);
            bytes.extend(u32::try_from(table.len()).unwrap().to_le_bytes());
            bytes.extend(table);
            loads(&bytes, &value, "seekable");
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

/// The files claim large dictionaries and windows that they do not use, because filling one takes much memory.
#[test]
fn a_large_dictionary_exceeds_the_limit() {
    for value in values() {
        // The header of the first block: its size, no flags, the filter LZMA2 with one byte, the dictionary, a CRC.
        let mut xz = dumped(&value, Compression::xz(0));
        assert_eq!(xz[13..16], [0, 0x21, 1]);
        let end = 12 + (usize::from(xz[12]) + 1) * 4 - 4;
        for (code, allowed) in [(28, true), (29, false), (36, false)] {
            xz[16] = code;
            let crc = crc32(&xz[12..end]).to_le_bytes();
            xz[end..end + 4].copy_from_slice(&crc);
            if allowed {
                loads(&xz, &value, "xz with 64 MiB");
            } else {
                let message = refused(&xz, ErrorKind::LimitExceeded, "xz");
                assert!(message.contains("96 MiB") && message.contains("xz -dc"), "{message}");
            }
        }
        let mut lzma = dumped(&value, Compression::lzma(0));
        lzma[1..5].copy_from_slice(&(192_u32 << 20).to_le_bytes());
        refused(&lzma, ErrorKind::LimitExceeded, "lzma");
        lzma[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
        refused(&lzma, ErrorKind::LimitExceeded, "lzma");
    }
}

/// Returns a frame as `zstd` writes it when it does not know the size of the content.
#[cfg(feature = "zstd")]
fn piped_zstd(content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(&content[..20]).unwrap();
    encoder.flush().unwrap();
    encoder.write_all(&content[20..]).unwrap();
    let bytes = encoder.finish().unwrap();
    assert_eq!(bytes[4] & 0b1110_0011, 0, "a window, and neither a size nor a dictionary");
    bytes
}

#[cfg(feature = "zstd")]
#[test]
fn a_large_window_exceeds_the_limit() {
    for value in values() {
        let mut bytes = piped_zstd(&plain(&value));
        // `--long=27` is the default limit of `zstd -d`; 28 and 31 are above it.
        bytes[5] = (27 - 10) << 3;
        loads(&bytes, &value, "--long=27");
        for window in [(27 - 10) << 3 | 1, (28 - 10) << 3, (31 - 10) << 3] {
            bytes[5] = window;
            let message = refused(&bytes, ErrorKind::LimitExceeded, "--long");
            assert!(message.contains("128 MiB") && message.contains("zstd -dc"), "{message}");
            // In the second frame, which another thread would read.
            let plain = plain(&value);
            let [first, mut second] = [&plain[..50], &plain[50..]].map(piped_zstd);
            second[5] = window;
            refused(&[first, second].concat(), ErrorKind::LimitExceeded, "--long in the second frame");
        }
    }
}

#[test]
fn a_stream_with_a_dictionary_says_so() {
    let check = |bytes: &[u8], what: &str| {
        let message = refused(bytes, ErrorKind::NotLarder, what);
        assert!(message.contains("needs a dictionary"), "{what}: {message}");
    };
    for value in values() {
        // Flag FDICT, the checksum of a dictionary, and a stream.
        check(&[&[0x78, 0xbb, 1, 2, 3, 4][..], &dumped(&value, Compression::zlib(1))[2..]].concat(), "zlib");
        #[cfg(feature = "zstd")]
        {
            let mut bytes = piped_zstd(&plain(&value));
            bytes[4] |= 1;
            bytes.insert(6, 77);
            check(&bytes, "zstd");
        }
        // Bit 0 of the flags, the id after the size of the content, and a checksum of one byte over both.
        let mut bytes = dumped(&value, Compression::lz4());
        bytes[4] |= 1;
        let found = (0..=0xff).filter(|checksum| {
            let bytes = [&bytes[..14], &[1, 2, 3, 4, *checksum], &bytes[15..]].concat();
            let message = from_file::<Vec<u64>>(&bytes).map(drop).unwrap_err().to_string();
            message.contains("needs a dictionary")
        });
        assert_eq!(found.count(), 1);
    }
}

#[test]
fn lzma_with_other_properties_is_read() {
    let settings = [
        ("lc=4,lp=0,pb=2", 0x5e),
        ("lc=2,lp=2,pb=2", 0x6e),
        ("lc=0,lp=0,pb=0", 0),
        ("lc=0,lp=4,pb=4", 0xd8),
        ("lc=3,lp=0,pb=2,dict=12KiB", 0x5d),
    ];
    for value in values() {
        for (setting, first) in settings {
            let filter = format!("--lzma1=preset=0,{setting}");
            let Some(bytes) = pipe_or_skip("xz", &["-c", "--format=lzma", &filter], &plain(&value)) else { return };
            assert_eq!(bytes[0], first, "{setting}");
            loads(&bytes, &value, setting);
            let twice = bytes.repeat(2);
            let mut stream = BufReader::with_capacity(3, Socket(&twice));
            for _ in 0..2 {
                assert!(load_from::<Vec<u64>>(&mut stream).unwrap() == value, "{setting}");
            }
            // Cut after the header.
            for len in [15, bytes.len() / 2, bytes.len() - 1] {
                refused(&bytes[..len], ErrorKind::Truncated, setting);
            }
        }
    }
    // Bytes that begin like a header.
    for other in
        [&b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..], b"\x5e\0\0\x80\0", b"\x5e\0\0\x80\0 and so on and on", b"\x5e"]
    {
        refused(other, ErrorKind::NotLarder, "no lzma");
    }
}

#[test]
fn several_values_in_one_member_are_read_one_by_one() {
    let (first, second) = (vec![1_u64, 2, 3], "second".to_owned());
    let mut plain = plain(&first);
    dump_into(&second, &mut plain, Compression::NONE).unwrap();
    let methods = ["none", "zlib", "gzip", "bz2", "xz", "lzma", "lz4", "zstd:1", "blocks-lz4"];
    for compression in methods.into_iter().filter_map(|name| name.parse::<Compression>().ok()) {
        let bytes = compressed(&plain, compression);
        let both = Compression::read_stream(bytes.as_slice(), |content| {
            let first = load_from::<Vec<u64>>(&mut *content)?;
            Ok((first, load_from::<String>(&mut *content)?, load_from::<u8>(content).unwrap_err().kind()))
        });
        assert_eq!(both.unwrap(), (first.clone(), second.clone(), ErrorKind::Truncated), "{compression}");
        if compression != Compression::NONE {
            let error = load_from::<Vec<u64>>(bytes.as_slice()).unwrap_err();
            assert!(error.to_string().contains("`Compression::read_stream`"), "{compression}: {error}");
            refused(&bytes, ErrorKind::Damaged, &compression.to_string());
        }
    }
}

#[test]
fn frames_store_the_size_of_their_content() {
    for value in values() {
        for threads in [1, 3] {
            larder::set_threads(NonZeroUsize::new(threads).unwrap());
            for compression in [Compression::lz4(), Compression::lz4().single_member()] {
                let bytes = dumped(&value, compression);
                let size = u64::from_le_bytes(bytes[6..14].try_into().unwrap());
                let whole = plain(&value).len() as u64;
                let expected = if compression == Compression::lz4() { whole.min(1 << 20) } else { whole };
                assert!(bytes[4] & 8 != 0 && size == expected, "{compression}: {size}");
            }
            #[cfg(feature = "zstd")]
            for compression in [Compression::zstd(1), Compression::zstd(1).single_member()] {
                let bytes = dumped(&value, compression);
                let size = zstd::zstd_safe::get_frame_content_size(&bytes).unwrap().unwrap();
                assert_eq!(size, plain(&value).len() as u64, "{compression}");
            }
        }
    }
}

#[test]
fn a_single_member_is_one_member() {
    // Noise that takes more than one segment of every format.
    let value = numbers(600_000);
    for (compression, ..) in formats() {
        let compression = match compression.name() {
            "bz2" => Compression::bz2(1),
            _ => compression,
        };
        let single = compression.single_member();
        assert_eq!(single.to_string(), format!("{compression}:single"));
        assert_eq!(single.to_string().parse::<Compression>().unwrap(), single);
        let [one, several] = [1, 3].map(|threads| {
            larder::set_threads(NonZeroUsize::new(threads).unwrap());
            dumped(&value, single)
        });
        assert!(one == several, "{single}");
        let members = |bytes: &[u8]| {
            let magic = match compression.name() {
                "gzip" => &b"\x1f\x8b\x08"[..],
                "bz2" => b"BZh11AY&SY",
                "xz" => b"\xfd7zXZ\0\0\x04",
                _ => &bytes[..4],
            };
            // Noise may contain three bytes by chance.
            let is_header = |window: &&[u8]| window.starts_with(magic) && (magic.len() > 3 || window[4..8] == [0; 4]);
            bytes.windows(12).filter(is_header).count()
        };
        assert_eq!(members(&one), 1, "{single}");
        assert!(members(&dumped(&value, compression)) > 1, "{compression}");
        loads(&one, &value, &single.to_string());
        // Results of a cache.
        let folder = tempdir().unwrap();
        let cache = Cache::builder(folder.path()).compression(single).open().unwrap();
        let call = || cache.get_or_compute("f", &1, || vec![5_u64; 1000]);
        assert_eq!((call(), call().len()), (vec![5; 1000], 1000));
        assert_eq!((cache.stats().unwrap().hits, cache.stats().unwrap().errors), (1, 0), "{single}");
    }
    for text in ["zlib", "lzma", "none", "blocks-lz4"] {
        // Not every build has all of them.
        let Ok(compression) = text.parse::<Compression>() else { continue };
        assert_eq!(compression.single_member(), compression, "{text}");
    }
    for text in ["gzip:single:3", "gzip:3:single:single", "single", ":single", "gzip:3single", "gzip:single:"] {
        assert!(text.parse::<Compression>().is_err(), "{text}");
    }
    assert!("gzip".repeat(100_000).parse::<Compression>().is_err());
    assert!(":single".repeat(100_000).parse::<Compression>().is_err());
}

/// Functions of Python that read only the first member.
#[test]
fn python_reads_a_single_member_in_one_call() {
    let value = numbers(600_000);
    let mut readers = vec![
        (Compression::gzip(1), "zlib", "zlib.decompress(data, 31)"),
        (Compression::lz4(), "lz4.frame", "lz4.frame.decompress(data)"),
    ];
    if cfg!(feature = "zstd") {
        readers.push((Compression::zstd(1), "zstandard", "zstandard.ZstdDecompressor().decompress(data)"));
    }
    for (compression, module, call) in readers {
        if !has("python_reads_a_single_member_in_one_call", "python3", &["-c", &format!("import {module}")]) {
            continue;
        }
        let program = format!("import sys, {module}; data = sys.stdin.buffer.read(); sys.stdout.buffer.write({call})");
        let content = |bytes: &[u8]| pipe("python3", &["-c", &program], bytes);
        assert!(content(&dumped(&value, compression.single_member())) == plain(&value), "{call}");
        // Small values have one member in any case.
        assert!(content(&dumped(&value[..100], compression)) == plain(&value[..100]), "{call}");
    }
}

#[test]
fn files_of_other_programs_are_named() {
    let files: [(&[u8], &str); 17] = [
        (b"LZIP\x01\x0c", "lzip"),
        (b"\x02\x21\x4c\x18\x05\0\0\0", "LZ4 file in the legacy format"),
        (b"\x1f\x9d\x90", "`.Z`"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "7z archive"),
        (b"PK\x03\x04\x14\0", "zip archive"),
        (b"PK\x05\x06\0\0", "zip archive"),
        (b"\x89LZO\0\r\n\x1a\n\x10\x30", "lzop"),
        (b"\xff\x06\0\0sNaPpY\x01", "Snappy"),
        (b"LZ4Block\x15", "lz4-java"),
        (b"\x80\x02]q\0.", "pickle"),
        (b"\x80\x03]q\0.", "pickle"),
        (b"\x80\x04\x95\x0b\0", "pickle"),
        (b"\x80\x05\x95\x0b\0", "pickle"),
        (b"\x93NUMPY\x01\0v\0{'descr'", "NumPy"),
        (b"\x89HDF\r\n\x1a\n\0", "HDF5"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\x89LARDER\n\x01\0\0\0", "entry of a cache"),
    ];
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    for (bytes, name) in files {
        // joblib compresses pickles.
        let compressed = compressed(bytes, Compression::zlib(3));
        fs::write(&path, bytes).unwrap();
        for error in [
            from_file::<u8>(bytes).unwrap_err(),
            from_file::<u8>(&compressed).unwrap_err(),
            load_from::<u8>(BufReader::with_capacity(1, bytes)).unwrap_err(),
            map::<u8>(&path).map(drop).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotLarder, "{error}");
            assert!(error.to_string().contains(name), "{name}: {error}");
        }
    }
    // Programs that are often there.
    for (program, arguments, name) in [("lz4", &["-l", "-c"][..], "legacy"), ("python3", &["-c", PICKLE], "pickle")] {
        if let Some(bytes) = pipe_or_skip(program, arguments, b"text") {
            assert!(from_file::<u8>(&bytes).unwrap_err().to_string().contains(name));
        }
    }
}

const PICKLE: &str = "import pickle, sys; sys.stdout.buffer.write(pickle.dumps([1, 2, 3]))";

/// An error may quote what a file contains. A program that prints it must not pass control characters to the terminal.
#[test]
fn errors_are_one_line_without_control_characters() {
    let text = "a\x1b]0;title\x07b\nc\u{9b}31m";
    #[derive(serde::Serialize, serde::Deserialize, Debug)]
    struct Point {
        x: u8,
    }
    let map_of: std::collections::BTreeMap<&str, u8> = [(text, 1)].into();
    let mut errors = Vec::new();
    for bytes in [encoded(&text), encoded(&map_of), text.as_bytes().to_vec()] {
        let error = load_from::<std::num::NonZeroU8>(bytes.as_slice()).unwrap_err();
        errors.push(error);
        errors.push(load_from::<Point>(bytes.as_slice()).unwrap_err());
        errors.push(load_from::<std::net::IpAddr>(bytes.as_slice()).unwrap_err());
    }
    #[cfg(feature = "archive")]
    {
        let folder = tempdir().unwrap();
        let cache = Cache::open(folder.path().join("cache")).unwrap();
        errors.push(cache.import([0x1b; 2048].as_slice()).unwrap_err());
    }
    errors.push(text.parse::<Compression>().unwrap_err());
    errors.push(load::<u8>("no\x1b[31m/such\nfile").unwrap_err());
    for error in errors {
        let shown = error.to_string();
        assert!(!shown.contains(char::is_control), "{error:?}");
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(!source.contains(char::is_control), "{source:?}");
    }
}

fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    dump_into(value, &mut bytes, Compression::NONE).unwrap();
    bytes
}

/// One value whatever the variable says, in a process that no other test changes.
#[test]
fn the_number_of_threads_makes_no_difference() {
    let folder = tempdir().unwrap();
    let value = numbers(160_000);
    let files = formats().into_iter().flat_map(|(compression, empty, filler)| {
        let stream = dumped(&value, compression);
        filler.into_iter().map(move |filler| [&stream[..], &filler, &empty].concat())
    });
    for (index, bytes) in files.enumerate() {
        fs::write(folder.path().join(index.to_string()), bytes).unwrap();
    }
    for threads in ["1", "2"] {
        crate::child::run("streams::loads_files", folder.path(), &[("LARDER_THREADS", threads)]);
    }
}

#[test]
fn loads_files() {
    let Some(root) = crate::child::root() else { return };
    for file in fs::read_dir(root).unwrap() {
        let loaded = load::<Vec<u64>>(file.unwrap().path());
        assert!(loaded.unwrap() == numbers(160_000));
    }
}
