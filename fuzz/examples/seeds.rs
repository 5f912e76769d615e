//! Writes the seed corpus of the fuzz targets: small files of every format and type.

use std::fs;
use std::path::Path;

use larder::{Cache, Compression};
use larder_fuzz::craft::{compress, compressors, document, shaped};
use larder_fuzz::{Kind, dumped, everything};
use ndarray::{Array2, ArrayD};
use serde::Serialize;

fn put(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder");
    assert!(bytes.len() <= 2048, "{target}/{name} has {} bytes", bytes.len());
    fs::write(folder.join(name), bytes).expect("a file");
}

/// Returns the value within a dump, without its envelope.
fn value<T: Serialize>(value: &T) -> Vec<u8> {
    let bytes = dumped(value, Compression::NONE);
    let name = std::any::type_name::<T>().len();
    let head = if name < 24 {
        1
    } else if name < 256 {
        2
    } else {
        3
    };
    bytes[12 + 5 + head + name + 6..bytes.len() - 14].to_vec()
}

fn put_value<T: Serialize>(kind: u8, name: &str, of: &T) {
    let within = value(of);
    put("load", name, &[&[kind], &within[..]].concat());
    put("load", &format!("{name}-file"), &[&[kind | 0x80], &dumped(of, Compression::NONE)[..]].concat());
    put("map", name, &[&[0], &within[..]].concat());
    put("map", &format!("{name}-file"), &[&[0x80], &dumped(of, Compression::NONE)[..]].concat());
}

fn main() {
    put_value(0, "u8", &200_u8);
    put_value(1, "text", &"Larder — a cool place");
    put_value(2, "everything", &everything());
    put_value(3, "floats", &vec![0.5, f64::NAN, -0.0, 1e300, 1.0, 2.0, 3.0, 4.0, 5.0]);
    put_value(4, "matrix", &Array2::from_shape_fn((3, 4), |(i, j)| (i * j) as f32));
    put_value(5, "json", &serde_json::json!({"a": [1, -2, 0.5, "x", null, true], "b": {"c": []}}));
    put_value(6, "kind", &Kind::Newtype(Box::new(Kind::Struct { a: vec![1], b: None })));
    put_value(7, "either", &everything().either);
    put_value(8, "tensor", &ArrayD::from_elem(vec![1, 2, 3], 500_u16));
    put_value(9, "tuple", &(Some(Some(-1_i128 << 80)), 'x', ()));
    put_value(10, "flags", &vec![true, false, true]);
    put_value(11, "complex", &vec![num_complex::Complex::new(1.0_f32, 2.0); 3]);
    let data = b"\xd8\x55\x58\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    put("load", "shape", &[&[4], &shaped(&[2, 3], data)[..]].concat());
    put("load", "without-lengths", b"\x05\xbf\x61a\x9f\x01\x02\xff\xff");
    put("load", "lie", b"\x03\xd8\x56\x5b\0\0\x01\0\0\0\0\0");
    for compressor in compressors() {
        let file = |of: &[u8]| compress(compressor, of);
        put("load", compressor, &[&[0x82], &file(&dumped(&everything(), Compression::NONE))[..]].concat());
        put(compressor, "u8", &file(&dumped(&1_u8, Compression::NONE)));
        put(compressor, "text", &file(&document(&[&b"\x79\x04\0"[..], &[b'x'; 1024]].concat())));
        put(compressor, "floats", &file(&dumped(&vec![0.25; 3000], Compression::NONE)));
        put(compressor, "everything", &file(&dumped(&everything(), Compression::NONE)));
        put(compressor, "cut", &file(&dumped(&everything(), Compression::NONE)[..300]));
        put(compressor, "by-larder", &dumped(&everything(), compressor.parse().expect("a compressor")));
        put(compressor, "nothing", &file(b""));
    }
    for compressor in ["blocks-lz4", "blocks-zstd"] {
        let compression: Compression = compressor.parse().expect("a compressor");
        put("blocks", &format!("{compressor}-everything"), &dumped(&everything(), compression));
        put("blocks", &format!("{compressor}-same"), &dumped(&vec![0.25; 3000], compression));
        put("blocks", &format!("{compressor}-steps"), &dumped(&(0..4000_u64).collect::<Vec<_>>(), compression));
        put(
            "blocks",
            &format!("{compressor}-few"),
            &dumped(&(0..5000_u32).map(|n| n % 3).collect::<Vec<_>>(), compression),
        );
        put("blocks", &format!("{compressor}-u8"), &dumped(&1_u8, compression));
    }
    // Two members and filler before, between and after them; padding; an empty member; a cut one.
    for (name, kinds) in [("gzip", 1), ("bz2", 2), ("xz", 3), ("lz4", 5), ("zstd", 6)] {
        let filler = if kinds < 5 { 8 } else { 9 };
        put("streams", name, &[0, kinds, 40, filler, 4, kinds, 0, kinds, 255, filler, 8, kinds, 0]);
    }
    put("streams", "one-thing-after", &[0, 1, 255, 10, 7]);
    put("streams", "frame-first", &[0, 9, 4, 6, 255]);
    put("streams", "cut", &[0, 3, 255, 11, 5]);
    for compressor in ["none", "gzip", "lz4", "xz"] {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::builder(folder.path()).compression(compressor.parse().expect("a compressor"));
        let cache = cache.open().expect("a cache");
        cache.get_or_compute("f", &1, || "stored".to_owned());
        let entry = fs::read(cache.entries().expect("a list").next().expect("an entry").path).expect("its file");
        put("entry", compressor, &[&[0], &entry[..]].concat());
        put("entry", &format!("{compressor}-file"), &[&[0x80], &entry[..]].concat());
    }
}
