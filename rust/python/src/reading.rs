//! What arguments say of the files to read: which ones, how they hold documents, and what reading may take.

use std::path::PathBuf;

use bytestride_core::store::Budget;
use bytestride_core::text::{FileOptions, Format, OnError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arguments::thread_count;
use crate::errors::IntoPython;
use crate::named::{items, unexpected};
use crate::tables::Parquet;

/// The arguments of a function that reads files, as Python gives them.
pub(crate) struct ReadingArguments<'a, 'py> {
    pub(crate) inputs: &'a Bound<'py, PyAny>,
    pub(crate) format: &'a str,
    pub(crate) text_field: String,
    pub(crate) separator: Option<Vec<u8>>,
    pub(crate) suffixes: Option<Vec<String>>,
    pub(crate) threads: Option<&'a Bound<'py, PyAny>>,
    pub(crate) max_memory: Option<&'a Bound<'py, PyAny>>,
    pub(crate) on_error: &'a str,
}

/// What they mean.
pub(crate) struct Reading {
    pub(crate) inputs: Vec<PathBuf>,
    pub(crate) files: FileOptions,
    pub(crate) budget: Budget,
}

impl Reading {
    pub(crate) fn new(arguments: ReadingArguments<'_, '_>) -> PyResult<Self> {
        let ReadingArguments { format, text_field, separator, suffixes, max_memory, .. } = arguments;
        let files = file_options(format, text_field, separator, suffixes)?;
        let max_memory = max_memory.map_or(Ok(Budget::default().max_memory), memory_size)?;
        Ok(Self {
            files: FileOptions { on_error: OnError::named(arguments.on_error).into_python()?, ..files },
            budget: Budget { threads: thread_count(arguments.threads)?, max_memory },
            inputs: match arguments.inputs.extract() {
                Ok(path) => vec![path],
                Err(_) => several_paths("inputs", arguments.inputs)?,
            },
        })
    }
}

/// How files hold documents, and which files a folder stands for (`suffixes`; `None` for those of text).
pub(crate) fn file_options(
    format: &str,
    text_field: String,
    separator: Option<Vec<u8>>,
    suffixes: Option<Vec<String>>,
) -> PyResult<FileOptions> {
    let defaults = FileOptions::default();
    Ok(FileOptions {
        format: Format::named(format).into_python()?,
        text_field,
        separator,
        suffixes: suffixes.unwrap_or(defaults.suffixes),
        tables: Parquet::reader(),
        ..defaults
    })
}

/// The paths in an iterable of them.
pub(crate) fn several_paths(name: &str, paths: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    let path = |path: Bound<'_, PyAny>| path.extract().map_err(|_| unexpected(name, "paths", &path));
    items(name, "paths", paths)?.map(|item| path(item?)).collect()
}

/// Bytes from a number, or from text like `"512MB"`: K, M, G and T are powers of 1024, with or without `B` or `iB`.
pub(crate) fn memory_size(size: &Bound<'_, PyAny>) -> PyResult<usize> {
    let Ok(text) = size.extract::<String>() else {
        return crate::arguments::size("max_memory", size);
    };
    let upper = text.trim().to_ascii_uppercase();
    let number = upper.strip_suffix("IB").or(upper.strip_suffix('B')).unwrap_or(&upper);
    let unit = number.chars().next_back().and_then(|unit| "KMGT".find(unit));
    let (number, power) = match unit {
        Some(power) => (&number[..number.len() - 1], power as u32 + 1),
        None => (number, 0),
    };
    let unit = 1024_usize.checked_pow(power);
    let bytes =
        number.trim().parse().ok().zip(unit).and_then(|(number, unit): (usize, _)| number.checked_mul(unit));
    bytes.ok_or_else(|| {
        PyValueError::new_err(format!(
            "max_memory: {text:?} is no size, expected bytes or text like \"512MB\""
        ))
    })
}
