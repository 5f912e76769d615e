//! The error type of the crate: the kind of error, its path, and a message that says what to do.
//!
//! `too_large` marks the error for a result that exceeds the cache's limit.

pub(crate) mod too_large;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::text::humanize::one_line;
use crate::text::preview::shorten;

/// The kind of an [`Error`], for programs to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file or folder does not exist.
    NotFound,
    /// The operating system refused access.
    PermissionDenied,
    /// The disk or the quota is full.
    NoSpace,
    /// The cache was opened read-only, or is on a read-only file system.
    ReadOnly,
    /// Another process holds a lock that is needed here.
    Locked,
    /// Any other error of the operating system; see [`source`](std::error::Error::source).
    Io,
    /// The content is neither a dump nor a cache entry.
    NotLarder,
    /// The content ends too early.
    Truncated,
    /// The content is corrupt: a checksum or the structure is wrong.
    Damaged,
    /// The content is intact, but of another type than requested.
    WrongType,
    /// The content was written by a later version of larder, in a format that this version does not know.
    NewerFormat,
    /// No compressor has this name.
    UnknownCompressor,
    /// Another compressor has this name or extension, or magic bytes that can't be told apart from this one's.
    AlreadyRegistered,
    /// The compressor exists, but its feature is off in this build.
    CompressorDisabled,
    /// The level is outside the compressor's range.
    LevelOutOfRange,
    /// The content is intact, but can't be mapped: it is compressed, or its layout differs from that in memory.
    NotMappable,
    /// The value can't be stored so that loading gives the same value.
    NotRepresentable,
    /// A bound that protects the reader was exceeded (nesting depth, length, memory).
    LimitExceeded,
    /// The request makes no sense: for example an empty path, an invalid key, or a folder that is a file.
    InvalidInput,
}

impl ErrorKind {
    /// Returns the name of the kind, as in JSON: `no-space`.
    ///
    /// ```
    /// assert_eq!(larder::ErrorKind::WrongType.name(), "wrong-type");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "not-found",
            ErrorKind::PermissionDenied => "permission-denied",
            ErrorKind::NoSpace => "no-space",
            ErrorKind::ReadOnly => "read-only",
            ErrorKind::Locked => "locked",
            ErrorKind::Io => "io",
            ErrorKind::NotLarder => "not-larder",
            ErrorKind::Truncated => "truncated",
            ErrorKind::Damaged => "damaged",
            ErrorKind::WrongType => "wrong-type",
            ErrorKind::NewerFormat => "newer-format",
            ErrorKind::UnknownCompressor => "unknown-compressor",
            ErrorKind::AlreadyRegistered => "already-registered",
            ErrorKind::CompressorDisabled => "compressor-disabled",
            ErrorKind::LevelOutOfRange => "level-out-of-range",
            ErrorKind::NotMappable => "not-mappable",
            ErrorKind::NotRepresentable => "not-representable",
            ErrorKind::LimitExceeded => "limit-exceeded",
            ErrorKind::InvalidInput => "invalid-input",
        }
    }
}

/// Writes the [name](ErrorKind::name).
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An error of this crate: its [kind](ErrorKind), the path that it is about, a message, and a cause.
///
/// ```
/// let error = larder::load::<String>("/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), larder::ErrorKind::NotFound);
/// assert_eq!(error.path().unwrap().to_str(), Some("/no/such/file"));
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    path: Option<PathBuf>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// `Result` with [`larder::Error`](Error).
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), path: None, source: None }))
    }

    /// Creates an error from one that the operating system (or a codec, through `io::Error`) reported while `doing`.
    pub(crate) fn io(source: io::Error, doing: &str) -> Self {
        // A larder error that passed through a `Read` or `Write` is returned unchanged.
        let source = match source.downcast::<Error>() {
            Ok(error) => return error,
            Err(source) => printable(without_path(source)),
        };
        let (kind, hint) = match source.kind() {
            io::ErrorKind::NotFound => (ErrorKind::NotFound, ""),
            io::ErrorKind::PermissionDenied => {
                (ErrorKind::PermissionDenied, "; check the owner and the mode of the file and of its folder")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (ErrorKind::NoSpace, "; free some space or choose another disk")
            }
            io::ErrorKind::ReadOnlyFilesystem => (ErrorKind::ReadOnly, ""),
            io::ErrorKind::UnexpectedEof => (ErrorKind::Truncated, "; the content ends too early"),
            io::ErrorKind::InvalidData => (ErrorKind::Damaged, ""),
            io::ErrorKind::InvalidInput => (ErrorKind::InvalidInput, ""),
            io::ErrorKind::WouldBlock
            | io::ErrorKind::ResourceBusy
            | io::ErrorKind::ExecutableFileBusy
            | io::ErrorKind::Deadlock => (ErrorKind::Locked, "; another process uses it: try again"),
            _ => (ErrorKind::Io, ""),
        };
        let message = format!("{doing}: {source}{hint}");
        Error(Box::new(Inner { kind, message, path: None, source: Some(Arc::new(source)) }))
    }

    pub(crate) fn caused_by(
        kind: ErrorKind,
        message: String,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Error(Box::new(Inner { kind, message, path: None, source: Some(Arc::new(source)) }))
    }

    pub(crate) fn damaged(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Damaged, message)
    }

    pub(crate) fn truncated() -> Self {
        Error::new(ErrorKind::Truncated, "the content ends too early; it was cut, or is still being written")
    }

    /// Adds the path that the error is about, unless it has one.
    pub(crate) fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.0.path.get_or_insert_with(|| path.as_ref().to_owned());
        self
    }

    /// Prefixes the message with what the program was `doing`.
    pub(crate) fn context(mut self, doing: &str) -> Self {
        self.0.message = format!("{doing}: {}", self.0.message);
        self
    }

    /// Returns the same error with another kind, for callers that know more about the cause.
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the file or folder that the error is about, if any.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }
}

/// Writes one line, in which control characters are escaped.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}: ", one_line(&path.display().to_string()))?;
        }
        // It may quote what a file contains.
        f.write_str(&one_line(&self.0.message))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("path", &self.0.path)
            .field("message", &self.0.message)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::PermissionDenied => io::ErrorKind::PermissionDenied,
            ErrorKind::NoSpace => io::ErrorKind::StorageFull,
            ErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
            ErrorKind::InvalidInput | ErrorKind::LevelOutOfRange => io::ErrorKind::InvalidInput,
            ErrorKind::Io | ErrorKind::ReadOnly | ErrorKind::Locked => io::ErrorKind::Other,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

/// Removes the path that `tempfile` adds to an error of the system: an [`Error`] has the path itself.
fn without_path(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    let text = error.to_string();
    let code = text.split_once(") at path \"").and_then(|(system, _)| system.rsplit_once("(os error "));
    code.and_then(|(_, code)| code.parse().ok()).map_or(error, io::Error::from_raw_os_error)
}

/// Escapes what an error quotes, because programs print the sources of an error too.
fn printable(error: io::Error) -> io::Error {
    let text = error.to_string();
    if text.contains(char::is_control) { io::Error::new(error.kind(), one_line(&text)) } else { error }
}

/// A `Serialize` implementation reported an error: the value is not representable.
impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::new(ErrorKind::NotRepresentable, bounded(message))
    }
}

/// A `Deserialize` implementation reported an error: another type was stored.
impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::new(ErrorKind::WrongType, bounded(message))
    }
}

/// Longest message in bytes, before it is cut.
const LONGEST_MESSAGE: usize = 1000;

/// Formats a message up to a length. serde's messages quote the value they found, which may be a text of megabytes.
fn bounded(message: impl fmt::Display) -> String {
    /// A writer that takes as much as fits, and then fails.
    struct Bounded(String);

    impl fmt::Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = shorten(text, LONGEST_MESSAGE - self.0.len());
            self.0.push_str(room);
            if room.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
        }
    }

    let mut text = Bounded(String::new());
    if fmt::Write::write_fmt(&mut text, format_args!("{message}")).is_err() {
        text.0.push('…');
    }
    text.0
}
