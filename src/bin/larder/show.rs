//! `larder show`: all that an entry's header tells.

use std::io::Write;
use std::path::Path;

use larder::Entry;

use crate::args::KeyPrefix;
use crate::failure::Failure;
use crate::format::{age, duration, one_line, size};
use crate::output::write_json;
use crate::place::Place;
use crate::select;

/// Shows the entry whose key begins so.
pub(crate) fn show(place: &Place, key: &KeyPrefix, _full: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let entry = select::entry(place, &place.look()?, key)?;
    if place.json {
        return write_json(out, &entry);
    }
    let mut line = |name: &str, value: &str| writeln!(out, "{}", one_line(&format!("{name:<12}{value}")).trim_end());
    line("key", &entry.key.to_string())?;
    line("file", &entry.path.display().to_string())?;
    line("size", &bytes(entry.size))?;
    if let Some(fault) = &entry.fault {
        line("fault", fault)?;
        return Ok(());
    }
    line("function", &entry.function)?;
    line("package", &entry.package)?;
    line("version", &entry.version.to_string())?;
    line("code", &entry.code)?;
    line(
        "computed",
        &format!(
            "{} ({})",
            humantime::format_rfc3339_seconds(entry.created),
            age(entry.created.elapsed().unwrap_or_default())
        ),
    )?;
    line("took", &duration(entry.took))?;
    line("type", &entry.type_name)?;
    line("compressor", &entry.compressor)?;
    line(
        "value",
        &format!("{} of CBOR, stored from byte {} of the file", bytes(entry.document_size), entry.payload_at),
    )?;
    line("extract", &extraction(&entry))?;
    for (index, argument) in entry.arguments.iter().enumerate() {
        let name = if index == 0 { "arguments" } else { "" };
        line(name, &format!("{} = {}  ({})", argument.name, argument.preview, argument.digest))?;
    }
    Ok(())
}

fn bytes(bytes: u64) -> String {
    if bytes < 1024 { size(bytes) } else { format!("{} ({bytes} B)", size(bytes)) }
}

/// The shell command that writes the value, as a CBOR document, to its stdout.
fn extraction(entry: &Entry) -> String {
    // `tail` counts from 1.
    let tail = format!("tail -c +{} {}", entry.payload_at + 1, quoted(&entry.path));
    let method = entry.compressor.split(':').next().unwrap_or_default();
    let tool = match method {
        "none" => return tail,
        "gzip" => "gzip -dc",
        // No tool that is everywhere reads bare zlib streams.
        "zlib" => "python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))'",
        "bz2" => "bzip2 -dc",
        "xz" => "xz -dc",
        "lzma" => "xz -dc --format=lzma",
        "lz4" => "lz4 -dc",
        "zstd" => "zstd -dc",
        other => return format!("{tail}, which is compressed with {other}"),
    };
    format!("{tail} | {tool}")
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
