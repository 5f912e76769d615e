//! A compressor of your own: for tables whose numbers grow slowly, column by column.
//!
//! The method `delta` stores the difference of each 64-bit word to the word before, in as few bytes as it needs. It is
//! compared with the built-in methods on a table of measurements, and used by a cache.
//!
//! ```sh
//! cargo run --release --example compressor     # run it twice
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]
#![expect(clippy::cast_possible_truncation, reason = "the low seven bits fit into a byte")]

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::sync::LazyLock;
use std::time::Instant;

use indicatif::ProgressBar;
use larder::{Cache, Compression, CompressionWriter, Compressor, memoize};
use serde::{Deserialize, Serialize};

/// Writes 64-bit words as their differences, in as few bytes as they need.
///
/// After the magic, a stream has chunks: the number of words and the number of bytes (`u32` each), then the differences. A
/// chunk without words is the last one: it has the bytes that are no whole word.
struct Delta;

/// Words in a chunk, at most.
const WORDS: usize = 4096;
/// Bytes that a difference needs, at most.
const LONGEST: usize = 10;

impl Compressor for Delta {
    fn name(&self) -> &str {
        "delta"
    }

    fn magic(&self) -> &[u8] {
        b"DELT"
    }

    fn extension(&self) -> Option<&str> {
        Some("delta")
    }

    fn writer<'w>(&self, _: i32, mut target: Box<dyn Write + 'w>) -> io::Result<Box<dyn CompressionWriter + 'w>> {
        target.write_all(self.magic())?;
        Ok(Box::new(DeltaWriter { target, pending: Vec::new(), last: 0 }))
    }

    fn reader<'r>(&self, mut source: Box<dyn BufRead + 'r>) -> io::Result<Box<dyn Read + 'r>> {
        source.read_exact(&mut [0; 4])?;
        Ok(Box::new(DeltaReader { source, content: io::Cursor::new(Vec::new()), last: 0, is_ended: false }))
    }
}

struct DeltaWriter<'w> {
    target: Box<dyn Write + 'w>,
    /// Bytes that are not a whole chunk yet.
    pending: Vec<u8>,
    last: u64,
}

impl DeltaWriter<'_> {
    fn write_words(&mut self, bytes: &[u8]) -> io::Result<()> {
        for chunk in bytes.chunks(8 * WORDS) {
            let mut packed = Vec::with_capacity(chunk.len() / 2);
            for word in chunk.as_chunks().0 {
                let word = u64::from_le_bytes(*word);
                let difference = word.wrapping_sub(self.last).cast_signed();
                // The sign is the lowest bit, so that small negative numbers are small as well.
                let mut rest = ((difference << 1) ^ (difference >> 63)).cast_unsigned();
                while rest >= 0x80 {
                    packed.push((rest & 0x7f) as u8 | 0x80);
                    rest >>= 7;
                }
                packed.push(rest as u8);
                self.last = word;
            }
            self.write_chunk(chunk.len() / 8, &packed)?;
        }
        Ok(())
    }

    fn write_chunk(&mut self, words: usize, bytes: &[u8]) -> io::Result<()> {
        let number = |number: usize| u32::try_from(number).map(u32::to_le_bytes).map_err(io::Error::other);
        self.target.write_all(&[number(words)?, number(bytes.len())?].concat())?;
        self.target.write_all(bytes)
    }
}

impl Write for DeltaWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        let whole = self.pending.len() / (8 * WORDS) * (8 * WORDS);
        let rest = self.pending.split_off(whole);
        let chunks = std::mem::replace(&mut self.pending, rest);
        self.write_words(&chunks)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

impl CompressionWriter for DeltaWriter<'_> {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let (words, tail) = pending.split_at(pending.len() / 8 * 8);
        self.write_words(words)?;
        self.write_chunk(0, tail)
    }
}

struct DeltaReader<'r> {
    source: Box<dyn BufRead + 'r>,
    /// What the chunk that was read last holds.
    content: io::Cursor<Vec<u8>>,
    last: u64,
    is_ended: bool,
}

impl DeltaReader<'_> {
    fn read_chunk(&mut self) -> io::Result<()> {
        let mut head = [[0; 4]; 2];
        self.source.read_exact(head.as_flattened_mut())?;
        let [words, len] = head.map(|number| u32::from_le_bytes(number) as usize);
        // The stream may be damaged, so no number in it is believed.
        if words > WORDS || len > (words * LONGEST).max(7) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; len];
        self.source.read_exact(&mut bytes)?;
        self.is_ended = words == 0;
        let content = if words == 0 { bytes } else { self.decode(words, &bytes)? };
        self.content = io::Cursor::new(content);
        Ok(())
    }

    fn decode(&mut self, words: usize, packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::with_capacity(8 * words);
        let mut packed = packed.iter();
        for _ in 0..words {
            let mut number = 0;
            for shift in (0..64).step_by(7) {
                let byte = *packed.next().ok_or(io::ErrorKind::InvalidData)?;
                number |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            let difference = (number >> 1) ^ (number & 1).wrapping_neg();
            self.last = self.last.wrapping_add(difference);
            content.extend(self.last.to_le_bytes());
        }
        Ok(content)
    }
}

impl Read for DeltaReader<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.content.read(target)?;
            if count > 0 || self.is_ended || target.is_empty() {
                return Ok(count);
            }
            self.read_chunk()?;
        }
    }
}

/// Measurements of one sensor.
#[derive(Serialize, Deserialize, PartialEq)]
struct Table {
    /// Microseconds since the start.
    times: Vec<u64>,
    /// Thousandths of a degree.
    temperatures: Vec<i64>,
    /// What the meter has counted.
    counters: Vec<u64>,
}

static CACHE: LazyLock<Cache> = LazyLock::new(|| {
    let builder = Cache::builder(std::env::temp_dir().join("larder-compressor"));
    builder.compression(Compression::custom("delta", 0)).open().expect("the cache can be opened")
});

/// A sensor that is read each millisecond, with a little noise.
#[memoize(cache = &CACHE)]
fn measure(seed: u64, rows: usize) -> Table {
    let mut state = seed;
    let mut noise = move |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    let (mut time, mut temperature, mut counter) = (0, 21_000, 0);
    let mut table = Table { times: Vec::new(), temperatures: Vec::new(), counters: Vec::new() };
    for _ in 0..rows {
        time += 990 + noise(20);
        temperature += i64::try_from(noise(5)).unwrap_or(0) - 2;
        counter += u64::from(noise(10) == 0);
        table.times.push(time);
        table.temperatures.push(temperature);
        table.counters.push(counter);
    }
    table
}

fn main() -> Result<(), Box<dyn Error>> {
    // Before anything is read or written with it.
    larder::register_compressor(Delta)?;

    let start = Instant::now();
    let (table, outcome) = measure::call(1, 1_000_000).outcome();
    let took = start.elapsed();

    let methods = ["none", "lz4", "gzip:3", "gzip:6", "delta"];
    let bar = ProgressBar::new(methods.len() as u64);
    let mut rows = Vec::new();
    for method in methods {
        // A method whose feature is off in this build is left out.
        let Ok(compression) = method.parse::<Compression>() else { continue };
        let mut bytes = Vec::new();
        let start = Instant::now();
        larder::dump_into(&table, &mut bytes, compression)?;
        let write = start.elapsed();
        let start = Instant::now();
        let same = larder::load_from::<Table>(bytes.as_slice())? == table;
        rows.push((method, bytes.len(), write, start.elapsed(), same));
        bar.inc(1);
    }
    bar.finish_and_clear();

    println!("method   size        write     read");
    for (method, size, write, read, same) in rows {
        let remark = if same { "" } else { "  WRONG" };
        let mb = size as f64 / 1e6;
        println!("{method:<7} {mb:>5.1} MB {:>8.0} ms {:>5.0} ms{remark}", ms(write), ms(read));
    }
    let source = if outcome.is_hit() { "loaded" } else { "computed and stored" };
    println!("the table was {source} in {:.0} ms; its entry is compressed with delta", ms(took));
    println!("the cache is in {}", CACHE.path().display());
    Ok(())
}

fn ms(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
