//! Builds documents that no `Serialize` implementation would write, with a correct checksum.
#![allow(dead_code, unreachable_pub, reason = "other test binaries and the fuzz targets use it as well")]

use std::io::{Read, Write};

use twox_hash::XxHash3_64;

/// Size of the pieces that the checksum of a document is computed from.
const PIECE: usize = 256 << 10;

/// Returns the head of a CBOR item in its shortest form.
pub fn head(major: u8, argument: u64) -> Vec<u8> {
    let initial = major << 5;
    let bytes = argument.to_be_bytes();
    match argument {
        0..=23 => vec![initial | bytes[7]],
        24..=0xff => vec![initial | 24, bytes[7]],
        0x100..=0xffff => [&[initial | 25], &bytes[6..]].concat(),
        0x1_0000..=0xffff_ffff => [&[initial | 26], &bytes[4..]].concat(),
        _ => [&[initial | 27], &bytes[..]].concat(),
    }
}

/// Returns text as CBOR.
pub fn text(text: &str) -> Vec<u8> {
    [head(3, text.len() as u64), text.into()].concat()
}

/// Returns the bytes before the value of every document.
pub fn before() -> Vec<u8> {
    [&b"\xd9\xd9\xf7\xa4\x66larder\x01\x64type"[..], &text("by hand"), &text("value")].concat()
}

/// Returns the bytes after the value: the checksum.
fn after(document: &[u8]) -> Vec<u8> {
    let summed = [document, &text("xxh3"), &[0x1b]].concat();
    let sum = if summed.len() <= PIECE {
        XxHash3_64::oneshot(&summed)
    } else {
        let sums: Vec<u8> = summed.chunks(PIECE).flat_map(|piece| XxHash3_64::oneshot(piece).to_le_bytes()).collect();
        XxHash3_64::oneshot(&sums)
    };
    [&text("xxh3"), &[0x1b][..], &sum.to_be_bytes()].concat()
}

/// Returns the checksum of the concatenated parts.
pub fn checksum(parts: &[&[u8]]) -> u64 {
    XxHash3_64::oneshot(&parts.concat())
}

/// Returns a document with this value.
pub fn document(value: &[u8]) -> Vec<u8> {
    let mut document = [&before(), value].concat();
    document.extend(after(&document));
    document
}

/// Returns the names of the compressors in this build.
pub fn compressors() -> Vec<&'static str> {
    let mut names = vec!["zlib", "gzip", "bz2", "xz", "lzma", "lz4"];
    if cfg!(feature = "zstd") {
        names.push("zstd");
    }
    names
}

/// Compresses content with the compressors' crates directly.
pub fn compress(method: &str, mut content: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut copy = |writer: &mut dyn Write| std::io::copy(&mut content, writer).map(drop).unwrap();
    match method {
        "zlib" => {
            let mut writer = flate2::write::ZlibEncoder::new(&mut bytes, flate2::Compression::new(1));
            copy(&mut writer);
            writer.finish().map(drop).unwrap();
        }
        "gzip" => {
            let mut writer = flate2::write::GzEncoder::new(&mut bytes, flate2::Compression::new(1));
            copy(&mut writer);
            writer.finish().map(drop).unwrap();
        }
        "bz2" => {
            let mut writer = bzip2::write::BzEncoder::new(&mut bytes, bzip2::Compression::new(1));
            copy(&mut writer);
            writer.finish().map(drop).unwrap();
        }
        "xz" => {
            let mut writer = xz2::write::XzEncoder::new(&mut bytes, 0);
            copy(&mut writer);
            writer.finish().map(drop).unwrap();
        }
        "lzma" => {
            let options = xz2::stream::LzmaOptions::new_preset(0).unwrap();
            let stream = xz2::stream::Stream::new_lzma_encoder(&options).unwrap();
            let mut writer = xz2::write::XzEncoder::new_stream(&mut bytes, stream);
            copy(&mut writer);
            writer.finish().map(drop).unwrap();
        }
        "lz4" => {
            let mut writer = lz4_flex::frame::FrameEncoder::new(&mut bytes);
            copy(&mut writer);
            writer.finish().map(drop).unwrap();
        }
        #[cfg(feature = "zstd")]
        "zstd" => {
            let mut writer = zstd::Encoder::new(&mut bytes, 1).unwrap();
            copy(&mut writer);
            writer.finish().map(drop).unwrap();
        }
        _ => panic!("there is no compressor {method}"),
    }
    bytes
}

/// Returns values that claim wrong lengths, with a name for each.
pub fn lies() -> Vec<(String, Vec<u8>)> {
    let lengths = [1 << 31, 1 << 32, 1 << 40, (1 << 40) * 8, 1 << 63, u64::MAX - 7, u64::MAX];
    let mut lies = Vec::new();
    for len in lengths {
        for (major, name) in [(2, "bytes"), (3, "text"), (4, "array"), (5, "map")] {
            lies.push((format!("{name} of {len}"), [head(major, len), b"\x61a\x61b\x61c".into()].concat()));
            // The same within a struct and within `Some`.
            lies.push((
                format!("{name} of {len} in a field"),
                [&b"\xa1\x61a"[..], &head(major, len), b"\x01"].concat(),
            ));
            lies.push((format!("some {name} of {len}"), [&b"\xd9\x4c\x53"[..], &head(major, len), b"\x01"].concat()));
        }
        for tag in [64, 69, 70, 71, 72, 77, 78, 79, 85, 86] {
            let array = [head(6, tag), head(2, len), vec![0; 40]].concat();
            lies.push((format!("tag {tag} of {len}"), array.clone()));
            let padded = [&head(6, tag), &b"\x5f\x40\x40"[..], &head(2, len), &[0; 40]].concat();
            lies.push((format!("tag {tag} of {len}, padded"), padded));
            for dim in [vec![1 << 40, 1 << 40], vec![len, 1], vec![0, len], vec![1 << 32, 1 << 32]] {
                lies.push((format!("shape {dim:?} of tag {tag} of {len}"), shaped(&dim, &array)));
            }
        }
        for tag in [85, 86] {
            let complex = [head(6, 0x4c5a), head(6, tag), head(2, len), vec![0; 40]].concat();
            lies.push((format!("complex {tag} of {len}"), complex));
        }
        lies.push((format!("character of {len}"), [head(6, 0x4c43), head(3, len), b"abc".into()].concat()));
        lies.push((format!("integer of {len}"), [head(6, 2), head(2, len), b"abc".into()].concat()));
    }
    for (name, level) in [
        ("arrays", head(4, 1_000_000)),
        ("maps", [head(5, 1_000_000), vec![0]].concat()),
        ("maps of texts", [head(5, 1_000_000), text("a")].concat()),
        ("options of arrays", [head(6, 0x4c53), head(4, 1_000_000)].concat()),
    ] {
        lies.push((format!("100 {name} of a million"), level.repeat(100)));
        lies.push((format!("100 {name} of a million, and more"), [level.repeat(100), vec![0; 1000]].concat()));
    }
    lies
}

/// Returns an array of ndarray with this shape and data.
pub fn shaped(dim: &[u64], data: &[u8]) -> Vec<u8> {
    let dim = [head(4, dim.len() as u64), dim.iter().flat_map(|len| head(0, *len)).collect()].concat();
    [&head(5, 3), &text("v")[..], &[1], &text("dim"), &dim, &text("data"), data].concat()
}
