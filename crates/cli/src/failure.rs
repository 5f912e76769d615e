//! Why a command ends without success.

use std::io;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments make no sense: exit code 2.
    Usage(String),
    /// The command failed: exit code 1.
    Failed(String),
    /// The reader of stdout closed it, as `head` does when it has read enough: exit code 0.
    ReaderGone,
}

impl From<larder::Error> for Failure {
    fn from(error: larder::Error) -> Self {
        Failure::Failed(error.to_string())
    }
}

/// An error while writing to stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ReaderGone,
            _ => Failure::Failed(format!("can't write: {error}")),
        }
    }
}
