//! The class `FileCount`, and what makes them.

use std::ffi::OsStr;

use bytestride_core::encode;
use bytestride_core::store::{InputCount, count_files};
use pyo3::prelude::*;

use crate::reading::Reading;
use crate::watch::run_watched;

/// How many documents and tokens a file has; of `Tokenizer.count_files`.
///
/// Example:
///     >>> import bytestride as bs, pathlib, tempfile
///     >>> path = pathlib.Path(tempfile.mkdtemp(), "text.txt")
///     >>> _ = path.write_text("low;lower;lowest")
///     >>> [count] = bs.train([b"low lower lowest"] * 2, 260).count_files(path, separator=";")
///     >>> count.documents, count.tokens, count.bytes
///     (3, 8, 16)
#[pyclass(module = "bytestride", name = "FileCount", frozen, eq)]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileCount(InputCount);

#[pymethods]
impl FileCount {
    /// The file's path, or `"-"` for standard input.
    #[getter]
    fn path(&self) -> &OsStr {
        self.0.path.as_os_str()
    }

    /// Its size on disk in bytes; `None` for a pipe.
    #[getter]
    fn bytes(&self) -> Option<u64> {
        self.0.bytes
    }

    /// How many documents it has.
    #[getter]
    fn documents(&self) -> u64 {
        self.0.documents
    }

    /// How many tokens they have, without BOS and EOS.
    #[getter]
    fn tokens(&self) -> u64 {
        self.0.tokens
    }

    /// How many of its lines and rows were left out by `on_error="skip"`, with one for a rest that could not be read.
    #[getter]
    fn skipped(&self) -> u64 {
        self.0.skipped
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let InputCount { documents, tokens, bytes, skipped, .. } = self.0;
        let path = self.path().into_pyobject(py)?.repr()?;
        let bytes = bytes.map_or_else(|| "None".to_owned(), |bytes| bytes.to_string());
        Ok(format!(
            "FileCount(path={path}, documents={documents}, tokens={tokens}, bytes={bytes}, skipped={skipped})"
        ))
    }
}

/// Counts what files have; Ctrl-C and an error in `progress` stop it.
pub(crate) fn count(
    py: Python<'_>,
    tokenizer: &encode::Tokenizer,
    reading: Reading,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<FileCount>> {
    let Reading { inputs, files, budget } = reading;
    let counts =
        run_watched(py, progress, |monitor| count_files(tokenizer, &inputs, &files, budget, monitor))?;
    Ok(counts.into_iter().map(FileCount).collect())
}
