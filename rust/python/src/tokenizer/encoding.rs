//! Text → ids: `encode` and its kin.

use bytestride_core::encode::{self, char_spans};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::Tokenizer;
use super::arguments::{detached, kept, positions, text_and_spans, texts_and_spans, threads_for};
use crate::arguments::thread_count;
use crate::errors::IntoPython;
use crate::ids;
use crate::ragged::Ragged;
use crate::text::text_objects;

/// `uint32[n]` and `int64[n, 2]`.
type IdsAndSpans<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray2<i64>>);

#[pymethods]
impl Tokenizer {
    /// The token ids of a text: a new `uint32[n]` (or `uint16[n]`).
    ///
    /// `bytes` need not be UTF-8: each byte that is not stands for itself. Lone surrogates in a `str` become
    /// U+FFFD. A text of more than some 100 KB is cut where the pattern allows and encoded on all threads; the GIL is
    /// released.
    ///
    /// A text may be given in spans that say what the special tokens in them are, as chats need it: what a user wrote
    /// never becomes a token. The ids are those of the whole text; only names within one span count.
    ///
    /// Args:
    ///     text: The text, or a list of spans as `[("Hello", "text"), ("<|end|>", "encode")]`.
    ///     special: What the names of special tokens in the text are: `"text"` like any other (the default, safe for
    ///         text from outside), `"encode"` the tokens, `"raise"` an error, or a set of the names to encode.
    ///     bos: Whether to begin with the tokenizer's own BOS id, or the name of a special token to begin with.
    ///     eos: The same for the end.
    ///     max_tokens: Return at most so many ids, BOS and EOS among them; the rest of the text is not encoded. No room is
    ///         kept for ids at the end that is cut off: a text with more has no EOS then, or with `"left"` no BOS.
    ///     truncation_side: Where the rest is: `"right"` keeps the first ids, `"left"` the last ones.
    ///     dtype: `"uint32"` or `"uint16"`.
    ///
    /// Raises:
    ///     ValueError: `special="raise"` and the text holds one; ids do not fit `dtype`; the tokenizer has no BOS
    ///         or EOS of its own; or a regular expression gives up on the text.
    ///     KeyError: A name is no special token.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 260, pattern="gpt2", special_tokens=["<|end|>"])
    ///     >>> tok.encode("lower", eos="<|end|>")
    ///     array([257,  68,  81, 259], dtype=uint32)
    ///     >>> tok.encode([("low<|end|>", "text"), ("<|end|>", "encode")])[-2:]
    ///     array([ 29, 259], dtype=uint32)
    #[pyo3(signature = (text, *, special=None, bos=None, eos=None, max_tokens=None, truncation_side="right",
        dtype=None))]
    #[pyo3(text_signature = "(self, text, *, special='text', bos=False, eos=False, max_tokens=None, \
        truncation_side='right', dtype='uint32')")]
    #[expect(clippy::too_many_arguments, reason = "options belong to the call")]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        special: Option<&Bound<'py, PyAny>>,
        bos: Option<&Bound<'py, PyAny>>,
        eos: Option<&Bound<'py, PyAny>>,
        max_tokens: Option<&Bound<'py, PyAny>>,
        truncation_side: &str,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut options = self.options(special, bos, eos, max_tokens)?;
        options.kept = kept(truncation_side)?;
        let (bytes, spans) = text_and_spans(text, special)?;
        options.spans = vec![spans];
        let narrow = self.is_narrow(py, dtype)?;
        let threads = threads_for(bytes.len());
        let ids = detached(py, bytes.len(), || self.inner.encode(&bytes, &options, threads)).into_python()?;
        if narrow {
            let ids: Vec<u16> = ids.iter().map(|&id| id as u16).collect();
            return Ok(ids.into_pyarray(py).into_any());
        }
        Ok(ids::into_array(py, ids)?.into_any())
    }

    /// The token ids of many texts: a `Ragged` of `ids` and `offsets`, in the order of the texts.
    ///
    /// Args:
    ///     texts: An iterable of texts, each a `str`, `bytes`, or a list of spans as for `encode`.
    ///     threads: How many threads to use; `None` for all that the process may. The ids are the same for any number.
    ///     special: As for `encode`.
    ///     bos: As for `encode`.
    ///     eos: As for `encode`.
    ///     max_tokens: The most ids of each text.
    ///     truncation_side: As for `encode`.
    ///     dtype: As for `encode`.
    ///
    /// Raises:
    ///     ValueError: As for `encode`.
    ///     KeyError: As for `encode`.
    ///     TypeError: A text is neither `str` nor `bytes`, or `texts` is one.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 259, pattern="gpt2")
    ///     >>> batch = tok.encode_batch(["low", "lowest"])
    ///     >>> batch.ids, batch.offsets
    ///     (array([257, 257,  68,  82,  83], dtype=uint32), array([0, 1, 5]))
    #[pyo3(
        signature = (texts, *, threads=None, special=None, bos=None, eos=None, max_tokens=None,
            truncation_side="right", dtype=None),
        text_signature = "(self, texts, *, threads=None, special='text', bos=False, eos=False, max_tokens=None, \
            truncation_side='right', dtype='uint32')"
    )]
    #[expect(clippy::too_many_arguments, reason = "options belong to the call")]
    fn encode_batch<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        threads: Option<&Bound<'py, PyAny>>,
        special: Option<&Bound<'py, PyAny>>,
        bos: Option<&Bound<'py, PyAny>>,
        eos: Option<&Bound<'py, PyAny>>,
        max_tokens: Option<&Bound<'py, PyAny>>,
        truncation_side: &str,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Ragged> {
        let mut options = self.options(special, bos, eos, max_tokens)?;
        options.kept = kept(truncation_side)?;
        let narrow = self.is_narrow(py, dtype)?;
        let threads = thread_count(threads)?;
        let objects = text_objects(texts)?;
        let (texts, spans) = texts_and_spans(&objects, special)?;
        options.spans = spans;
        let texts: Vec<&[u8]> = texts.iter().map(|text| &**text).collect();
        let ragged = py.detach(|| self.inner.encode_batch(&texts, &options, threads)).into_python()?;
        if narrow { Ok(Ragged::narrow(py, ragged)) } else { Ragged::from_core(py, ragged, None) }
    }

    /// How many token ids a text has, without making them.
    ///
    /// Args:
    ///     text: As for `encode`.
    ///     special: As for `encode`.
    ///
    /// Raises:
    ///     ValueError: As for `encode`.
    ///     KeyError: As for `encode`.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> bs.train([b"low lower lowest"] * 2, 260).count("lowest")
    ///     4
    #[pyo3(signature = (text, *, special=None))]
    #[pyo3(text_signature = "(self, text, *, special='text')")]
    fn count(
        &self,
        py: Python<'_>,
        text: &Bound<'_, PyAny>,
        special: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        let mut options = self.options(special, None, None, None)?;
        let (bytes, spans) = text_and_spans(text, special)?;
        options.spans = vec![spans];
        let threads = threads_for(bytes.len());
        detached(py, bytes.len(), || self.inner.count(&bytes, &options, threads)).into_python()
    }

    /// How many token ids each of many texts has: a new `int64[n]`.
    ///
    /// Args:
    ///     texts: An iterable of texts, each a `str`, `bytes`, or a list of spans as for `encode`.
    ///     threads: How many threads to use; `None` for all that the process may.
    ///     special: As for `encode`.
    ///
    /// Raises:
    ///     ValueError: As for `encode`.
    ///     KeyError: As for `encode`.
    ///     TypeError: A text is neither `str` nor `bytes`, or `texts` is one.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> bs.train([b"low lower lowest"] * 2, 260).count_batch(["low", "lowest"])
    ///     array([1, 4])
    #[pyo3(signature = (texts, *, threads=None, special=None))]
    #[pyo3(text_signature = "(self, texts, *, threads=None, special='text')")]
    fn count_batch<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        threads: Option<&Bound<'py, PyAny>>,
        special: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let mut options = self.options(special, None, None, None)?;
        let threads = thread_count(threads)?;
        let objects = text_objects(texts)?;
        let (texts, spans) = texts_and_spans(&objects, special)?;
        options.spans = spans;
        let texts: Vec<&[u8]> = texts.iter().map(|text| &**text).collect();
        let counts = py.detach(|| self.inner.count_batch(&texts, &options, threads)).into_python()?;
        Ok(counts.into_iter().map(|count| count as i64).collect::<Vec<_>>().into_pyarray(py))
    }

    /// The token ids of a text and where each stands in it: new arrays `uint32[n]` and `int64[n, 2]`.
    ///
    /// A span is the start and the end of the token, end exclusive, in characters of the `str` (`unit="char"`) or in
    /// bytes of its UTF-8 (`unit="byte"`). Spans in bytes are gapless; in characters a token that begins or ends inside
    /// a character covers it, so that spans may overlap there, as they do in Hugging Face's tokenizers. Where more
    /// happens to a text than a split by a pattern (a normalizer, other pretokenizers, a vocabulary of characters),
    /// spans in bytes are those of whole characters, too, and what is left out has none.
    ///
    /// Args:
    ///     text: The text, or a list of spans as for `encode`; places are those in all of it.
    ///     unit: `"char"` or `"byte"`.
    ///     special: As for `encode`.
    ///
    /// Raises:
    ///     ValueError: As for `encode`, or for another `unit`.
    ///     KeyError: As for `encode`.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> ids, spans = bs.train([b"low lower lowest"] * 2, 260).encode_with_offsets("lowest")
    ///     >>> spans.tolist()
    ///     [[0, 3], [3, 4], [4, 5], [5, 6]]
    #[pyo3(signature = (text, unit="char", *, special=None))]
    #[pyo3(text_signature = "(self, text, unit='char', *, special='text')")]
    fn encode_with_offsets<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        unit: &str,
        special: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<IdsAndSpans<'py>> {
        let in_characters = match unit {
            "char" => true,
            "byte" => false,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "unit: expected \"char\" or \"byte\", not {unit:?}"
                )));
            }
        };
        let mut options = self.options(special, None, None, None)?;
        let (bytes, spans) = text_and_spans(text, special)?;
        options.spans = vec![spans];
        let positions = if in_characters { positions(text)? } else { None };
        let threads = bytestride_core::available_threads();
        let encode::Spans { ids, mut spans } = py
            .detach(|| {
                let mut all = self.inner.encode_with_spans(&bytes, &options, threads)?;
                if in_characters {
                    all.spans = char_spans(&bytes, all.spans);
                }
                Ok(all)
            })
            .into_python()?;
        if let Some(positions) = positions {
            spans.iter_mut().flatten().for_each(|place| *place = positions[*place as usize]);
        }
        let rows = spans.len();
        let spans = spans.into_flattened().into_pyarray(py).reshape([rows, 2])?;
        Ok((ids.into_pyarray(py), spans))
    }
}
