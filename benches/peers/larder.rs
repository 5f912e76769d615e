//! Runs larder's side of `persist.py`. It reads one command a line, and answers with the seconds that the operation
//! alone took and the number of bytes that were written or read. It answers with `-` if this build lacks something.
//! Any other error ends the program.
//!
//! | command | operation |
//! |---|---|
//! | `value FILE f64 ROWS` | reads the file's numbers as the value (also `i64`; `fortran`: f64, column by column) |
//! | `value FILE records` | reads the file's JSON as the value (also `words`, `names`, `small`) |
//! | `threads COUNT` | calls `larder::set_threads` |
//! | `dump FILE COMPRESSION` | dumps the value to a new file |
//! | `load FILE` | loads the value from a file |
//! | `map FILE` | maps a file and reads one number |
//! | `encode COMPRESSION COUNT` | dumps the value to a buffer, `COUNT` times |
//! | `decode COUNT` | loads the value from this buffer |
//! | `key` | computes `larder::key_of` the value |
//! | `key-floor` | hashes the file's bytes with BLAKE3 |
//! | `write-floor FILE` | writes the file's bytes to a new file |
//! | `read-floor FILE THREADS` | reads a file into fresh memory |
//!
//! Files are in the current folder. Values that are read are compared with the one that was written.

#![allow(
    missing_docs,
    unsafe_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::allow_attributes,
    reason = "it is a benchmark"
)]

#[path = "../common/mod.rs"]
mod common;

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Record, Small, read_floor, settle, write_floor};
use larder::{Compression, ErrorKind};
use ndarray::{Array2, ShapeBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() != Some("serve") {
        println!("run benches/peers/persist.py, which starts this");
        return Ok(());
    }
    let mut server = Server::default();
    for line in io::stdin().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let answer = server.answer(&words).map_err(|error| format!("{line}: {error}"))?;
        settle();
        match answer {
            Some((took, bytes)) => println!("{} {bytes}", took.as_secs_f64()),
            None => println!("-"),
        }
        io::stdout().flush()?;
    }
    Ok(())
}

#[derive(Default)]
struct Server {
    value: Option<Box<dyn Value>>,
    /// Content of the file that the value was read from.
    bytes: Vec<u8>,
    /// Buffer that `encode` writes to.
    buffer: Vec<u8>,
}

impl Server {
    fn answer(&mut self, words: &[&str]) -> Result<Option<(Duration, usize)>> {
        let (took, bytes) = match *words {
            ["value", file, kind, ref rest @ ..] => {
                self.bytes = fs::read(file)?;
                self.value = Some(value(&self.bytes, kind, rest.first().unwrap_or(&"1").parse()?)?);
                (Duration::ZERO, self.bytes.len())
            }
            ["threads", count] => {
                larder::set_threads(count.parse()?);
                (Duration::ZERO, 0)
            }
            ["dump", file, compression] => {
                let Some(compression) = compression_of(compression)? else { return Ok(None) };
                remove(file)?;
                (self.value()?.dump(file, compression)?, len(file)?)
            }
            ["load", file] => (self.value()?.load(file)?, len(file)?),
            ["map", file] => (map(file)?, len(file)?),
            ["encode", compression, count] => {
                let Some(compression) = compression_of(compression)? else { return Ok(None) };
                let mut buffer = std::mem::take(&mut self.buffer);
                let took = self.value()?.encode(&mut buffer, compression, count.parse()?)?;
                self.buffer = buffer;
                (took, self.buffer.len())
            }
            ["decode", count] => (self.value()?.decode(&self.buffer, count.parse()?)?, self.buffer.len()),
            ["key"] => (self.value()?.key()?, self.bytes.len()),
            ["key-floor"] => {
                let start = Instant::now();
                black_box(blake3::hash(&self.bytes));
                (start.elapsed(), self.bytes.len())
            }
            ["write-floor", file] => {
                remove(file)?;
                let start = Instant::now();
                write_floor(Path::new(file), &self.bytes)?;
                (start.elapsed(), self.bytes.len())
            }
            ["read-floor", file, threads] => {
                let start = Instant::now();
                let bytes = read_floor(Path::new(file), threads.parse()?)?;
                (start.elapsed(), bytes.len())
            }
            _ => return Err("no such command".into()),
        };
        Ok(Some((took, bytes)))
    }

    fn value(&self) -> Result<&dyn Value> {
        self.value.as_deref().ok_or_else(|| "there is no value".into())
    }
}

/// Returns `None` if this build does not support the compressor.
fn compression_of(text: &str) -> Result<Option<Compression>> {
    match text.parse() {
        Ok(compression) => Ok(Some(compression)),
        Err(error) if larder::Error::kind(&error) == ErrorKind::UnknownCompressor => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn map(file: &str) -> Result<Duration> {
    let start = Instant::now();
    let mapped = larder::map::<Array2<f64>>(file)?;
    black_box(mapped.view()[[7, 7]]);
    Ok(start.elapsed())
}

fn remove(file: &str) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn len(file: &str) -> io::Result<usize> {
    Ok(fs::metadata(file)?.len() as usize)
}

fn value(bytes: &[u8], kind: &str, rows: usize) -> Result<Box<dyn Value>> {
    Ok(match kind {
        "f64" => Box::new(array(bytes, rows, f64::from_le_bytes)?),
        "fortran" => {
            let rows = array(bytes, rows, f64::from_le_bytes)?;
            let mut columns = Array2::zeros(rows.raw_dim().f());
            columns.assign(&rows);
            Box::new(columns)
        }
        "i64" => Box::new(array(bytes, rows, i64::from_le_bytes)?),
        "records" => Box::new(serde_json::from_slice::<Vec<Record>>(bytes)?),
        "words" => Box::new(serde_json::from_slice::<HashMap<u64, String>>(bytes)?),
        "names" => Box::new(serde_json::from_slice::<HashMap<String, u64>>(bytes)?),
        "small" => Box::new(serde_json::from_slice::<Small>(bytes)?),
        _ => return Err("no such kind".into()),
    })
}

fn array<T>(bytes: &[u8], rows: usize, number: fn([u8; 8]) -> T) -> Result<Array2<T>> {
    let (chunks, _) = bytes.as_chunks::<8>();
    let numbers: Vec<T> = chunks.iter().copied().map(number).collect();
    Ok(Array2::from_shape_vec((rows, numbers.len() / rows), numbers)?)
}

/// Value of any type with the operations that are measured.
trait Value {
    fn dump(&self, path: &str, compression: Compression) -> Result<Duration>;
    fn load(&self, path: &str) -> Result<Duration>;
    fn key(&self) -> Result<Duration>;
    /// Returns the mean time of `count` runs.
    fn encode(&self, buffer: &mut Vec<u8>, compression: Compression, count: u32) -> Result<Duration>;
    /// Returns the mean time of `count` runs.
    fn decode(&self, bytes: &[u8], count: u32) -> Result<Duration>;
}

impl<T: Serialize + DeserializeOwned + PartialEq> Value for T {
    fn dump(&self, path: &str, compression: Compression) -> Result<Duration> {
        let start = Instant::now();
        larder::dump_with(self, path, compression)?;
        Ok(start.elapsed())
    }

    fn load(&self, path: &str) -> Result<Duration> {
        let start = Instant::now();
        let value: T = larder::load(path)?;
        let took = start.elapsed();
        same(self, &value)?;
        Ok(took)
    }

    fn key(&self) -> Result<Duration> {
        let start = Instant::now();
        black_box(larder::key_of(black_box(self))?);
        Ok(start.elapsed())
    }

    fn encode(&self, buffer: &mut Vec<u8>, compression: Compression, count: u32) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..count {
            buffer.clear();
            larder::dump_into(black_box(self), &mut *buffer, compression)?;
        }
        Ok(start.elapsed() / count)
    }

    fn decode(&self, bytes: &[u8], count: u32) -> Result<Duration> {
        let start = Instant::now();
        for _ in 1..count {
            larder::load_from::<T>(black_box(bytes))?;
        }
        let value: T = larder::load_from(black_box(bytes))?;
        let took = start.elapsed() / count;
        same(self, &value)?;
        Ok(took)
    }
}

fn same<T: PartialEq>(a: &T, b: &T) -> Result<()> {
    if a == b { Ok(()) } else { Err("the value came back as another".into()) }
}
