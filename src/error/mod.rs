//! The one error type: what happened, where, and what to do about it.

pub(crate) mod too_large;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::text::preview::shorten;

/// What went wrong, as a value that a program can match on.
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
    /// The cache was opened read-only, or lies on a read-only file system.
    ReadOnly,
    /// Another process holds a lock that is needed here.
    Locked,
    /// Any other fault of the operating system; see [`source`](std::error::Error::source).
    Io,
    /// The content is neither a dump nor a cache entry.
    NotLarder,
    /// The content ends too early.
    Truncated,
    /// The content is not what was written: a checksum or the structure does not fit.
    Damaged,
    /// The content is whole, and is of another type than the one asked for.
    WrongType,
    /// The content was written by a later version of larder, in a format unknown to this one.
    NewerFormat,
    /// No compressor has this name.
    UnknownCompressor,
    /// Another compressor has this name or extension, or a magic that can't be told from this one.
    AlreadyRegistered,
    /// The compressor exists, but the feature that holds it is off in this build.
    CompressorDisabled,
    /// The level is outside of what the compressor offers.
    LevelOutOfRange,
    /// The content is right, and can't be used in place: it is compressed, or lies otherwise than in memory.
    NotMappable,
    /// The value can't be stored such that it comes back as it is.
    NotRepresentable,
    /// A bound that protects the reader was exceeded (nesting depth, length, memory).
    LimitExceeded,
    /// The request makes no sense: an empty path, a key that is no key, a folder that is a file.
    InvalidInput,
}

impl ErrorKind {
    /// Its name, as JSON has it: `no-space`.
    ///
    /// ```
    /// assert_eq!(larder::ErrorKind::WrongType.name(), "wrong-type");
    /// ```
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

/// Every fault of this crate: a [kind](ErrorKind), the path that it is about, a sentence, a cause.
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

    /// A fault that the operating system (or a codec, through `io::Error`) reported while `doing`.
    pub(crate) fn io(source: io::Error, doing: &str) -> Self {
        // A larder error that travelled through a `Read` or `Write` comes out as it went in.
        let source = match source.downcast::<Error>() {
            Ok(error) => return error,
            Err(source) => without_path(source),
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

    /// Names the file that the fault is about, unless one is named already.
    pub(crate) fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.0.path.get_or_insert_with(|| path.as_ref().to_owned());
        self
    }

    /// Puts what was being done before the message.
    pub(crate) fn context(mut self, doing: &str) -> Self {
        self.0.message = format!("{doing}: {}", self.0.message);
        self
    }

    /// The same fault seen as another kind, because more is known now.
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file or folder that it is about, where there is one.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.path {
            Some(path) => write!(f, "{}: {}", path.display(), self.0.message),
            None => f.write_str(&self.0.message),
        }
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

/// An error of the system without the path that `tempfile` adds to it: an [`Error`] names the path itself.
fn without_path(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    let text = error.to_string();
    let code = text.split_once(") at path \"").and_then(|(system, _)| system.rsplit_once("(os error "));
    code.and_then(|(_, code)| code.parse().ok()).map_or(error, io::Error::from_raw_os_error)
}

/// A `Serialize` implementation gave up: the value is not representable.
impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::new(ErrorKind::NotRepresentable, bounded(message))
    }
}

/// A `Deserialize` implementation did not find what it wanted: another type was stored.
impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::new(ErrorKind::WrongType, bounded(message))
    }
}

/// Bytes of a message before it is cut.
const LONGEST_MESSAGE: usize = 1000;

/// The message, up to a length: serde's messages name what was found, such as a text of megabytes.
fn bounded(message: impl fmt::Display) -> String {
    /// Takes what there is room for, and is full then.
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
