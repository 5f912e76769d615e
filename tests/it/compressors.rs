//! Tests large values, which are written as several members of a standard format.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::num::NonZeroUsize;

use larder::{Cache, Compression, ErrorKind, dump_into, load, load_from};
use tempfile::tempdir;

use crate::tools::{has, pipe};

/// Format with several members: the compressor at a low level, the magic number of a member, and the program that
/// reads and writes the format.
struct Format {
    compression: &'static str,
    magic: &'static [u8],
    program: &'static str,
    /// Count of numbers that fill more than one segment.
    count: usize,
}

impl Format {
    fn large(&self) -> Vec<u64> {
        numbers(self.count)
    }
}

fn formats() -> Vec<Format> {
    let mut formats = vec![
        Format { compression: "gzip:1", magic: b"\x1f\x8b\x08\x04\0\0\0\0", program: "gzip", count: 200_000 },
        Format { compression: "bz2:1", magic: b"BZh11AY&SY", program: "bzip2", count: 200_000 },
        Format { compression: "xz:0", magic: b"\xfd7zXZ\0\0\x04", program: "xz", count: 560_000 },
        Format { compression: "lz4", magic: b"\x04\x22\x4d\x18\x6c\x50", program: "lz4", count: 200_000 },
    ];
    if cfg!(feature = "zstd") {
        formats.push(Format { compression: "zstd:1", magic: b"\x28\xb5\x2f\xfd", program: "zstd", count: 560_000 });
    }
    formats
}

/// Returns numbers that hardly compress, so that the compressed form is large too.
fn numbers(count: usize) -> Vec<u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 8
    };
    (0..count).map(|_| next()).collect()
}

/// Writes the value with this number of threads.
fn dumped(value: &[u64], compression: &str, threads: usize) -> Vec<u8> {
    // Other tests of this process may change the number at any time. They must not depend on it either.
    larder::set_threads(NonZeroUsize::new(threads).unwrap());
    let mut bytes = Vec::new();
    dump_into(value, &mut bytes, compression.parse().unwrap()).unwrap();
    bytes
}

fn from_file(bytes: &[u8]) -> larder::Result<Vec<u64>> {
    let folder = tempdir().unwrap();
    let path = folder.path().join("value");
    fs::write(&path, bytes).unwrap();
    load(&path)
}

/// Returns where the members begin.
fn members(bytes: &[u8], magic: &[u8]) -> Vec<usize> {
    bytes.windows(magic.len()).enumerate().filter(|(_, window)| *window == magic).map(|(at, _)| at).collect()
}

#[test]
fn the_bytes_do_not_depend_on_the_threads() {
    for format in formats() {
        let (value, Format { compression, magic, .. }) = (format.large(), format);
        let one = dumped(&value, compression, 1);
        assert!(members(&one, magic).len() > 1, "{compression}: one member");
        for threads in [2, 5] {
            assert!(dumped(&value, compression, threads) == one, "{compression} with {threads} threads");
        }
        for threads in [1, 3] {
            larder::set_threads(NonZeroUsize::new(threads).unwrap());
            assert!(from_file(&one).unwrap() == value, "{compression} with {threads} threads");
            assert!(load_from::<Vec<u64>>(one.as_slice()).unwrap() == value, "{compression}");
        }
    }
}

#[test]
fn small_values_are_one_member() {
    let value = numbers(100_000);
    for Format { compression, magic, .. } in formats() {
        let bytes = dumped(&value, compression, 2);
        assert!(bytes == dumped(&value, compression, 1), "{compression}");
        // A single gzip member has no label with its size.
        let expected = if compression.starts_with("gzip") { vec![] } else { vec![0] };
        assert_eq!(members(&bytes, magic), expected, "{compression}");
    }
}

/// Each level of zlib splits its input in another way.
#[test]
fn the_bytes_do_not_depend_on_the_sizes_of_writes() {
    #[derive(serde::Serialize)]
    struct Pieces<'a>(Vec<&'a [u64]>);
    let value = numbers(300_000);
    for level in 0..=9 {
        let chopped = Pieces(value.chunks(777).collect());
        let bytes = |threads: usize| {
            larder::set_threads(NonZeroUsize::new(threads).unwrap());
            let mut bytes = Vec::new();
            dump_into(&chopped, &mut bytes, Compression::gzip(level)).unwrap();
            bytes
        };
        assert!(bytes(1) == bytes(2), "gzip:{level}");
    }
}

#[test]
fn ordinary_tools_read_several_members() {
    for format in formats() {
        let (value, Format { compression, program, .. }) = (format.large(), format);
        let mut plain = Vec::new();
        dump_into(value.as_slice(), &mut plain, Compression::NONE).unwrap();
        if has("ordinary_tools_read_several_members", program, &["--version"]) {
            let content = pipe(program, &["-dc"], &dumped(&value, compression, 2));
            assert!(content == plain, "{program}");
        }
    }
}

#[test]
fn files_written_by_ordinary_tools_are_read() {
    for format in formats() {
        let (value, Format { program, .. }) = (format.large(), format);
        let mut plain = Vec::new();
        dump_into(value.as_slice(), &mut plain, Compression::NONE).unwrap();
        if !has("files_written_by_ordinary_tools_are_read", program, &["--version"]) {
            continue;
        }
        // One member that is larger than any segment.
        let alone = pipe(program, &["-c", "-1"], &plain);
        // Several members of the program's own, of very different sizes.
        let (first, rest) = plain.split_at(1000);
        let (second, third) = rest.split_at(1_500_000);
        let several = [first, b"", second, third].map(|part| pipe(program, &["-c", "-1"], part)).concat();
        for bytes in [alone, several] {
            assert!(from_file(&bytes).unwrap() == value, "{program}");
            assert!(load_from::<Vec<u64>>(bytes.as_slice()).unwrap() == value, "{program}");
        }
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
fn several_values_of_several_members_can_share_a_stream() {
    let (small, value) = (numbers(10), numbers(150_000));
    // The segments of xz and zstd are larger. The method makes no difference here.
    for Format { compression, .. } in formats().into_iter().filter(|format| format.count == 200_000) {
        let mut bytes = dumped(&value, compression, 2);
        bytes.extend(dumped(&small, compression, 2));
        bytes.extend(dumped(&value, compression, 2));
        let mut stream = BufReader::with_capacity(7, Socket(&bytes));
        for expected in [&value, &small, &value] {
            assert!(load_from::<Vec<u64>>(&mut stream).unwrap() == *expected, "{compression}");
        }
        assert!(stream.buffer().is_empty() && stream.get_ref().0.is_empty());
        // A file holds only one value.
        assert_eq!(from_file(&bytes).map(drop).unwrap_err().kind(), ErrorKind::Damaged, "{compression}");
    }
}

#[test]
fn missing_cut_or_damaged_members_are_errors() {
    for format in formats() {
        let (value, Format { compression, magic, .. }) = (format.large(), format);
        let whole = dumped(&value, compression, 2);
        let second = members(&whole, magic)[1];
        let refused = |bytes: &[u8], kinds: &[ErrorKind], what: &str| {
            let errors = [from_file(bytes).map(drop).unwrap_err(), load_from::<Vec<u64>>(bytes).map(drop).unwrap_err()];
            for error in errors {
                assert!(kinds.contains(&error.kind()), "{compression} {what}: {error:?}");
            }
        };
        for len in [second, second + 3, second + 1000, whole.len() - 1] {
            refused(&whole[..len], &[ErrorKind::Truncated], &format!("cut to {len}"));
        }
        let damage = [ErrorKind::Damaged, ErrorKind::Truncated, ErrorKind::WrongType];
        for at in [second, second + 2, second + 5000, whole.len() / 2, whole.len() - 5] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            refused(&bytes, &damage, &format!("flipped at {at}"));
        }
        // The first member twice, and other content in place of the second.
        refused(&[&whole[..second], &whole].concat(), &damage, "doubled");
        refused(&[&whole[..second], b"larder"].concat(), &damage, "something else");
    }
}

#[cfg(feature = "archive")]
#[test]
fn a_cut_or_damaged_stream_of_any_content_is_an_error_of_damage() {
    let value = numbers(500);
    let mut compressions = vec!["zlib:1", "gzip:1", "bz2:1", "xz:0", "lzma:0", "lz4", "blocks-lz4"];
    if cfg!(feature = "zstd") {
        compressions.extend(["zstd:1", "blocks-zstd:1"]);
    }
    for compression in compressions {
        let mut whole = Vec::new();
        let method: Compression = compression.parse().unwrap();
        method.write_stream(&mut whole, |stream| dump_into(&value, stream, Compression::NONE)).unwrap();
        // What the function reads, and what it leaves unread.
        let results = |bytes: &[u8]| {
            let read = Compression::read_stream(bytes, |stream| Ok(io::copy(stream, &mut io::sink()).err()));
            let error = read.unwrap_or_else(|error| Some(error.into()));
            (error.map(|error| error.kind()), Compression::read_stream(bytes, |_| Ok(())).map_err(|error| error.kind()))
        };
        assert_eq!(results(&whole), (None, Ok(())), "{compression}");
        for len in (16..whole.len()).step_by(19).chain([whole.len() - 1]) {
            let expected = (Some(io::ErrorKind::UnexpectedEof), Err(ErrorKind::Truncated));
            assert_eq!(results(&whole[..len]), expected, "{compression} cut to {len}");
        }
        let mut found = 0;
        // The compressor is detected by what is before.
        let places = (8..whole.len()).step_by(7);
        for at in places.clone() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            let (read, unread) = results(&bytes);
            let is_damage = matches!(read, None | Some(io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof))
                && matches!(unread, Ok(()) | Err(ErrorKind::Damaged | ErrorKind::Truncated));
            assert!(is_damage, "{compression} flipped at {at}: {read:?}, {unread:?}");
            found += usize::from(unread.is_err());
        }
        // Streams of lzma have no checksum. Headers have bytes that make no difference.
        assert!(found > if method == Compression::lzma(0) { 0 } else { places.len() - 8 }, "{compression}: {found}");
    }
}

#[test]
fn a_wrong_label_makes_no_difference() {
    let value = numbers(200_000);
    let whole = dumped(&value, "gzip:1", 2);
    for lie in [0_u32, 1, 25, 1000, 1 << 20, u32::MAX] {
        let mut bytes = whole.clone();
        bytes[16..20].copy_from_slice(&lie.to_le_bytes());
        assert!(from_file(&bytes).unwrap() == value, "{lie}");
    }
}

#[test]
fn bytes_after_the_value_in_a_file_are_an_error() {
    for format in formats() {
        let (value, Format { compression, .. }) = (format.large(), format);
        let whole = dumped(&value, compression, 2);
        for what in [b"x".as_slice(), b"\0\0\0\0x", &whole] {
            let error = from_file(&[&whole, what].concat()).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{compression} {error}");
        }
    }
}

/// Target that accepts a limited number of bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_target_that_fails_is_an_error() {
    for format in formats() {
        let (value, Format { compression, .. }) = (format.large(), format);
        for threads in [1, 2] {
            for room in [0, 1_200_000] {
                larder::set_threads(NonZeroUsize::new(threads).unwrap());
                let error = dump_into(&value, Full(room), compression.parse().unwrap()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NoSpace, "{compression} {error}");
            }
        }
    }
}

#[test]
fn a_large_compressed_entry_is_hit() {
    for format in formats() {
        let (value, Format { compression, .. }) = (format.large(), format);
        let folder = tempdir().unwrap();
        let cache = Cache::builder(folder.path()).compression(compression.parse().unwrap()).open().unwrap();
        let call = || cache.get_or_compute("large", &1, || value.clone());
        assert!(call() == value && call() == value);
        assert_eq!((cache.stats().unwrap().hits, cache.stats().unwrap().errors), (1, 0), "{compression}");
        // A byte near the end, in the part that another thread reads.
        let path = cache.entries().unwrap().next().unwrap().path;
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() - 20_000;
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(call() == value && call() == value);
        assert_eq!((cache.stats().unwrap().hits, cache.stats().unwrap().errors), (2, 1), "{compression}");
    }
}

/// The bomb is decompressed only as far as it is needed, and is not kept.
#[test]
fn endless_content_is_an_error_of_the_document() {
    for Format { program, .. } in formats() {
        if !has("endless_content_is_an_error_of_the_document", program, &["--version"]) {
            continue;
        }
        let member = pipe(program, &["-c", "-1"], &vec![0; 20 << 20]);
        let bytes = member.repeat((3 << 20) / member.len() + 1);
        assert_eq!(from_file(&bytes).map(drop).unwrap_err().kind(), ErrorKind::NotLarder, "{program}");
    }
}

#[test]
fn the_source_is_never_read_beyond_the_value() {
    for format in formats() {
        let (value, Format { compression, .. }) = (format.large(), format);
        let mut bytes = dumped(&value, compression, 2);
        bytes.extend(b"what follows");
        let mut slice = bytes.as_slice();
        assert!(load_from::<Vec<u64>>(&mut slice as &mut dyn BufRead).unwrap() == value);
        assert_eq!(slice, b"what follows", "{compression}");
    }
}
