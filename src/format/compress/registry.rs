//! Registry of the compressors that were added in this process.

use std::io::BufRead;

use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::custom::{Compressor, Custom};
use crate::format::compress::method::Method;
use crate::format::compress::multi_member::filler;
use crate::format::compress::unread::peek;
use crate::format::document;
use crate::sys::fork::once::Once;

/// The first registered compressor; each holds the next one. They stay until the process ends.
static REGISTERED: Place = Once::new();

type Place = Once<Box<Registered>>;

struct Registered {
    custom: Custom,
    next: Place,
}

const LONGEST_NAME: usize = 32;
/// Size limit of a method's magic, in bytes.
pub(crate) const LONGEST_MAGIC: usize = 16;
const LONGEST_EXTENSION: usize = 16;

/// Extensions that stand for no compression.
const PLAIN_EXTENSIONS: [&str; 2] = ["larder", "cbor"];

/// The first bytes of a cache entry.
pub(crate) const ENTRY_MAGIC: [u8; 8] = *b"\x89LARDER\n";

/// The first bytes of larder's files without compression.
const PLAIN_MAGICS: [(&str, &[u8]); 2] = [("an uncompressed dump", document::MAGIC), ("a cache entry", &ENTRY_MAGIC)];

/// Adds a compressor, so that this process can write and read with it: by its name
/// ([`Compression::custom`](crate::Compression::custom), `"name:level".parse()`), by its extension, and by the magic
/// with which its streams begin. See [`Compressor`] for an example.
///
/// It stays registered until the process ends. Register it before anything is written or read with it, at the beginning
/// of `main`. Cache entries written with a compressor that is not registered are misses.
///
/// # Errors
/// [`AlreadyRegistered`](ErrorKind::AlreadyRegistered) if another compressor has the same name or extension, or if one
/// of the two magics begins with the other; [`InvalidInput`](ErrorKind::InvalidInput) if the name, magic, extension or
/// levels are invalid.
pub fn register_compressor(compressor: impl Compressor) -> Result<()> {
    let custom = Custom {
        name: checked_name(compressor.name())?.to_owned(),
        magic: compressor.magic().to_vec(),
        extension: compressor.extension().map(str::to_owned),
        levels: compressor.levels(),
        default_level: compressor.default_level(),
        compressor: Box::new(compressor),
    };
    let mut new = Box::new(Registered { custom, next: Once::new() });
    loop {
        let (registered, end) = registered();
        check_name(&new.custom, &registered)?;
        check_magic(&new.custom, &registered)?;
        check_extension(&new.custom, &registered)?;
        check_levels(&new.custom)?;
        match end.set(new) {
            Ok(()) => return Ok(()),
            // Another thread has registered a compressor first: check again, and append after it.
            Err(back) => new = back,
        }
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

fn taken(message: String) -> Error {
    Error::new(ErrorKind::AlreadyRegistered, message)
}

fn checked_name(name: &str) -> Result<&str> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(name);
    }
    Err(invalid(format!(
        "{name:?} can't be the name of a compressor: choose 1 to {LONGEST_NAME} of `a` to `z`, `0` to `9`, `_` and `-`"
    )))
}

fn check_name(new: &Custom, registered: &[&'static Custom]) -> Result<()> {
    if names_among(registered).any(|name| name == new.name) {
        return Err(taken(format!("there is a compressor called {} already; choose another name", new.name)));
    }
    Ok(())
}

fn check_magic(new: &Custom, registered: &[&Custom]) -> Result<()> {
    let Custom { name, magic, .. } = new;
    if !(1..=LONGEST_MAGIC).contains(&magic.len()) {
        return Err(invalid(format!(
            "the magic of the compressor {name} has {} bytes: choose 1 to {LONGEST_MAGIC} that nothing else begins with",
            magic.len()
        )));
    }
    let of_zlib = match magic[..] {
        [first] => (0..=0xff).any(|second| Method::detect(&[first, second]) == Some(Method::Zlib)),
        _ => Method::detect(magic) == Some(Method::Zlib),
    };
    let known = Method::ALL.into_iter().map(|method| (method.facts().name, method.magic()));
    let other = known
        .chain(PLAIN_MAGICS)
        .chain(registered.iter().map(|other| (other.name.as_str(), other.magic.as_slice())))
        .filter(|(_, other)| !other.is_empty())
        .filter(|(_, other)| other.starts_with(magic) || magic.starts_with(other))
        .map(|(other, _)| other)
        .chain(of_zlib.then_some("zlib"))
        .chain(filler::may_be_frame(magic).then_some("a skippable frame of zstd and lz4"))
        .next();
    let Some(other) = other else { return Ok(()) };
    Err(taken(format!("the magic of the compressor {name}, {magic:02x?}, can't be told from that of {other}")))
}

fn check_extension(new: &Custom, registered: &[&Custom]) -> Result<()> {
    let Custom { name, extension: Some(extension), .. } = new else { return Ok(()) };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !(1..=LONGEST_EXTENSION).contains(&extension.len()) || !extension.bytes().all(allowed) {
        return Err(invalid(format!(
            "{extension:?} can't be the extension of the compressor {name}: choose 1 to {LONGEST_EXTENSION} letters, \
             digits, `_` and `-`, without a dot"
        )));
    }
    let built_in = Method::ALL.into_iter().map(|method| method.facts().extension).chain(PLAIN_EXTENSIONS);
    let others = registered.iter().filter_map(|other| other.extension.as_deref());
    if built_in.chain(others).any(|other| other.eq_ignore_ascii_case(extension)) {
        return Err(taken(format!(
            "the extension {extension:?} of the compressor {name} means something else already"
        )));
    }
    Ok(())
}

fn check_levels(new: &Custom) -> Result<()> {
    let Custom { name, levels, default_level, .. } = new;
    if levels.is_empty() {
        return Err(invalid(format!(
            "the compressor {name} has no levels; `0..=0` is the choice for one without levels"
        )));
    }
    if !levels.contains(default_level) {
        let (first, last) = (levels.start(), levels.end());
        return Err(invalid(format!(
            "the compressor {name} has levels {first} to {last}, and {default_level} is none"
        )));
    }
    Ok(())
}

/// Returns all registered compressors, and the place for the next one.
fn registered() -> (Vec<&'static Custom>, &'static Place) {
    let (mut all, mut place) = (Vec::new(), &REGISTERED);
    while let Some(registered) = place.get() {
        all.push(&registered.custom);
        place = &registered.next;
    }
    (all, place)
}

fn names_among(registered: &[&'static Custom]) -> impl Iterator<Item = &'static str> {
    Method::ALL.into_iter().map(|method| method.facts().name).chain(registered.iter().map(|custom| &*custom.name))
}

/// Returns the registered compressor with this name.
pub(super) fn find(name: &str) -> Option<&'static Custom> {
    registered().0.into_iter().find(|custom| custom.name == name)
}

/// Returns the registered compressor with this extension, in any case.
pub(super) fn find_extension(extension: &str) -> Option<&'static Custom> {
    let matches = |custom: &&Custom| custom.extension.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(extension));
    registered().0.into_iter().find(matches)
}

/// Returns the registered compressor whose magic the stream begins with. Reads only the bytes needed for this, and
/// appends them to `head`.
pub(super) fn detect(head: &mut Vec<u8>, source: &mut dyn BufRead) -> Result<Option<&'static Custom>> {
    let (mut candidates, _) = registered();
    loop {
        candidates.retain(|custom| custom.magic.starts_with(head) || head.starts_with(&custom.magic));
        // At most one magic matches completely, because no magic begins with another one.
        if let Some(custom) = candidates.iter().find(|custom| head.starts_with(&custom.magic)) {
            return Ok(Some(custom));
        }
        let Some(len) = candidates.iter().map(|custom| custom.magic.len()).min() else { return Ok(None) };
        let more = peek(source, len - head.len())?;
        if more.is_empty() {
            return Ok(None);
        }
        head.extend(more);
    }
}

/// Returns the error for an unknown name.
pub(super) fn unknown(text: &str) -> Error {
    let names: Vec<_> = names_among(&registered().0).collect();
    Error::new(
        ErrorKind::UnknownCompressor,
        format!(
            "{text:?} names no compressor; there are {}; `larder::register_compressor` adds others, before they are used",
            names.join(", ")
        ),
    )
}
