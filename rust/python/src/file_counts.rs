//! The class `FileCount`, and the arguments of `Tokenizer.count_files`.

use std::ffi::OsStr;

use bytestride_core::encode;
use bytestride_core::store::{EncodeOptions, InputCount, count_files};
use bytestride_core::text::{Format, OnError};
use pyo3::prelude::*;

use crate::arguments::thread_count;
use crate::errors::IntoPython;
use crate::store::{file_suffixes, input_names, memory_size};
use crate::tables::Parquet;
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

/// What [`count`] is called with; the arguments of `Tokenizer.count_files`.
pub(crate) struct CountArguments<'a, 'py> {
    pub(crate) inputs: &'a Bound<'py, PyAny>,
    pub(crate) format: &'a str,
    pub(crate) text_field: String,
    pub(crate) separator: Option<Vec<u8>>,
    pub(crate) suffixes: Option<Vec<String>>,
    pub(crate) threads: Option<&'a Bound<'py, PyAny>>,
    pub(crate) max_memory: Option<&'a Bound<'py, PyAny>>,
    pub(crate) on_error: &'a str,
}

/// Counts what files have; Ctrl-C and an error in `progress` stop it.
pub(crate) fn count(
    py: Python<'_>,
    tokenizer: &encode::Tokenizer,
    arguments: CountArguments<'_, '_>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<FileCount>> {
    let inputs = input_names(arguments.inputs)?;
    let defaults = EncodeOptions::default();
    let options = EncodeOptions {
        format: Format::named(arguments.format).into_python()?,
        text_field: arguments.text_field,
        separator: arguments.separator,
        suffixes: file_suffixes(arguments.suffixes),
        threads: thread_count(arguments.threads)?,
        max_memory: arguments.max_memory.map_or(Ok(defaults.max_memory), memory_size)?,
        on_error: OnError::named(arguments.on_error).into_python()?,
        tables: Parquet::reader(),
        ..defaults
    };
    let counts = run_watched(py, progress, |monitor| count_files(tokenizer, &inputs, &options, monitor))?;
    Ok(counts.into_iter().map(FileCount).collect())
}
