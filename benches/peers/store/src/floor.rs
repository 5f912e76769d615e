//! Measures the least time that the system needs to read and write as many bytes as an entry of larder has.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Instant;

use crate::functions::{folder, larder_large, larder_small};
use crate::measure::{Calls, Run};

fn path(kind: &str, n: u64) -> PathBuf {
    folder("floor").join(format!("{kind}-{n}"))
}

/// Returns content of the same size as the stored entry of larder.
fn content(kind: &str) -> Vec<u8> {
    let memo = if kind == "small" { larder_small::memo() } else { larder_large::memo() };
    let entry = memo.entries().expect("larder's entries").next().expect("there is an entry");
    vec![1; entry.path.metadata().expect("an entry is a file").len() as usize]
}

/// Writes the files to be read, one for each call.
pub fn fill(kind: &str, calls: Calls) {
    let content = content(kind);
    fs::create_dir_all(folder("floor")).expect("a folder for the floor");
    for n in calls {
        fs::write(path(kind, n), &content).expect("a file for the floor");
    }
}

/// Measures open, read and close.
pub fn read_small() -> Run<'static> {
    let size = content("small").len();
    Box::new(move |calls| {
        let paths: Vec<_> = calls.map(|n| path("small", n)).collect();
        let mut buffer = [0; 4096];
        let start = Instant::now();
        for path in paths {
            let read = File::open(path).and_then(|mut file| file.read(black_box(&mut buffer)));
            assert_eq!(read.ok(), Some(size), "the floor's file has its size");
        }
        start.elapsed()
    })
}

/// Measures `fs::read`.
pub fn read_large() -> Run<'static> {
    let size = content("large").len();
    Box::new(move |calls| {
        let paths: Vec<_> = calls.map(|n| path("large", n)).collect();
        let start = Instant::now();
        for path in paths {
            let read = black_box(fs::read(path)).map(|bytes| bytes.len());
            assert_eq!(read.ok(), Some(size), "the floor's file has its size");
        }
        start.elapsed()
    })
}

/// Measures create, write, close and rename.
pub fn write_small() -> Run<'static> {
    let content = content("small");
    Box::new(move |calls| {
        let paths: Vec<_> = calls.map(|n| (path("new", n), path("small", n))).collect();
        let start = Instant::now();
        for (new, name) in paths {
            let written = File::create_new(&new).and_then(|mut file| file.write_all(&content));
            written.and_then(|()| fs::rename(new, name)).expect("the floor's file is written");
        }
        start.elapsed()
    })
}
