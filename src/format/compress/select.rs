//! Selects the implementation of a method, built in or registered.

use std::io::BufRead;
use std::ops::RangeInclusive;

use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::backend::{Backend, Backends};
use crate::format::compress::method::{LONGEST_KNOWN_MAGIC, Method};
use crate::format::compress::multi_member::filler;
use crate::format::compress::unread::{Unread, peek};
use crate::format::compress::{lzma_header, registry};

/// The implementations of all methods in this build.
const BUILT_IN: &[Backends] = &[
    #[cfg(feature = "blocks")]
    super::blocks::BACKENDS,
    #[cfg(feature = "bz2")]
    super::bz2::BACKENDS,
    #[cfg(feature = "zlib")]
    super::gzip::BACKENDS,
    #[cfg(feature = "lz4")]
    super::lz4::BACKENDS,
    #[cfg(feature = "xz")]
    super::xz::BACKENDS,
    #[cfg(feature = "zlib")]
    super::zlib::BACKENDS,
    #[cfg(feature = "zstd")]
    super::zstd::BACKENDS,
];

/// Returns the implementation of a method of this crate, if it is in this build.
pub(super) fn built_in(method: Method) -> Option<&'static dyn Backend> {
    BUILT_IN.iter().copied().flatten().find(|(other, _)| *other == method).map(|(_, backend)| *backend)
}

/// Returns the implementation of a method; `None` for [`Method::None`].
///
/// # Errors
/// If the method is not in this build, or not registered.
pub(super) fn backend(method: Method) -> Result<Option<&'static dyn Backend>> {
    match method {
        Method::Custom(name) => match registry::find(name) {
            Some(custom) => Ok(Some(custom)),
            None => Err(registry::unknown(name)),
        },
        _ if method.is_enabled() => Ok(built_in(method)),
        _ => Err(method.disabled()),
    }
}

/// Returns the levels that the method has.
///
/// # Errors
/// If the method is not registered.
pub(super) fn levels(method: Method) -> Result<RangeInclusive<i32>> {
    match method {
        Method::Custom(name) => {
            registry::find(name).map(|custom| custom.levels.clone()).ok_or_else(|| registry::unknown(name))
        }
        _ => Ok(method.facts().levels),
    }
}

/// Returns the method of the next stream, and a source that still has all bytes of that stream. Skippable frames before
/// it are skipped.
pub(super) fn method_of_stream(source: &mut dyn BufRead) -> Result<(Method, Unread<'_>)> {
    let mut head = peek(source, LONGEST_KNOWN_MAGIC)?;
    if filler::is_frame(&head) {
        while filler::is_frame(&head) {
            let skipped = filler::skip_frame(&mut Unread::new(head, source));
            skipped.map_err(|e| Error::io(e, "can't read a skippable frame of zstd or lz4"))?;
            head = peek(source, LONGEST_KNOWN_MAGIC)?;
        }
        return match Method::detect(&head) {
            Some(method @ (Method::Zstd | Method::Lz4)) => Ok((method, Unread::new(head, source))),
            _ if head.is_empty() => Err(Error::truncated()),
            _ => Err(Error::new(
                ErrorKind::NotLarder,
                "this is no larder file: it begins with a skippable frame of zstd or lz4, and neither follows",
            )),
        };
    }
    let method = match Method::detect(&head) {
        Some(method) => method,
        None => match registry::detect(&mut head, source)? {
            Some(custom) => Method::Custom(&custom.name),
            None => detect_lzma(&mut head, source)?,
        },
    };
    Ok((method, Unread::new(head, source)))
}

/// Recognises `.lzma`, which has no magic, by its header. Reads more bytes only if they decide, and appends them to
/// `head`.
fn detect_lzma(head: &mut Vec<u8>, source: &mut dyn BufRead) -> Result<Method> {
    if head.len() < LONGEST_KNOWN_MAGIC || !lzma_header::may_begin(head) {
        return Ok(Method::None);
    }
    head.extend(peek(source, lzma_header::LEN.saturating_sub(head.len()))?);
    Ok(if lzma_header::is_header(head) { Method::Lzma } else { Method::None })
}
