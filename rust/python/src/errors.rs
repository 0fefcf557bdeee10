//! The core's errors as Python's: I/O becomes `OSError` with its errno and file name, a bad argument or file
//! `ValueError`, an unknown id or token `KeyError`.

use std::fmt::Display;

use bytestride_core::Error;
use pyo3::exceptions::{
    PyFileNotFoundError, PyIsADirectoryError, PyKeyError, PyKeyboardInterrupt, PyOSError, PyTypeError,
    PyValueError,
};
use pyo3::prelude::*;

/// The number of this error on every system.
const ENOENT: i32 = 2;

/// Turns the core's errors into Python's: `core_call().into_python()?`.
pub(crate) trait IntoPython<T> {
    fn into_python(self) -> PyResult<T>;
}

impl<T> IntoPython<T> for bytestride_core::Result<T> {
    fn into_python(self) -> PyResult<T> {
        self.map_err(python_error)
    }
}

pub(crate) fn python_error(error: Error) -> PyErr {
    match error {
        // OSError(errno, text, file) picks its own subclass: FileNotFoundError, PermissionError, …
        Error::Io { path, source } => match source.raw_os_error() {
            Some(errno) => PyOSError::new_err((errno, system_text(&source), path.into_os_string())),
            None if source.kind() == std::io::ErrorKind::IsADirectory => {
                PyIsADirectoryError::new_err(format!("{}: {source}", path.display()))
            }
            None if source.kind() == std::io::ErrorKind::NotFound => {
                PyFileNotFoundError::new_err((ENOENT, source.to_string(), path.into_os_string()))
            }
            None => PyOSError::new_err(format!("{}: {source}", path.display())),
        },
        // Without a number, which would make it a `BlockingIOError`.
        error @ Error::Thread(_) => PyOSError::new_err(error.to_string()),
        Error::Unknown(message) => PyKeyError::new_err(message),
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        error @ (Error::Malformed { .. } | Error::Argument { .. }) => {
            PyValueError::new_err(error.to_string())
        }
    }
}

/// The error with the place among several before its message, if it is about an argument or an unknown id.
pub(crate) fn placed(py: Python<'_>, error: PyErr, place: impl Display) -> PyErr {
    let kind = error.get_type(py);
    let own = [py.get_type::<PyTypeError>(), py.get_type::<PyValueError>(), py.get_type::<PyKeyError>()];
    let message = error.value(py).getattr("args").and_then(|arguments| arguments.get_item(0));
    match message {
        Ok(message) if own.iter().any(|one| one.is(&kind)) => {
            PyErr::from_type(kind, format!("{place}: {message}"))
        }
        _ => error,
    }
}

/// What the system says, without the « (os error N)» that Rust appends and Python prints itself.
fn system_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
