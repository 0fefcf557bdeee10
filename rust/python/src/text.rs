//! Text and ids as Python hands them over.

use std::borrow::Cow;

use numpy::{Element, PyArray1, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// The bytes of a `str`, as UTF-8, or of `bytes`; borrowed from the object.
///
/// A `str` with surrogates is taken as tiktoken takes it: pairs are the character they encode, others U+FFFD.
pub(crate) fn text_bytes<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(text) = object.cast::<PyString>() {
        return match text.to_str() {
            Ok(text) => Ok(Cow::Borrowed(text.as_bytes())),
            Err(_) => Ok(Cow::Owned(without_surrogates(text)?.into_bytes())),
        };
    }
    match object.cast::<PyBytes>() {
        Ok(bytes) => Ok(Cow::Borrowed(bytes.as_bytes())),
        Err(_) => {
            Err(PyTypeError::new_err(format!("text: expected str or bytes, not {}", object.get_type())))
        }
    }
}

fn without_surrogates(text: &Bound<'_, PyString>) -> PyResult<String> {
    let units = text.call_method1("encode", ("utf-16-le", "surrogatepass"))?;
    let units: &Bound<'_, PyBytes> = units.cast()?;
    let units = units.as_bytes().chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    Ok(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// Texts from any iterable of `str` and `bytes`. A lone `str` or `bytes`, which is an iterable too, is an error.
pub(crate) fn text_objects<'py>(texts: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if texts.is_instance_of::<PyString>() || texts.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err(
            "texts: expected a list of texts; one text goes to encode() or count()",
        ));
    }
    texts.try_iter()?.collect()
}

/// Ids from an integer array of one dimension or any iterable of integers. Numbers that no id can be stay as they
/// are, so that the error for an unknown id names them.
pub(crate) fn id_numbers(ids: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    if let Ok(array) = ids.cast::<PyUntypedArray>() {
        if array.ndim() != 1 {
            return Err(PyValueError::new_err(format!("ids: expected one dimension, not {}", array.ndim())));
        }
        let wide = copied::<u32>(ids).or_else(|| copied::<u16>(ids)).or_else(|| copied::<i64>(ids));
        if let Some(wide) = wide.or_else(|| copied::<i32>(ids)) {
            return Ok(wide);
        }
    }
    let numbers: PyResult<Vec<i64>> = ids.try_iter()?.map(|id| id?.extract()).collect();
    numbers.map_err(|_| PyTypeError::new_err("ids: expected integers"))
}

fn copied<T: Element + Into<i64> + Copy>(ids: &Bound<'_, PyAny>) -> Option<Vec<i64>> {
    let array = ids.cast::<PyArray1<T>>().ok()?.readonly();
    Some(array.as_array().iter().map(|&id| id.into()).collect())
}

/// How many threads a call may use: `None` for all that the process may.
pub(crate) fn thread_count(threads: Option<usize>) -> PyResult<usize> {
    match threads {
        Some(0) => Err(PyValueError::new_err("threads: expected at least 1, or None for all there are")),
        Some(threads) => Ok(threads),
        None => Ok(bytestride_core::available_threads()),
    }
}
