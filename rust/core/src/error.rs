//! The one error type of the crate: what went wrong, where, and what was expected.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused; becomes an `OSError` in Python.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or a text is not what it should be; becomes a `ValueError`.
    #[error("{}{place}: {message}", path.display())]
    Malformed {
        /// The file concerned.
        path: PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// An argument is out of range or contradicts another; becomes a `ValueError`.
    #[error("{name}: {message}")]
    Argument {
        /// The argument's name as the caller wrote it.
        name: &'static str,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// A token or an id that the vocabulary does not have; becomes a `KeyError`.
    #[error("{0}")]
    Unknown(String),
    /// The system has no thread left where one is needed; becomes an `OSError`.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The caller asked to stop, through its [`Monitor`](crate::Monitor).
    #[error("interrupted")]
    Interrupted,
}

/// Where in a file an error stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    Whole,
    /// A line, counted from 1.
    Line(u64),
    /// A byte, counted from 0.
    Byte(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Whole => Ok(()),
            Place::Line(line) => write!(f, ":{line}"),
            Place::Byte(byte) => write!(f, ", byte {byte}"),
        }
    }
}

impl Error {
    /// An I/O error at `path`; made for `map_err(|e| Error::io(path, e))`.
    pub fn io(path: impl AsRef<Path>, source: io::Error) -> Self {
        Error::Io { path: path.as_ref().to_path_buf(), source }
    }

    /// A malformed file.
    pub fn malformed(path: impl AsRef<Path>, place: Place, message: impl Into<String>) -> Self {
        Error::Malformed { path: path.as_ref().to_path_buf(), place, message: message.into() }
    }

    /// A bad argument.
    pub fn argument(name: &'static str, message: impl Into<String>) -> Self {
        Error::Argument { name, message: message.into() }
    }

    /// This error with `place`, such as `text 5`, before its message; only an [`Argument`](Self::Argument) changes.
    #[must_use]
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        match self {
            Error::Argument { name, message } => {
                Error::Argument { name, message: format!("{place}: {message}") }
            }
            other => other,
        }
    }
}
