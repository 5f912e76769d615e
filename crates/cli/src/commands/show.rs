//! `larder show`: the metadata of an entry, and its value.

use std::io::Write;
use std::path::Path;

use larder::__text::{duration, one_line, size};
use larder::{Entry, Value};
use serde::Serialize;

use crate::args::KeyPrefix;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::entry::{ago, argument};
use crate::output::streams::write_json;
use crate::select;

/// Elements of a container that are printed without `--full`.
const MOST: usize = 12;

/// Elements of a container in JSON without `--full`.
const MOST_JSON: usize = 1000;

#[derive(Serialize)]
struct Shown<'e> {
    #[serde(flatten)]
    entry: &'e Entry,
    /// `None` if the value can't be read; `fault` says why then.
    value: Option<Value>,
}

/// Prints the entry whose key begins with these digits.
pub(crate) fn show(context: &Context, key: &KeyPrefix, full: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut entry = select::entry(context, &context.open_to_read()?, key)?;
    let most = if context.json { MOST_JSON } else { MOST };
    let value = match entry.fault {
        None => entry.value(if full { usize::MAX } else { most }).map_err(|error| error.to_string()),
        Some(ref fault) => Err(fault.clone()),
    };
    let value = value.map_err(|fault| entry.fault = Some(fault)).ok();
    if context.json {
        return write_json(out, &Shown { entry: &entry, value });
    }
    write_header(&entry, out)?;
    match value {
        // Escapes each line separately, so that line breaks between them stay.
        Some(value) => {
            format!("{:<12}{value:#}", "value").lines().try_for_each(|line| writeln!(out, "{}", one_line(line)))?
        }
        None => writeln!(out, "{:<12}{}", "fault", one_line(entry.fault.as_deref().unwrap_or_default()))?,
    }
    Ok(())
}

/// Prints the metadata of the entry.
fn write_header(entry: &Entry, out: &mut dyn Write) -> Result<(), Failure> {
    let mut line = |name: &str, value: &str| writeln!(out, "{}", one_line(&format!("{name:<12}{value}")).trim_end());
    line("key", &entry.key.to_string())?;
    line("file", &entry.path.display().to_string())?;
    line("size", &bytes(entry.size))?;
    if entry.function.is_empty() {
        // The header can't be read.
        return Ok(());
    }
    line("function", &entry.function)?;
    line("package", &entry.package)?;
    line("version", &entry.version.to_string())?;
    line("code", &entry.code)?;
    line("computed", &format!("{} ({})", humantime::format_rfc3339_seconds(entry.created), ago(entry.created)))?;
    line("used", &format!("{} ({})", humantime::format_rfc3339_seconds(entry.used), ago(entry.used)))?;
    line("took", &duration(entry.took))?;
    line("compressor", &entry.compressor)?;
    let document = bytes(entry.document_size);
    line("stored", &format!("{document} of CBOR, from byte {} of the file", entry.payload_at))?;
    line("extract", &extraction(entry))?;
    for (index, each) in entry.arguments.iter().enumerate() {
        let name = if index == 0 { "arguments" } else { "" };
        line(name, &format!("{}  ({})", argument(each), each.digest))?;
    }
    line("type", &entry.type_name)?;
    Ok(())
}

fn bytes(bytes: u64) -> String {
    if bytes < 1024 { size(bytes) } else { format!("{} ({bytes} B)", size(bytes)) }
}

/// Returns a shell command that writes the value to stdout as a CBOR document.
fn extraction(entry: &Entry) -> String {
    // `tail` counts from 1.
    let tail = format!("tail -c +{} {}", entry.payload_at + 1, quoted(&entry.path));
    let method = entry.compressor.split(':').next().unwrap_or_default();
    let tool = match method {
        "none" => return tail,
        "gzip" => "gzip -dc",
        // No common tool reads zlib streams.
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

/// Quotes a path for a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
