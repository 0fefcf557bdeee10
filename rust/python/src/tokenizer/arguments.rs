//! What the methods of `Tokenizer` take and give, between Python's types and the core's.

use std::borrow::Cow;

use bytestride_core::Error;
use bytestride_core::encode::{self, EncodeOptions, EndIds, Kept, Span, SpecialPolicy};
use numpy::{PyArray1, PyArrayDescr, PyArrayDescrMethods, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::arguments::{integers, optional_size, shown_clamped};
use crate::errors::{IntoPython, placed};
use crate::named::{items, unexpected};
use crate::text::{character_positions, text_bytes};
use crate::tokenizer::Tokenizer;

/// Work on less text than this is done before other threads could have made use of the GIL.
const DETACH_BYTES: usize = 4096;

/// Errors show no more ids than these.
const SHOWN_IDS: usize = 8;

/// How much of an object such an error shows.
const REPR_CHARACTERS: usize = 200;

/// The bytes of texts, and the policies of the spans of each.
type TextsAndSpans<'a> = (Vec<Cow<'a, [u8]>>, Vec<Vec<Span>>);

impl Tokenizer {
    pub(crate) fn options(
        &self,
        special: Option<&Bound<'_, PyAny>>,
        bos: Option<&Bound<'_, PyAny>>,
        eos: Option<&Bound<'_, PyAny>>,
        max_tokens: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<EncodeOptions> {
        Ok(EncodeOptions {
            special: special.map_or(Ok(SpecialPolicy::Text), special_policy)?,
            bos: self.end_id("bos", bos, self.inner.bos())?,
            eos: self.end_id("eos", eos, self.inner.eos())?,
            max_tokens: optional_size("max_tokens", max_tokens)?,
            ..EncodeOptions::default()
        })
    }

    /// The ids that `bos=` or `eos=` asks for: none, the tokenizer's own, or a special token by name.
    pub(crate) fn end_id(
        &self,
        argument: &'static str,
        wanted: Option<&Bound<'_, PyAny>>,
        own: &EndIds,
    ) -> PyResult<EndIds> {
        let Some(wanted) = wanted else { return Ok(EndIds::default()) };
        if let Ok(wanted) = wanted.extract::<bool>() {
            let missing = || {
                let message = "the tokenizer has none of its own; give the name of a special token";
                PyValueError::new_err(format!("{argument}: {message}"))
            };
            return match wanted {
                true if own.is_empty() => Err(missing()),
                true => Ok(own.clone()),
                false => Ok(EndIds::default()),
            };
        }
        match wanted.extract::<Cow<'_, str>>() {
            Ok(name) => self.inner.require_special(&name).into_python().map(EndIds::from),
            Err(_) => Err(PyTypeError::new_err(format!(
                "{argument}: expected a bool or a name, not {}",
                repr(wanted)
            ))),
        }
    }

    /// Whether `dtype` asks for 16 bits; an error if it asks for what ids cannot be.
    pub(crate) fn is_narrow(&self, py: Python<'_>, dtype: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let Some(dtype) = dtype else { return Ok(false) };
        let refuse = || {
            PyValueError::new_err(format!("dtype: expected \"uint32\" or \"uint16\", not {}", repr(dtype)))
        };
        let wanted = PyArrayDescr::new(py, dtype).map_err(|_| refuse())?;
        if wanted.is_equiv_to(&PyArrayDescr::of::<u32>(py)) {
            return Ok(false);
        }
        if !wanted.is_equiv_to(&PyArrayDescr::of::<u16>(py)) {
            return Err(refuse());
        }
        let largest = self.inner.max_id();
        if largest > u32::from(u16::MAX) {
            let message =
                format!("dtype: uint16 holds ids up to 65535, and this tokenizer's go up to {largest}");
            return Err(PyValueError::new_err(message));
        }
        Ok(true)
    }

    pub(crate) fn bytes_of_ids(&self, py: Python<'_>, ids: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
        if let Ok(ids) = ids.cast::<PyArray1<u32>>()
            && ids.is_contiguous()
            && ids.is_aligned()
        {
            let ids = ids.to_vec()?;
            return py.detach(|| self.inner.decode(&ids)).into_python();
        }
        let numbers = integers("ids", ids)?;
        py.detach(|| {
            let id = |(position, &id): (usize, &i64)| {
                u32::try_from(id).map_err(|_| self.inner.unknown_id(shown_clamped(id), Some(position)))
            };
            let ids = numbers.iter().enumerate().map(id).collect::<Result<Vec<u32>, _>>()?;
            self.inner.decode(&ids)
        })
        .into_python()
    }
}

impl Tokenizer {
    /// The error for what is no token by itself, which shows what it encodes to.
    pub(crate) fn no_token(&self, token: &Bound<'_, PyAny>, bytes: &[u8]) -> Error {
        let limit = EncodeOptions { max_tokens: Some(SHOWN_IDS + 1), ..EncodeOptions::default() };
        let mut ids = match self.inner.encode(bytes, &limit, 1) {
            Ok(ids) => ids.iter().map(u32::to_string).collect::<Vec<_>>(),
            Err(error) => return error,
        };
        if ids.len() > SHOWN_IDS {
            ids.truncate(SHOWN_IDS);
            ids.push("…".to_owned());
        }
        let ids = ids.join(", ");
        Error::Unknown(format!("{} is no token of this tokenizer, it encodes to [{ids}]", repr(token)))
    }
}

/// Whether a text is given in spans.
pub(crate) fn is_in_spans(text: &Bound<'_, PyAny>) -> bool {
    text.is_instance_of::<PyList>() || text.is_instance_of::<PyTuple>()
}

/// Many texts, and the policies of the spans of each; no policies at all if no text is given in spans.
pub(crate) fn texts_and_spans<'a>(
    texts: &'a [Bound<'_, PyAny>],
    special: Option<&Bound<'_, PyAny>>,
) -> PyResult<TextsAndSpans<'a>> {
    if !texts.iter().any(is_in_spans) {
        let numbered = texts.iter().enumerate();
        let bytes = numbered.map(|(number, text)| text_bytes(format_args!("texts[{number}]"), text));
        return Ok((bytes.collect::<PyResult<_>>()?, Vec::new()));
    }
    let both = texts.iter().enumerate().map(|(number, text)| {
        let place = |error| placed(text.py(), error, format_args!("texts[{number}]"));
        text_and_spans(text, special).map_err(place)
    });
    Ok(both.collect::<PyResult<Vec<_>>>()?.into_iter().unzip())
}

/// Where each character stands in the `str` of a text, as [`character_positions`] has it, which a text in spans has not.
pub(crate) fn positions(text: &Bound<'_, PyAny>) -> PyResult<Option<Vec<i64>>> {
    if !is_in_spans(text) {
        return character_positions(text);
    }
    for pair in text.try_iter()? {
        if character_positions(&pair?.get_item(0)?)?.is_some() {
            let message = "text: spans with surrogates have no offsets in characters; ask for unit=\"byte\"";
            return Err(PyValueError::new_err(message));
        }
    }
    Ok(None)
}

/// A text, and the policies of its spans if it is given as pairs of a text and what its special tokens are.
pub(crate) fn text_and_spans<'a>(
    text: &'a Bound<'_, PyAny>,
    special: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Cow<'a, [u8]>, Vec<Span>)> {
    if !is_in_spans(text) {
        return Ok((text_bytes("text", text)?, Vec::new()));
    }
    if special.is_some() {
        return Err(PyValueError::new_err("special: each span of the text has its own"));
    }
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for pair in text.try_iter()? {
        let pair = pair?;
        let (text, special): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract().map_err(|_| {
            let expected = "pairs of a text and what its special tokens are, as (\"Hello\", \"text\")";
            PyTypeError::new_err(format!("text: expected {expected}, not {}", repr(&pair)))
        })?;
        bytes.extend_from_slice(&text_bytes("text", &text)?);
        spans.push(Span { end: bytes.len(), special: special_policy(&special)? });
    }
    Ok((Cow::Owned(bytes), spans))
}

/// Which ids `truncation_side=` leaves.
pub(crate) fn kept(truncation_side: &str) -> PyResult<Kept> {
    match truncation_side {
        "right" => Ok(Kept::First),
        "left" => Ok(Kept::Last),
        _ => Err(PyValueError::new_err(format!(
            "truncation_side: expected \"right\" or \"left\", not {truncation_side:?}"
        ))),
    }
}

/// What `special=` says.
fn special_policy(special: &Bound<'_, PyAny>) -> PyResult<SpecialPolicy> {
    if let Ok(word) = special.extract::<Cow<'_, str>>() {
        return match &*word {
            "text" => Ok(SpecialPolicy::Text),
            "encode" => Ok(SpecialPolicy::Encode),
            "raise" => Ok(SpecialPolicy::Raise),
            _ => Err(PyValueError::new_err(format!(
                "special: expected \"text\", \"encode\", \"raise\" or a set of names, not {word:?}"
            ))),
        };
    }
    let expected = "\"text\", \"encode\", \"raise\" or a set of names";
    let name = |name: Bound<'_, PyAny>| {
        name.extract::<String>().map_err(|_| unexpected("special", "names that are str", &name))
    };
    let names = items("special", expected, special)?.map(|item| name(item?));
    let mut names = names.collect::<PyResult<Vec<String>>>()?;
    // A set has no order, and errors are to name the same token each time.
    names.sort_unstable();
    Ok(SpecialPolicy::EncodeOnly(names))
}

pub(crate) fn decoded_text<'py>(
    py: Python<'py>,
    bytes: Vec<u8>,
    errors: &str,
) -> PyResult<Bound<'py, PyString>> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, &text)),
        Err(error) => {
            let bytes = PyBytes::new(py, error.as_bytes());
            Ok(bytes.call_method1("decode", ("utf-8", errors))?.cast_into()?)
        }
    }
}

/// How many threads may encode one text of this length.
pub(crate) fn threads_for(text_bytes: usize) -> usize {
    if text_bytes < encode::LEAST_PARALLEL_BYTES { 1 } else { bytestride_core::available_threads() }
}

/// Runs `work`, without the GIL where it is long enough for other threads to have use of it.
pub(crate) fn detached<T: Send>(py: Python<'_>, text_bytes: usize, work: impl FnOnce() -> T + Send) -> T {
    if text_bytes > DETACH_BYTES { py.detach(work) } else { work() }
}

/// An object as Python writes it, for an error; cut short if it is long.
pub(crate) fn repr(object: &Bound<'_, PyAny>) -> String {
    let text = object.repr().map_or_else(|_| "an object without repr".to_owned(), |text| text.to_string());
    match text.char_indices().nth(REPR_CHARACTERS) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}
