//! Values and floors for the benchmarks of files. A floor is the least time that the system needs for the same bytes.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;

use serde::{Deserialize, Serialize};

/// Writes a new file whose space is reserved first.
pub(crate) fn write_floor(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    fs2::FileExt::allocate(&file, bytes.len() as u64)?;
    file.write_all(bytes)
}

/// Reads a file into fresh memory. Each thread reads one part.
pub(crate) fn read_floor(path: &Path, threads: usize) -> io::Result<Vec<u8>> {
    let len = usize::try_from(File::open(path)?.metadata()?.len()).map_err(io::Error::other)?;
    let mut memory = fresh(len);
    let part = len.div_ceil(threads).max(1);
    let read = |index: usize, memory: &mut [u8]| {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start((index * part) as u64))?;
        file.read_exact(memory)
    };
    thread::scope(|scope| {
        let mut parts = memory.chunks_mut(part).enumerate();
        let first = parts.next();
        let others: Vec<_> = parts.map(|(index, memory)| scope.spawn(move || read(index, memory))).collect();
        first.map_or(Ok(()), |(index, memory)| read(index, memory))?;
        others.into_iter().try_for_each(|other| other.join().map_err(|_| io::Error::other("a thread panicked"))?)
    })?;
    Ok(memory)
}

/// Returns zeros in untouched memory, in huge pages if the system has them.
fn fresh(len: usize) -> Vec<u8> {
    let memory = vec![0; len];
    #[cfg(target_os = "linux")]
    {
        let page = rustix::param::page_size();
        let skipped = memory.as_ptr().align_offset(page);
        let pages = memory.get(skipped..).unwrap_or_default();
        // SAFETY: the range is within `memory`, and the advice changes no byte of it.
        let advised = unsafe {
            rustix::mm::madvise(
                pages.as_ptr().cast_mut().cast(),
                pages.len() / page * page,
                rustix::mm::Advice::LinuxHugepage,
            )
        };
        // The advice fails if the kernel has no huge pages. The floor is then measured without them.
        let _ = advised;
    }
    memory
}

/// Makes the allocator consolidate freed memory. Otherwise glibc's does that within the next operation, which then
/// pays for the previous value.
pub(crate) fn settle() {
    drop(black_box(Vec::<u8>::with_capacity(1 << 20)));
}

/// One of a million records.
#[derive(Serialize, Deserialize, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) city: String,
    pub(crate) score: f64,
    pub(crate) tags: Vec<String>,
    pub(crate) comment: String,
}

/// Struct of about 200 bytes, a common size of results.
#[derive(Serialize, Deserialize, PartialEq)]
pub(crate) struct Small {
    pub(crate) id: u64,
    pub(crate) model: String,
    pub(crate) accuracy: f64,
    pub(crate) loss: f64,
    pub(crate) epochs: u32,
    pub(crate) converged: bool,
    pub(crate) parent: Option<u64>,
    pub(crate) labels: Vec<String>,
}
