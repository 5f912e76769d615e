//! Files as arguments, by their content.
//!
//! Which of larder's own source files are most alike? Each pair of large files is compressed together and apart: what is
//! alike compresses better together. A pair is found again by the content of both files, whatever their names are.
//! The second part changes one file of a copy, and shows which pairs are computed.
//!
//! ```sh
//! cargo run --release --example files     # run it twice
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]
#![expect(clippy::disallowed_methods, reason = "how files are written is a rule for the library")]

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use larder::{Cache, Compression, FileDigest, memoize};

static CACHE: LazyLock<Cache> =
    LazyLock::new(|| Cache::open(std::env::temp_dir().join("larder-files")).expect("the cache can be opened"));

/// The normalized compression distance of two files: near 0 if they are alike, near 1 if they have nothing in common.
#[memoize(cache = &CACHE, key(one = FileDigest::of(one), other = FileDigest::of(other)))]
fn distance(one: &Path, other: &Path) -> io::Result<f64> {
    let (one, other) = (fs::read_to_string(one)?, fs::read_to_string(other)?);
    let (alone, together) = ([compressed(&one)?, compressed(&other)?], compressed(&(one + &other))?);
    let (least, most) = (alone[0].min(alone[1]), alone[0].max(alone[1]));
    Ok((together - least) as f64 / most as f64)
}

/// Bytes of a text that is compressed as far as xz can.
fn compressed(text: &str) -> io::Result<usize> {
    let mut bytes = Vec::new();
    larder::dump_into(text, &mut bytes, Compression::xz(6)).map_err(io::Error::other)?;
    Ok(bytes.len())
}

/// A pair of files, and its distance.
type Pair = (f64, PathBuf, PathBuf);

/// All pairs of these files with the most alike first, and how many were computed.
fn pairs(files: &[PathBuf]) -> io::Result<(Vec<Pair>, usize)> {
    let all: Vec<_> = files.iter().enumerate().flat_map(|(i, one)| files[..i].iter().map(move |o| (o, one))).collect();
    let bar = ProgressBar::new(all.len() as u64);
    let (mut found, mut computed) = (Vec::new(), 0);
    for (one, other) in all {
        let (distance, outcome) = distance::call(one, other).outcome();
        found.push((distance?, one.clone(), other.clone()));
        computed += usize::from(!outcome.is_hit());
        bar.inc(1);
    }
    bar.finish_and_clear();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok((found, computed))
}

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    find(&root.join("src"), &mut files)?;
    files.sort_by_key(|(size, path)| (std::cmp::Reverse(*size), path.clone()));
    let files: Vec<_> = files.into_iter().map(|(_, path)| path).take(16).collect();

    let (found, computed) = pairs(&files)?;
    let name = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    println!("distance  the most alike of {} pairs", found.len());
    for (distance, one, other) in found.iter().take(5) {
        println!("{distance:>8.3}  {} and {}", name(one), name(other));
    }
    println!("computed {computed} of {} distances in {}", found.len(), seconds(start.elapsed()));

    // The same files elsewhere, and one of them with one more line.
    let copy = tempfile::tempdir()?;
    let mut copies = Vec::new();
    for (index, file) in files.iter().enumerate() {
        copies.push(copy.path().join(format!("{index}.rs")));
        fs::copy(file, &copies[index])?;
    }
    let start = Instant::now();
    let (_, computed) = pairs(&copies)?;
    println!("a copy under other names: computed {computed} in {}", seconds(start.elapsed()));

    let start = Instant::now();
    let line = format!("// {:?}\n", std::time::SystemTime::now());
    fs::write(&copies[0], fs::read_to_string(&copies[0])? + &line)?;
    let (_, computed) = pairs(&copies)?;
    println!("one of {} files has a new line: computed {computed} in {}", copies.len(), seconds(start.elapsed()));
    println!("the cache is in {}", CACHE.path().display());
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// Adds the Rust files under a folder, with their sizes.
fn find(folder: &Path, found: &mut Vec<(u64, PathBuf)>) -> io::Result<()> {
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        if path.is_dir() {
            find(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.metadata()?.len(), path));
        }
    }
    Ok(())
}
