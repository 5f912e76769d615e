//! Why a command ends without having done what was asked.

use std::io;

#[derive(Debug)]
pub(crate) enum Failure {
    /// It was asked in a wrong way: exit code 2.
    Usage(String),
    /// It could not be done: exit code 1.
    Failed(String),
    /// Whoever read the output has read enough, as `head` does: exit code 0.
    Unread,
}

impl From<larder::Error> for Failure {
    fn from(error: larder::Error) -> Self {
        Failure::Failed(error.to_string())
    }
}

/// What can happen on the way to stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Unread,
            _ => Failure::Failed(format!("can't write: {error}")),
        }
    }
}
