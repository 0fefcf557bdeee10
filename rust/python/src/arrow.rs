//! Ragged ids as Arrow's lists and back, through pyarrow, which is needed for nothing else here.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::{PyModuleNotFoundError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::arguments::type_name;

/// Ids and offsets.
type Parts<'py> = (Bound<'py, PyAny>, Bound<'py, PyArray1<i64>>);

/// A `LargeListArray` over `ids` and `offsets`, which it shares.
pub(crate) fn to_arrow<'py>(
    ids: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyArray1<i64>>,
) -> PyResult<Bound<'py, PyAny>> {
    let pyarrow = pyarrow(ids.py())?;
    let (ids, offsets) = (pyarrow.call_method1("array", (ids,))?, pyarrow.call_method1("array", (offsets,))?);
    pyarrow.getattr("LargeListArray")?.call_method1("from_arrays", (offsets, ids))
}

/// The ids and the offsets of an array of lists, or of a column of such; ids are shared if they are uint32 or
/// uint16 in one piece.
pub(crate) fn from_arrow<'py>(lists: &Bound<'py, PyAny>) -> PyResult<Parts<'py>> {
    let py = lists.py();
    let pyarrow = pyarrow(py)?;
    let is_a = |object: &Bound<'py, PyAny>, class: &str| object.is_instance(&pyarrow.getattr(class)?);
    let is_chunked = is_a(lists, "ChunkedArray")?;
    let lists = if is_chunked { lists.call_method0("combine_chunks")? } else { lists.clone() };
    if !is_a(&lists, "ListArray")? && !is_a(&lists, "LargeListArray")? {
        let kind = type_name(&lists);
        return Err(PyTypeError::new_err(format!("lists: expected a pyarrow array of lists, not {kind}")));
    }
    let offsets = lists.getattr("offsets")?.call_method1("to_numpy", (true,))?;
    let offsets = offsets.call_method1("astype", ("int64",))?.cast_into::<PyArray1<i64>>()?;
    // A slice of lists has all values of the whole, and offsets that start anywhere.
    let ends = offsets.to_vec()?;
    let (first, last) = (ends.first().copied().unwrap_or(0), ends.last().copied().unwrap_or(0));
    let values = lists.getattr("values")?.call_method1("slice", (first, last - first))?;
    for (array, what) in [(&lists, "text"), (&values, "id")] {
        if array.getattr("null_count")?.extract::<usize>()? > 0 {
            return Err(PyValueError::new_err(format!(
                "lists: there is a null, expected each {what} to be there"
            )));
        }
    }
    let kind = values.getattr("type")?;
    if !pyarrow.getattr("types")?.call_method1("is_integer", (&kind,))?.extract::<bool>()? {
        return Err(PyTypeError::new_err(format!("lists: expected lists of integers, not of {kind}")));
    }
    let narrow = pyarrow.call_method0("uint16")?;
    let stored = if kind.eq(&narrow)? { narrow } else { pyarrow.call_method0("uint32")? };
    let ids = values.call_method1("cast", (stored,))?.call_method1("to_numpy", (true,))?;
    let offsets = if ends.is_empty() { vec![0] } else { ends.iter().map(|end| end - first).collect() };
    Ok((ids, PyArray1::from_vec(py, offsets)))
}

fn pyarrow(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("pyarrow").map_err(|error| {
        if error.is_instance_of::<PyModuleNotFoundError>(py) {
            return PyModuleNotFoundError::new_err("Arrow's lists need pyarrow: pip install pyarrow");
        }
        error
    })
}
