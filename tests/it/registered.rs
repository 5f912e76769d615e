//! Tests registered compressors: where they work, and which are refused.

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::ops::RangeInclusive;
use std::sync::Once;

use larder::{
    Cache, Compression, CompressionWriter, Compressor, Error, ErrorKind, dump, dump_into, dump_with, load, load_from,
    register_compressor,
};
use tempfile::tempdir;

use crate::persist::{Sample, sample};

/// Compressor that writes blocks of up to 255 bytes, each after its length, with every byte XORed with the level. An
/// empty block marks the end.
#[derive(Clone)]
struct Xor {
    name: &'static str,
    magic: &'static [u8],
    extension: Option<&'static str>,
    levels: RangeInclusive<i32>,
    default_level: i32,
    /// Bytes at the beginning of its streams.
    begins: &'static [u8],
}

const XOR: Xor = Xor {
    name: "xor",
    magic: b"XOR stream\n",
    extension: Some("xor"),
    levels: 1..=9,
    default_level: 5,
    begins: b"XOR stream\n",
};

impl Compressor for Xor {
    fn name(&self) -> &str {
        self.name
    }

    fn magic(&self) -> &[u8] {
        self.magic
    }

    fn extension(&self) -> Option<&str> {
        self.extension
    }

    fn levels(&self) -> RangeInclusive<i32> {
        self.levels.clone()
    }

    fn default_level(&self) -> i32 {
        self.default_level
    }

    fn writer<'w>(&self, level: i32, mut target: Box<dyn Write + 'w>) -> io::Result<Box<dyn CompressionWriter + 'w>> {
        let mask = u8::try_from(level).unwrap();
        // A writer may write one byte at a time.
        for byte in self.begins.iter().chain([&mask]) {
            target.write_all(&[*byte])?;
        }
        Ok(Box::new(Masking { target, mask }))
    }

    fn reader<'r>(&self, mut source: Box<dyn BufRead + 'r>) -> io::Result<Box<dyn Read + 'r>> {
        let mut head = vec![0; self.magic.len() + 1];
        source.read_exact(&mut head)?;
        assert_eq!(&head[..self.magic.len()], self.magic);
        if !self.levels.contains(&head[self.magic.len()].into()) {
            return Err(io::Error::other("there is no such level"));
        }
        Ok(Box::new(Unmasking { source, mask: head[self.magic.len()], block: Vec::new(), at: 0, ended: false }))
    }
}

struct Masking<'w> {
    target: Box<dyn Write + 'w>,
    mask: u8,
}

impl Write for Masking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for block in bytes.chunks(255) {
            self.target.write_all(&[block.len() as u8])?;
            self.target.write_all(&block.iter().map(|byte| byte ^ self.mask).collect::<Vec<_>>())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

impl CompressionWriter for Masking<'_> {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.target.write_all(&[0])
    }
}

struct Unmasking<'r> {
    source: Box<dyn BufRead + 'r>,
    mask: u8,
    block: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for Unmasking<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() && !self.ended {
            let mut len = [0];
            self.source.read_exact(&mut len)?;
            self.block = vec![0; len[0].into()];
            self.source.read_exact(&mut self.block)?;
            (self.at, self.ended) = (0, len[0] == 0);
        }
        let count = target.len().min(self.block.len() - self.at);
        for (target, byte) in target.iter_mut().zip(&self.block[self.at..]) {
            *target = byte ^ self.mask;
        }
        self.at += count;
        Ok(count)
    }
}

/// Registers the compressors of these tests, once in this process.
fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        register_compressor(XOR).unwrap();
        let liar = Xor { name: "liar", magic: b"one thing", extension: None, begins: b"one thief", ..XOR };
        register_compressor(liar).unwrap();
        let silent = Xor { name: "silent", magic: b"not a word of it", extension: None, begins: b"not a", ..XOR };
        register_compressor(silent).unwrap();
    });
}

#[test]
fn files_are_written_by_extension_and_read_by_content() {
    register();
    let folder = tempdir().unwrap();
    let path = folder.path().join("sample.XOR");
    for size in [0, 100, 50_000] {
        dump(&sample(size), &path).unwrap();
        assert!(fs::read(&path).unwrap().starts_with(b"XOR stream\n\x05"));
        let renamed = folder.path().join("sample.gz");
        fs::rename(&path, &renamed).unwrap();
        assert_eq!(load::<Sample>(&renamed).unwrap(), sample(size));

        dump_with(&sample(size), &path, Compression::custom("xor", 9)).unwrap();
        assert!(fs::read(&path).unwrap().starts_with(b"XOR stream\n\x09"));
        assert_eq!(load::<Sample>(&path).unwrap(), sample(size));
    }
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(load::<Sample>(&path).unwrap_err().kind(), ErrorKind::Damaged);
    bytes.truncate(bytes.len() / 2);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(load::<Sample>(&path).unwrap_err().kind(), ErrorKind::Truncated);
    bytes[20_000] ^= 1;
    assert!(load_from::<Sample>(bytes.as_slice()).is_err());
}

#[cfg(feature = "archive")]
#[test]
fn a_stream_that_its_compressor_can_not_read_is_damaged() {
    register();
    let mut bytes = Vec::new();
    dump_into(&1, &mut bytes, Compression::custom("xor", 1)).unwrap();
    let kinds = |bytes: &[u8]| {
        let stream = Compression::read_stream(bytes, |_| Ok(()));
        [load_from::<i32>(bytes).map(drop), stream].map(|result| result.unwrap_err().kind())
    };
    bytes[XOR.magic.len()] = 77;
    assert_eq!(kinds(&bytes), [ErrorKind::Damaged; 2]);
    assert_eq!(kinds(&bytes[..XOR.magic.len()]), [ErrorKind::Truncated; 2]);
}

#[test]
fn several_values_can_share_a_stream() {
    register();
    let mut bytes = Vec::new();
    let compressions = ["xor", "gzip", "xor:1", "none", "xor:9"];
    for (number, compression) in compressions.iter().enumerate() {
        dump_into(&number, &mut bytes, compression.parse().unwrap()).unwrap();
    }
    bytes.extend(b"what follows");
    let mut stream = bytes.as_slice();
    for number in 0..compressions.len() {
        assert_eq!(load_from::<usize>(&mut stream).unwrap(), number);
    }
    assert_eq!(stream, b"what follows");
    // Content that begins like a magic number but differs later.
    for beginning in [&b"XOR"[..], b"XOR str", b"XOR stream", b"XOR streak\n and more", b"not a word of anything"] {
        let kind = load_from::<u8>(beginning).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::NotLarder, "{}", beginning.escape_ascii());
    }
}

#[test]
fn names_and_levels_can_be_written_and_parsed_as_text() {
    register();
    for text in ["xor:1", "xor:9", "xor:5"] {
        assert_eq!(text.parse::<Compression>().unwrap().to_string(), text);
    }
    assert_eq!("xor".parse::<Compression>().unwrap(), Compression::custom("xor", 5));
    assert_eq!(Compression::from_path("x.xor"), Compression::custom("xor", 5));
    for text in ["xor:0", "xor:10", "xor:", "xor:x", "xor:-1", "xor:5:5"] {
        let error = text.parse::<Compression>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LevelOutOfRange, "{text}");
        assert!(error.to_string().contains("xor:1 to xor:9"), "{error}");
    }
    let error = dump_into(&1, Vec::new(), Compression::custom("xor", 10)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LevelOutOfRange);
    assert!(error.to_string().contains("xor:1 to xor:9"), "{error}");

    let unknown = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::UnknownCompressor);
        let text = error.to_string();
        assert!(text.contains("zstd") && text.contains("xor") && text.contains("register_compressor"), "{text}");
    };
    unknown("nobody".parse::<Compression>().unwrap_err());
    unknown(dump_into(&1, Vec::new(), Compression::custom("nobody", 1)).unwrap_err());
    let folder = tempdir().unwrap();
    unknown(Cache::builder(folder.path()).compression(Compression::custom("nobody", 1)).open().unwrap_err());
    // Names of larder's own compressors are not looked up in the registry.
    unknown(dump_into(&1, Vec::new(), Compression::custom("gzip", 1)).unwrap_err());
}

#[test]
fn caches_use_registered_compressors() {
    register();
    let folder = tempdir().unwrap();
    let cache = Cache::builder(folder.path()).compression("xor:3".parse().unwrap()).open().unwrap();
    for size in [10, 50_000] {
        for _ in 0..2 {
            assert_eq!(cache.get_or_compute("sample", &size, || sample(size)), sample(size));
        }
    }
    let stats = cache.stats().unwrap();
    assert_eq!((stats.hits, stats.misses, stats.errors), (2, 2, 0));
    for entry in cache.entries().unwrap() {
        assert_eq!((entry.compressor.as_str(), entry.fault), ("xor:3", None));
        let from = usize::try_from(entry.payload_at).unwrap();
        let file = fs::read(&entry.path).unwrap();
        assert!(file[from..].starts_with(b"XOR stream\n\x03"));
    }
}

#[test]
fn streams_with_a_wrong_magic_number_are_not_written() {
    register();
    for (name, magic) in [("liar", "[6f, 6e, 65"), ("silent", "[6e, 6f, 74")] {
        let error = dump_into(&1, Vec::new(), Compression::custom(name, 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
        assert!(error.to_string().contains(name) && error.to_string().contains(magic), "{error}");
    }
}

#[test]
fn ambiguous_or_invalid_compressors_are_refused() {
    register();
    let other = Xor { name: "other", magic: b"other", extension: Some("other"), ..XOR };
    let refused = |compressor: Xor| register_compressor(compressor).unwrap_err();
    let invalid = |compressor: Xor, contains: &str| {
        let error = refused(compressor);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(contains), "{error}");
    };
    let taken = |compressor: Xor, contains: &str| {
        let error = refused(compressor);
        assert_eq!(error.kind(), ErrorKind::AlreadyRegistered, "{error}");
        assert!(error.to_string().contains(contains), "{error}");
    };

    for name in ["", "Other", "other:1", "o ther", "öther", "a-name-of-more-than-32-characters-"] {
        invalid(Xor { name, ..other.clone() }, "`a` to `z`");
    }
    for name in ["none", "gzip", "zstd", "lzma", "xor"] {
        taken(Xor { name, ..other.clone() }, name);
    }

    for magic in [&b""[..], b"seventeen bytes -"] {
        invalid(Xor { magic, ..other.clone() }, "choose 1 to 16");
    }
    let magics: [(&[u8], &str); 17] = [
        (b"\x1f", "gzip"),
        (b"\x1f\x8b\x08\xff", "gzip"),
        (b"BZ", "bz2"),
        (b"BZhh", "bz2"),
        (b"\xfd7zXZ\0!", "xz"),
        (b"\xfd", "xz"),
        (b"\x5d\0\0", "lzma"),
        (b"\x04\x22", "lz4"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd"),
        (b"\xd9\xd9", "dump"),
        (b"\xd9\xd9\xf7\xa4", "dump"),
        (b"\x89", "cache entry"),
        (b"\x89LARDER\nx", "cache entry"),
        (b"x", "zlib"),
        (b"\x78\x9c!", "zlib"),
        (b"XOR", "xor"),
        (b"XOR stream\n2", "xor"),
    ];
    for (magic, contains) in magics {
        taken(Xor { magic, ..other.clone() }, contains);
    }

    for extension in ["", ".other", "o.ther", "a/b", "ö", "more-than-16-chars"] {
        invalid(Xor { extension: Some(extension), ..other.clone() }, "extension");
    }
    for extension in ["gz", "ZST", "larder", "Xor"] {
        taken(Xor { extension: Some(extension), ..other.clone() }, extension);
    }

    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    invalid(Xor { levels: 3..=1, ..other.clone() }, "no levels");
    invalid(Xor { default_level: 10, ..other.clone() }, "levels 1 to 9");

    // None of these was registered.
    assert_eq!("other".parse::<Compression>().unwrap_err().kind(), ErrorKind::UnknownCompressor);
}
