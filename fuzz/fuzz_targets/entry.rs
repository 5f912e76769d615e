#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use larder::Cache;
use larder_fuzz::craft::checksum;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

struct Place {
    _folder: TempDir,
    cache: Cache,
    file: PathBuf,
}

/// Read-only cache with one entry.
static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for the cache");
    Cache::open(folder.path()).expect("a cache").get_or_compute("f", &1, || "stored".to_owned());
    let cache = Cache::builder(folder.path()).read_only(true).open().expect("a cache");
    let file = cache.entries().expect("a list").next().expect("one entry").path;
    Place { _folder: folder, cache, file }
});

/// Corrects the lengths and checksums of a header, so that the fuzzer gets past these checks.
fn made_right(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().max(64), 0);
    bytes[..12].copy_from_slice(b"\x89LARDER\n\x01\0\0\0");
    let details = usize::from(bytes[12]) | usize::from(bytes[13]) << 8;
    let details = details.min(bytes.len() - 64);
    bytes[12..16].copy_from_slice(&(details as u32).to_le_bytes());
    let payload_at = (64 + details).next_multiple_of(64);
    bytes.resize(bytes.len().max(payload_at), 0);
    // If the number is odd, the length stays wrong.
    if bytes[40] & 1 == 0 {
        let len = (bytes.len() - payload_at) as u64;
        bytes[16..24].copy_from_slice(&len.to_le_bytes());
    }
    bytes[40] = 0;
    let (header, payload) = bytes.split_at_mut(payload_at);
    let plain = header.windows(5).any(|window| window == b"\x64none");
    let sum = match payload.split_last_chunk_mut::<8>() {
        // A document ends with its checksum. The entry has the same checksum.
        Some((document, end)) if plain => {
            let sum = checksum(&[document]);
            *end = sum.to_be_bytes();
            sum
        }
        _ => checksum(&[payload]),
    };
    header[32..40].copy_from_slice(&sum.to_le_bytes());
    let sum = checksum(&[&bytes[..56], &bytes[64..payload_at]]).to_le_bytes();
    bytes[56..64].copy_from_slice(&sum);
    bytes
}

// The first byte selects whether the header is corrected. The entry's key is written into it if there is room.
fuzz_target!(|data: &[u8]| {
    let Some((first, content)) = data.split_first() else { return };
    let Place { cache, file, .. } = &*PLACE;
    let mut content = content.to_vec();
    // The key in the header must match the file's name. It comes first in the details of a header that larder writes.
    let key = file.file_stem().and_then(|stem| stem.to_str()).expect("a name").as_bytes();
    if content.get(64..71) == Some(b"\xaa\x63key\x78\x40") && content.len() >= 71 + key.len() {
        content[71..71 + key.len()].copy_from_slice(key);
    }
    let right = first & 0x80 == 0;
    let content = if right { made_right(content) } else { content };
    std::fs::write(file, content).expect("the file can be written");
    for entry in cache.entries().expect("the folder can be listed") {
        let _ = format!("{entry:?}");
        if let Ok(value) = entry.value(4) {
            let _ = format!("{value} {value:#}");
        }
    }
    let value = cache.get_or_compute("f", &1, || "computed".to_owned());
    assert!(right || ["stored", "computed"].contains(&value.as_str()), "a wrong value was returned: {value}");
});
