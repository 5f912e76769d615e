//! Entries of compressors that the program does not know.

use std::io::{self, BufRead, Read, Write};

use larder::{Cache, CompressionWriter, Compressor, register_compressor};

use crate::program::larder;

const MAGIC: &[u8] = b"plain stream";

/// A compressor that only this process knows. Its streams are the content after a magic.
struct Plain;

impl Compressor for Plain {
    fn name(&self) -> &str {
        "plain"
    }

    fn magic(&self) -> &[u8] {
        MAGIC
    }

    fn writer<'w>(&self, _: i32, mut target: Box<dyn Write + 'w>) -> io::Result<Box<dyn CompressionWriter + 'w>> {
        target.write_all(MAGIC)?;
        Ok(Box::new(PlainWriter(target)))
    }

    fn reader<'r>(&self, mut source: Box<dyn BufRead + 'r>) -> io::Result<Box<dyn Read + 'r>> {
        source.read_exact(&mut [0; MAGIC.len()])?;
        Ok(Box::new(source))
    }
}

struct PlainWriter<'w>(Box<dyn Write + 'w>);

impl Write for PlainWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl CompressionWriter for PlainWriter<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn metadata_is_shown_without_the_compressor() {
    register_compressor(Plain).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::builder(folder.path()).compression("plain".parse().unwrap()).open().unwrap();
    cache.get_or_compute("sample", &1, || "text".repeat(100));
    let entry = cache.entries().unwrap().next().unwrap();
    let listed = larder(folder.path(), &["ls", "sample"]);
    assert!(listed.code == Some(0) && listed.stdout.contains(&entry.compressor), "{listed:?}");
    let shown = larder(folder.path(), &["show", &entry.key.to_string()]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.contains(&format!("compressor  {}\n", entry.compressor)), "{shown:?}");
    assert!(shown.stdout.contains("compressed with plain"), "{shown:?}");
}
