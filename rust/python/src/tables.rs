//! Parquet, through `bytestride.parquet` and with it pyarrow: its columns of text are read where they lie.
#![expect(unsafe_code, reason = "buffers of Arrow arrays seen in place")]

use std::path::Path;
use std::slice;
use std::sync::Arc;

use bytestride_core::text::{TableEvent, TableReader};
use bytestride_core::{Error, Place, Result};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyImportError, PyOSError};
use pyo3::intern;
use pyo3::prelude::*;

/// Reads Parquet files by calling into Python from the reading thread.
#[derive(Debug)]
pub(crate) struct Parquet;

impl Parquet {
    /// As the options of reading want it.
    #[expect(clippy::unnecessary_wraps, reason = "a reader is an option there")]
    pub(crate) fn reader() -> Option<Arc<dyn TableReader>> {
        Some(Arc::new(Self))
    }
}

impl TableReader for Parquet {
    fn read(
        &self,
        path: &Path,
        column: &str,
        first: u64,
        each: &mut dyn FnMut(TableEvent<'_>) -> Result<()>,
    ) -> Result<()> {
        let failed = |error: PyErr| Python::attach(|py| core_error(py, path, &error));
        let open = |py: Python<'_>| -> PyResult<Py<PyAny>> {
            let module = py.import(intern!(py, "bytestride.parquet"))?;
            Ok(module.call_method1(intern!(py, "texts"), (path, column, first))?.unbind())
        };
        let texts = Python::attach(open).map_err(failed)?;
        // Python is held only to get the next texts: those in hand are looked at without it.
        while let Some(texts) = Python::attach(|py| Texts::next(py, &texts)).map_err(failed)? {
            texts.for_each(each)?;
        }
        Ok(())
    }
}

/// A run of rows, in the buffers of Arrow that hold it.
struct Texts {
    data: Option<PyBuffer<i8>>,
    offsets: PyBuffer<i8>,
    /// The bytes of an offset.
    width: usize,
    /// Where in the offsets the run begins, and how many rows it has.
    first: usize,
    rows: usize,
    /// The rows without text, in order.
    nulls: Vec<usize>,
    /// How many bytes of the file the run stands for.
    read: u64,
}

impl Texts {
    /// What the generator `texts` gives next.
    fn next(py: Python<'_>, texts: &Py<PyAny>) -> PyResult<Option<Self>> {
        type Row<'py> = (Option<Bound<'py, PyAny>>, Bound<'py, PyAny>, usize, usize, usize, Vec<usize>, u64);
        let Some(next) = texts.bind(py).try_iter()?.next() else { return Ok(None) };
        let (data, offsets, width, first, rows, nulls, read): Row<'_> = next?.extract()?;
        let data = data.as_ref().map(PyBuffer::get).transpose()?;
        Ok(Some(Self { data, offsets: PyBuffer::get(&offsets)?, width, first, rows, nulls, read }))
    }

    fn for_each(&self, each: &mut dyn FnMut(TableEvent<'_>) -> Result<()>) -> Result<()> {
        let data = self.data.as_ref().map_or(&[][..], bytes_of);
        let offsets = &bytes_of(&self.offsets)[self.first * self.width..];
        let offset = |row: usize| match self.width {
            4 => i64::from(i32::from_le_bytes(*offsets[4 * row..].first_chunk().expect("a row has an end"))),
            _ => i64::from_le_bytes(*offsets[8 * row..].first_chunk().expect("a row has an end")),
        };
        let mut nulls = self.nulls.iter().peekable();
        for row in 0..self.rows {
            let is_null = nulls.next_if_eq(&&row).is_some();
            let text = || &data[offset(row) as usize..offset(row + 1) as usize];
            each(if is_null { TableEvent::Null } else { TableEvent::Text(text()) })?;
        }
        each(TableEvent::Read(self.read))
    }
}

/// The bytes of a buffer of Arrow, which never change.
fn bytes_of(buffer: &PyBuffer<i8>) -> &[u8] {
    if buffer.len_bytes() == 0 {
        return &[];
    }
    // SAFETY: the buffer is contiguous bytes (`PyBuffer<i8>` checks the format, which is that of pyarrow, and Arrow's
    // buffers have one dimension), it stays where it is as long as `buffer` lives, and Arrow's arrays are immutable.
    unsafe { slice::from_raw_parts(buffer.buf_ptr().cast(), buffer.len_bytes()) }
}

/// What went wrong in Python, about the file at `path`.
fn core_error(py: Python<'_>, path: &Path, error: &PyErr) -> Error {
    let value = error.value(py);
    if error.is_instance_of::<PyImportError>(py) {
        let message = format!("{}: Parquet needs pyarrow: pip install pyarrow ({value})", path.display());
        return Error::argument("format", message);
    }
    let errno = value.getattr(intern!(py, "errno")).and_then(|errno| errno.extract::<i32>());
    match errno {
        Ok(errno) if error.is_instance_of::<PyOSError>(py) => {
            Error::io(path, std::io::Error::from_raw_os_error(errno))
        }
        _ => Error::malformed(path, Place::Whole, value.to_string()),
    }
}
