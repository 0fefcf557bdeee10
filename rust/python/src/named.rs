//! Arguments that several functions share, each converted by a function of its name, made for `from_py_with`. What does not
//! fit is refused with that name, what was expected and what came, where PyO3's own error only tells two types.

use bytestride_core::split::Pattern;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyMapping, PySequence, PyString};

use crate::arguments::{clamped, type_name};
use crate::errors::IntoPython;
use crate::text::text_bytes;
use crate::tokenizer::Tokenizer;

/// The `TypeError` for an argument that is not what it should be.
pub(crate) fn unexpected(name: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("{name}: expected {expected}, not {}", type_name(value)))
}

/// What the argument `name` stands for, one of the `choices`.
pub(crate) fn one_of<T: Copy>(name: &str, choices: &[(&str, T)], value: &Bound<'_, PyAny>) -> PyResult<T> {
    let quoted: Vec<String> = choices.iter().map(|(choice, _)| format!("\"{choice}\"")).collect();
    let (last, others) = quoted.split_last().expect("at least one choice");
    let expected = format!("{} or {last}", others.join(", "));
    let text = value.cast::<PyString>().map_err(|_| unexpected(name, &expected, value))?;
    let text = text.to_string_lossy();
    let chosen = choices.iter().find(|(choice, _)| text == *choice);
    let refuse = || PyValueError::new_err(format!("{name}: expected {expected}, not \"{text}\""));
    chosen.map(|&(_, meaning)| meaning).ok_or_else(refuse)
}

/// What `convert` makes of an argument, or `None`.
fn optional<T>(
    value: &Bound<'_, PyAny>,
    convert: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
) -> PyResult<Option<T>> {
    if value.is_none() { Ok(None) } else { convert(value).map(Some) }
}

/// The strings of the argument `name`, a sequence. A lone `str`, which is a sequence too, is an error.
pub(crate) fn strings(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let expected = "a list of str";
    if value.is_instance_of::<PyString>() {
        return Err(unexpected(name, expected, value));
    }
    let items = value.cast::<PySequence>().map_err(|_| unexpected(name, expected, value))?;
    let string = |item: Bound<'_, PyAny>| match item.cast::<PyString>() {
        Ok(item) => item.extract(),
        Err(_) => Err(PyTypeError::new_err(format!(
            "{name}: expected a list of str, but one is {}",
            type_name(&item)
        ))),
    };
    items.try_iter()?.map(|item| string(item?)).collect()
}

/// Names of special tokens.
pub(crate) fn special_tokens(value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    strings("special_tokens", value)
}

/// The same, or `None`.
pub(crate) fn optional_special_tokens(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<String>>> {
    optional(value, special_tokens)
}

/// Names and ids of special tokens, by id, from a mapping; or `None`.
pub(crate) fn special_ids(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<(String, u32)>>> {
    optional(value, special_ids_of)
}

fn special_ids_of(value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, u32)>> {
    let name = "special_tokens";
    let expected = "a dict of ids by name";
    let items = value.cast::<PyMapping>().map_err(|_| unexpected(name, expected, value))?.items()?;
    let token = |item: Bound<'_, PyAny>| {
        let (token, id): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let token: String = token.extract().map_err(|_| unexpected(name, "names that are str", &token))?;
        match u32::try_from(clamped(name, &id)?) {
            Ok(id) => Ok((token, id)),
            Err(_) => Err(PyValueError::new_err(format!("{name}: {id} of {token:?} is no id"))),
        }
    };
    let mut tokens = items.iter().map(token).collect::<PyResult<Vec<_>>>()?;
    tokens.sort_by_key(|&(_, id)| id);
    Ok(tokens)
}

/// The ends of names of files, or `None`.
pub(crate) fn suffixes(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<String>>> {
    optional(value, |value| strings("suffixes", value))
}

/// How text is split for a tokenizer that is to be made: a name, an expression, `None` for no split, or what a tokenizer has.
pub(crate) fn pattern(value: &Bound<'_, PyAny>) -> PyResult<Pattern> {
    let pattern = any_pattern(value)?;
    // Otherwise this would come out when it is saved, after hours perhaps.
    pattern.check_portable().into_python()?;
    Ok(pattern)
}

fn any_pattern(value: &Bound<'_, PyAny>) -> PyResult<Pattern> {
    if value.is_none() {
        return Ok(Pattern::Whole);
    }
    if let Ok(tokenizer) = value.cast::<Tokenizer>() {
        return tokenizer.get().inner.plain_pattern().cloned().into_python();
    }
    match value.cast::<PyString>() {
        Ok(text) => Pattern::from_argument(Some(text.extract::<String>()?.as_str())).into_python(),
        Err(_) => Err(unexpected("pattern", "a name, a regular expression, a Tokenizer or None", value)),
    }
}

/// How the text of a file that does not say it is split; `None` if that is not given.
pub(crate) fn file_pattern(value: &Bound<'_, PyAny>) -> PyResult<Option<Pattern>> {
    optional(value, any_pattern)
}

/// What stands between documents, not empty; or `None`.
pub(crate) fn separator(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    let has_surrogates =
        |value: &Bound<'_, PyAny>| value.cast::<PyString>().is_ok_and(|text| text.to_str().is_err());
    if has_surrogates(value) {
        return Err(PyValueError::new_err(
            "separator: holds a lone surrogate, which no text has; give bytes that are not UTF-8 as bytes",
        ));
    }
    optional(value, |value| match text_bytes("separator", value)?.into_owned() {
        bytes if bytes.is_empty() => {
            Err(PyValueError::new_err("separator: it is empty; expected at least one byte"))
        }
        bytes => Ok(bytes),
    })
}

/// How much each of several things counts.
pub(crate) fn weights(value: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    let expected = "a list of numbers";
    let weight = |item: Bound<'_, PyAny>| item.extract().map_err(|_| unexpected("weights", expected, &item));
    items("weights", expected, value)?.map(|item| weight(item?)).collect()
}

/// The same, or `None`.
pub(crate) fn optional_weights(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<f64>>> {
    optional(value, weights)
}

/// An error if `progress` cannot be called.
pub(crate) fn check_progress(progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match progress {
        Some(value) if !value.is_callable() => {
            Err(unexpected("progress", "a function of (phase, done, total)", value))
        }
        _ => Ok(()),
    }
}

/// The items of the argument `name`, an iterable that is no text.
pub(crate) fn items<'py>(
    name: &str,
    expected: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyIterator>> {
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() {
        return Err(unexpected(name, expected, value));
    }
    value.try_iter().map_err(|_| unexpected(name, expected, value))
}

/// The function `name` of the package with these options set: what unpickling calls.
pub(crate) fn function_with<'py>(
    py: Python<'py>,
    name: &str,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let function = py.import("bytestride")?.getattr(name)?;
    py.import("functools")?.getattr("partial")?.call((function,), Some(options))
}
