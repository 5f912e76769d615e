#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use larder::{Compression, load, load_from};
use larder_fuzz::pieces;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder for the file"));
static PATH: LazyLock<PathBuf> = LazyLock::new(|| FOLDER.path().join("file"));

// The first byte selects whether the rest is a whole file or a list of pieces.
fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else { return };
    let bytes = if first & 0x80 == 0 { pieces(data) } else { data.to_vec() };
    fs::write(&*PATH, &bytes).expect("a file");
    let mut rest = bytes.as_slice();
    let streamed = load_from::<IgnoredAny>(&mut rest).is_ok();
    if streamed {
        load_from::<IgnoredAny>(&bytes[..bytes.len() - rest.len()]).expect("the stream ends where the reader stopped");
    }
    let content = Compression::read_stream(bytes.as_slice(), |content| {
        load_from::<IgnoredAny>(&mut *content)?;
        Ok(content.read(&mut [0]).unwrap_or(1))
    });
    if load::<IgnoredAny>(&*PATH).is_ok() {
        assert!(streamed, "a file without its value");
        assert_eq!(content.expect("the content of a file that was loaded"), 0, "a file of more than the value");
    }
});
