//! Text as Python hands it over.

use std::borrow::Cow;
use std::fmt::Display;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMapping, PyString};

use crate::named::{items, unexpected};

/// The bytes of the argument `name`, a `str`, as UTF-8, or `bytes`; borrowed from the object.
///
/// A `str` with surrogates is taken as tiktoken takes it: pairs are the character they encode, others U+FFFD.
pub(crate) fn text_bytes<'a>(name: impl Display, object: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(text) = object.cast::<PyString>() {
        return match text.to_str() {
            Ok(text) => Ok(Cow::Borrowed(text.as_bytes())),
            Err(_) => Ok(Cow::Owned(without_surrogates(text)?.into_bytes())),
        };
    }
    match object.cast::<PyBytes>() {
        Ok(bytes) => Ok(Cow::Borrowed(bytes.as_bytes())),
        Err(_) => Err(unexpected(&name.to_string(), "str or bytes", object)),
    }
}

/// The text of a `str`, with surrogates as [`text_bytes`] takes them; borrowed from the object.
pub(crate) fn text_str<'t>(text: &'t Bound<'_, PyString>) -> PyResult<Cow<'t, str>> {
    match text.to_cow() {
        Ok(text) => Ok(text),
        Err(_) => without_surrogates(text).map(Cow::Owned),
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
    if !texts.is_instance_of::<PyList>() && texts.cast::<PyMapping>().is_ok() {
        return Err(PyTypeError::new_err("texts: is a mapping, expected a list of texts"));
    }
    if texts.is_instance_of::<PyString>() || texts.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err(
            "texts: expected a list of texts; one text goes to encode() or count()",
        ));
    }
    items("texts", "an iterable of texts", texts)?.collect()
}

/// Where each character of [`text_bytes`] starts in the `str` itself, and its end; `None` where they are the same.
///
/// They differ behind a surrogate pair, which is two characters of the `str` and becomes one.
pub(crate) fn character_positions(object: &Bound<'_, PyAny>) -> PyResult<Option<Vec<i64>>> {
    let Ok(text) = object.cast::<PyString>() else { return Ok(None) };
    if text.to_str().is_ok() {
        return Ok(None);
    }
    let units = text.call_method1("encode", ("utf-32-le", "surrogatepass"))?;
    let units: &Bound<'_, PyBytes> = units.cast()?;
    let (units, _) = units.as_bytes().as_chunks::<4>();
    let code = |at: usize| units.get(at).map_or(0, |unit: &[u8; 4]| u32::from_le_bytes(*unit));
    let mut positions = vec![0];
    let mut at = 0;
    while at < units.len() {
        let is_pair = (0xD800..0xDC00).contains(&code(at)) && (0xDC00..0xE000).contains(&code(at + 1));
        at += 1 + usize::from(is_pair);
        positions.push(at as i64);
    }
    Ok(Some(positions))
}
