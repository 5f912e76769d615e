//! Tests dumps in files: compressors by extension and by content, and errors of bad files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};

use larder::{Compression, ErrorKind, dump, dump_into, dump_with, load, load_from};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use tempfile::tempdir;

/// Returns every compressor of this build with the extension that selects it.
pub(crate) fn methods() -> Vec<(&'static str, &'static str)> {
    let mut methods = vec![
        ("none", "larder"),
        ("zlib", "z"),
        ("gzip", "gz"),
        ("bz2", "bz2"),
        ("xz", "xz"),
        ("lzma", "lzma"),
        ("lz4", "lz4"),
    ];
    if cfg!(feature = "zstd") {
        methods.push(("zstd", "zst"));
    }
    // No extension asks for blocks.
    methods.extend(block_methods().into_iter().map(|method| (method, "larder")));
    methods
}

/// Returns the names of all compressors, including those that no extension selects.
pub(crate) fn method_names() -> Vec<&'static str> {
    let mut names: Vec<_> = methods().into_iter().map(|(method, _)| method).collect();
    names.extend(block_methods());
    names
}

/// Returns the names of the compressors that write blocks.
pub(crate) fn block_methods() -> Vec<&'static str> {
    match (cfg!(feature = "blocks"), cfg!(feature = "zstd")) {
        (false, _) => vec![],
        (true, false) => vec!["blocks-lz4"],
        (true, true) => vec!["blocks-lz4", "blocks-zstd"],
    }
}

/// Value with every kind of content that files hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) title: String,
    pub(crate) matrix: Array2<f64>,
    pub(crate) counts: Vec<u16>,
    pub(crate) notes: BTreeMap<String, Option<i64>>,
}

pub(crate) fn sample(size: usize) -> Sample {
    Sample {
        title: "Larder — a cool place".to_owned(),
        matrix: Array2::from_shape_fn((size, 3), |(i, j)| (i as f64 * 0.1).sin() + j as f64),
        counts: (0..size).map(|n| (n % 1000) as u16).collect(),
        notes: BTreeMap::from([("a".to_owned(), Some(-1)), ("b".to_owned(), None)]),
    }
}

#[test]
fn the_extension_selects_the_compressor_and_reading_detects_it() {
    let folder = tempdir().unwrap();
    for (method, extension) in methods() {
        for size in [0, 1, 100, 100_000] {
            let path = folder.path().join(format!("sample.{extension}"));
            dump(&sample(size), &path).unwrap();
            // The name of the file does not matter for reading.
            let renamed = folder.path().join("renamed.gz.txt");
            fs::rename(&path, &renamed).unwrap();
            assert_eq!(load::<Sample>(&renamed).unwrap(), sample(size), "{method}");
        }
    }
}

#[test]
fn every_level_is_written_and_read() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("sample");
    for method in method_names() {
        for level in [1, 3, 6, 9] {
            let Ok(compression) = format!("{method}:{level}").parse::<Compression>() else {
                assert!(["none", "lz4", "blocks-lz4"].contains(&method), "{method}:{level}");
                continue;
            };
            dump_with(&sample(1000), &path, compression).unwrap();
            assert_eq!(load::<Sample>(&path).unwrap(), sample(1000), "{method}:{level}");
        }
    }
}

#[test]
fn compressors_can_be_written_and_parsed_as_text() {
    for text in ["none", "zlib:0", "gzip:3", "bz2:9", "xz:6", "lzma:1", "lz4"] {
        assert_eq!(text.parse::<Compression>().unwrap().to_string(), text);
    }
    assert_eq!("xz".parse::<Compression>().unwrap(), Compression::xz(3));
    let kind = |text: &str| text.parse::<Compression>().unwrap_err().kind();
    assert_eq!(kind("brotli"), ErrorKind::UnknownCompressor);
    assert_eq!(kind(""), ErrorKind::UnknownCompressor);
    assert_eq!(kind("GZIP"), ErrorKind::UnknownCompressor);
    for text in ["gzip:10", "gzip:-1", "gzip:", "gzip:x", "gzip:3:4", "bz2:0", "lz4:1", "none:0", "gzip: 3", "xz:100"] {
        assert_eq!(kind(text), ErrorKind::LevelOutOfRange, "{text}");
    }
    let error = "bz2:12".parse::<Compression>().unwrap_err().to_string();
    assert!(error.contains("bz2:12") && error.contains("bz2:1 to bz2:9"), "{error}");

    let error = dump_into(&1, Vec::new(), Compression::gzip(-1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LevelOutOfRange);
    assert!(error.to_string().contains("gzip:-1"), "{error}");
}

#[test]
#[cfg(not(feature = "zstd"))]
fn the_error_of_a_missing_compressor_names_the_feature() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.zst");
    let error = dump(&1, &path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CompressorDisabled);
    assert!(error.to_string().contains("feature `zstd`"), "{error}");
    assert!(!path.exists());
    fs::write(&path, [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0]).unwrap();
    assert_eq!(load::<u8>(&path).unwrap_err().kind(), ErrorKind::CompressorDisabled);
}

#[test]
fn each_kind_of_bad_file_has_its_own_error() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    let missing = load::<u8>(&path).unwrap_err();
    assert_eq!((missing.kind(), missing.path()), (ErrorKind::NotFound, Some(path.as_path())));

    fs::write(&path, "hello, world").unwrap();
    assert_eq!(load::<u8>(&path).unwrap_err().kind(), ErrorKind::NotLarder);
    fs::write(&path, "").unwrap();
    assert_eq!(load::<u8>(&path).unwrap_err().kind(), ErrorKind::Truncated);
    fs::write(&path, b"\xd9\xd9\xf7\xa4\x66larder\x02").unwrap();
    let newer = load::<u8>(&path).unwrap_err();
    assert_eq!(newer.kind(), ErrorKind::NewerFormat);
    assert!(newer.to_string().contains("update larder"), "{newer}");

    dump(&vec![1.5, 2.5], &path).unwrap();
    let wrong = load::<String>(&path).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::WrongType);
    let text = wrong.to_string();
    assert!(text.contains("Vec<f64>") && text.contains("string::String"), "{text}");
    // Numbers keep their type.
    assert_eq!(load::<Vec<f32>>(&path).unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(load::<Vec<u8>>(&path).unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(load::<(f64, f64, f64)>(&path).unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(load::<(f64,)>(&path).unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(load::<(f64, f64)>(&path).unwrap(), (1.5, 2.5));
    dump(&300_u16, &path).unwrap();
    assert_eq!(load::<u8>(&path).unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(load::<u64>(&path).unwrap(), 300);

    let error = dump(&1, folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(dump(&1, "").unwrap_err().kind(), ErrorKind::InvalidInput);
    let error = dump(&1, folder.path().join("no/such/folder/x")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// Reader that returns one byte at a time.
struct Drip<R>(R);

impl<R: BufRead> Read for Drip<R> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        let end = target.len().min(1);
        self.0.read(&mut target[..end])
    }
}

/// Returns how many bytes this thread reads while it does something.
#[cfg(target_os = "linux")]
fn bytes_read(work: impl FnOnce()) -> Option<usize> {
    let count = || {
        let text = fs::read_to_string("/proc/thread-self/io").ok()?;
        Some((text.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse::<usize>().ok()?, text.len()))
    };
    let (before, shown) = count()?;
    work();
    // Reading the first count is a part of the second.
    Some(count()?.0 - before - shown)
}

#[cfg(target_os = "linux")]
#[test]
fn each_byte_of_a_file_is_read_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("value");
    for size in [1, 1000, 300_000] {
        for compression in [Compression::NONE, Compression::zlib(1)] {
            let value: Vec<String> = (0..size).map(|n: u32| n.to_string()).collect();
            dump_with(&value, &path, compression).unwrap();
            let Some(read) = bytes_read(|| assert_eq!(load::<Vec<String>>(&path).unwrap(), value)) else { return };
            assert_eq!(read as u64, path.metadata().unwrap().len(), "{size} with {compression}");
        }
    }
    let cache = larder::Cache::builder(folder.path().join("cache")).hot_bytes(0).open().unwrap();
    for size in [1, 1000, 300_000] {
        let value: Vec<String> = (0..size).map(|n: u32| n.to_string()).collect();
        let call = || cache.get_or_compute("text", &size, || value.clone());
        assert_eq!(call(), value);
        let entry = cache.entries().unwrap().find(|entry| entry.arguments[0].preview == size.to_string()).unwrap();
        let Some(read) = bytes_read(|| assert_eq!(call(), value)) else { return };
        assert_eq!(read as u64, entry.size, "{size}");
    }
}

#[test]
fn a_stream_is_read_exactly_to_the_end_of_the_value() {
    for (method, _) in methods() {
        let compression: Compression = method.parse().unwrap();
        let mut bytes = Vec::new();
        dump_into(&sample(500), &mut bytes, compression).unwrap();
        bytes.write_all(b"what follows").unwrap();

        let mut slice = bytes.as_slice();
        assert_eq!(load_from::<Sample>(&mut slice).unwrap(), sample(500), "{method}");
        assert_eq!(slice, b"what follows", "{method}");

        let mut drip = BufReader::with_capacity(1, Drip(bytes.as_slice()));
        assert_eq!(load_from::<Sample>(&mut drip).unwrap(), sample(500), "{method}");
        let mut rest = String::new();
        drip.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "what follows", "{method}");
    }
}

#[test]
fn a_file_with_bytes_after_the_value_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    for (method, _) in methods() {
        dump_with(&1, &path, method.parse().unwrap()).unwrap();
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"x").unwrap();
        assert_eq!(load::<i32>(&path).unwrap_err().kind(), ErrorKind::Damaged, "{method}");
    }
}

#[test]
fn a_dump_appears_whole_or_not_at_all() {
    struct Failing;
    impl Serialize for Failing {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq as _;
            let mut seq = serializer.serialize_seq(Some(2))?;
            seq.serialize_element(&vec![0_u64; 1 << 20])?;
            Err(serde::ser::Error::custom("the second element is a socket"))
        }
    }
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    dump(&"before", &path).unwrap();
    let error = dump(&Failing, &path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRepresentable);
    assert!(error.to_string().contains("socket"), "{error}");
    assert_eq!(load::<String>(&path).unwrap(), "before");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
#[cfg(unix)]
fn links_modes_and_pipes_are_respected() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempdir().unwrap();
    let (path, link) = (folder.path().join("file"), folder.path().join("link"));
    dump(&1, &path).unwrap();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode() & 0o600, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&path, &link).unwrap();
    dump(&2, &link).unwrap();
    assert!(link.is_symlink());
    assert_eq!(load::<i32>(&path).unwrap(), 2);
    assert_eq!(mode(), 0o640);
    dump(&3, "/dev/null").unwrap();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

/// Source that panics when it is read at its end.
struct Socket<'a>(&'a [u8]);

impl Read for Socket<'_> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        assert!(!self.0.is_empty(), "a socket would block here");
        self.0.read(target)
    }
}

#[test]
fn nothing_is_read_after_the_value() {
    for (method, _) in methods() {
        let mut bytes = Vec::new();
        dump_into(&sample(500), &mut bytes, method.parse().unwrap()).unwrap();
        let reader = BufReader::new(Socket(&bytes));
        assert_eq!(load_from::<Sample>(reader).unwrap(), sample(500), "{method}");
    }
}
