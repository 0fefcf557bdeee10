//! `WordTokenizer`.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use bytestride_core::Monitor;
use bytestride_core::encode::Ragged as CoreRagged;
use bytestride_core::words::{WordTokenizer as CoreWordTokenizer, Words, split};
use numpy::IntoPyArray;
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList, PyString, PyType};

use crate::arguments::{Integer, integers, shown_clamped, type_name};
use crate::errors::IntoPython;
use crate::named::{items, optional_special_tokens};
use crate::ragged::Ragged;
use crate::text::text_str;
use crate::watch::run_watched;

/// A tokenizer of whole words: the step that teaches what a tokenizer is, and a baseline.
///
/// Text becomes words and punctuation marks (`split`); the distinct ones, in alphabetical order, are the vocabulary, and
/// the special tokens come last. A word it does not know becomes `[UNK]`. Text never becomes a special token, whatever it
/// says. Made by `train` or `load`; immutable, picklable, safe to use from several threads.
///
/// Example:
///     >>> import bytestride as bs
///     >>> words = bs.WordTokenizer.train("Hello, world!")
///     >>> words.vocabulary
///     {'!': 0, ',': 1, 'Hello': 2, 'world': 3, '[BOS]': 4, '[EOS]': 5, '[PAD]': 6, '[UNK]': 7}
///     >>> words.encode("Bye, world!")
///     array([7, 1, 3, 0], dtype=uint32)
///     >>> words.decode(words.encode("Hello, world!"))
///     'Hello, world!'
#[pyclass(frozen, eq, module = "bytestride")]
#[derive(Debug, PartialEq)]
pub(crate) struct WordTokenizer(CoreWordTokenizer);

impl WordTokenizer {
    /// The ids to put before or after a text: none, the tokenizer's own, or a special token by name.
    fn edge(&self, name: &str, own: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        let token = if let Ok(wanted) = value.cast::<PyBool>() {
            if !wanted.is_true() {
                return Ok(None);
            }
            own.to_owned()
        } else {
            let message = || {
                PyTypeError::new_err(format!(
                    "{name}: expected a bool or a special token, not {}",
                    type_name(value)
                ))
            };
            value.extract::<String>().map_err(|_| message())?
        };
        let unknown =
            || PyKeyError::new_err(format!("{name}: the tokenizer has no special token \"{token}\""));
        self.0.special_id(&token).map(Some).ok_or_else(unknown)
    }

    /// The text of ids that were given under this name.
    fn text_of_ids(&self, name: &str, ids: &Bound<'_, PyAny>) -> PyResult<String> {
        let ids = integers(name, ids)?;
        let narrow = |id: i64| {
            u32::try_from(id)
                .map_err(|_| PyKeyError::new_err(format!("no id {} in the vocabulary", shown_clamped(id))))
        };
        let ids = ids.into_iter().map(narrow).collect::<PyResult<Vec<u32>>>()?;
        self.0.decode(&ids).into_python()
    }
}

#[pymethods]
impl WordTokenizer {
    /// A tokenizer for the words of a text or of files.
    ///
    /// Files are read line by line, so memory holds the vocabulary and the longest line.
    ///
    /// Args:
    ///     text_or_files: A `str` is the text itself, a `pathlib.Path` a UTF-8 file; a list may hold several of both. So a
    ///         list of `str` is one of texts here, where `train` and `count_words` take it as one of paths.
    ///     special_tokens: Tokens that no text contains; their ids follow the words'. `[BOS]`, `[EOS]`, `[PAD]` and
    ///         `[UNK]` have the meaning of their names.
    ///
    /// Raises:
    ///     OSError: If a file cannot be read.
    ///     ValueError: If a file is not UTF-8, or a special token is empty, given twice, or a word of the text.
    ///     TypeError: If `text_or_files` is neither.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> bs.WordTokenizer.train(["b a", "c"], special_tokens=()).vocabulary
    ///     {'a': 0, 'b': 1, 'c': 2}
    #[staticmethod]
    #[pyo3(signature = (text_or_files, special_tokens=None),
           text_signature = "(text_or_files, special_tokens=('[BOS]', '[EOS]', '[PAD]', '[UNK]'))")]
    fn train(
        text_or_files: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = optional_special_tokens)] special_tokens: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let one = text_or_files.is_instance_of::<PyString>() || text_or_files.hasattr("__fspath__")?;
        let mut words = Words::default();
        if one {
            add_source(&mut words, text_or_files)?;
        } else {
            if text_or_files.is_instance_of::<PyBytes>() {
                return Err(not_a_source(text_or_files));
            }
            let sources = text_or_files.try_iter().map_err(|_| not_a_source(text_or_files))?;
            for source in sources {
                add_source(&mut words, &source?)?;
            }
        }
        let default = || ["[BOS]", "[EOS]", "[PAD]", "[UNK]"].map(str::to_owned).to_vec();
        let special = special_tokens.unwrap_or_else(default);
        let special: Vec<&str> = special.iter().map(String::as_str).collect();
        CoreWordTokenizer::new(words.into_sorted(), &special).into_python().map(Self)
    }

    /// The words and punctuation marks of `text`: the strings that `re.findall(r"\w+|[^\w\s]", text)` finds.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> bs.WordTokenizer.split("Hello, world!")
    ///     ['Hello', ',', 'world', '!']
    #[staticmethod]
    #[pyo3(name = "split")]
    fn split_text<'py>(text: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(text.py(), split(&text_str(text)?).collect::<Vec<_>>())
    }

    /// The ids of `text`: `uint32[n]`, a new array.
    ///
    /// Args:
    ///     text: A lone surrogate in it becomes U+FFFD.
    ///     bos: Whether `[BOS]` comes first; or the name of a special token that does.
    ///     eos: Whether `[EOS]` comes last; or the name of a special token that does.
    ///     dtype: uint32, uint16, int32 or int64.
    ///
    /// Raises:
    ///     KeyError: If a word is unknown and the vocabulary has no `[UNK]`, or if there is no such special token.
    ///     ValueError: If an id does not fit `dtype`.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> bs.WordTokenizer.train("a b").encode("b a", bos=True)
    ///     array([2, 1, 0], dtype=uint32)
    #[pyo3(signature = (text, bos=None, eos=None, dtype=None),
           text_signature = "($self, text, bos=False, eos=False, dtype='uint32')")]
    fn encode<'py>(
        &self,
        text: &Bound<'py, PyString>,
        bos: Option<&Bound<'py, PyAny>>,
        eos: Option<&Bound<'py, PyAny>>,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = text.py();
        let dtype = dtype.map_or(Ok(Integer::U32), Integer::new)?;
        let bos = bos.map_or(Ok(None), |bos| self.edge("bos", "[BOS]", bos))?;
        let eos = eos.map_or(Ok(None), |eos| self.edge("eos", "[EOS]", eos))?;
        let text = text_str(text)?;
        let mut ids: Vec<u32> = Vec::with_capacity(text.len() / 4);
        ids.extend(bos);
        py.detach(|| self.0.encode_into(&text, &mut ids)).into_python()?;
        ids.extend(eos);
        let largest = i64::from(ids.iter().copied().max().unwrap_or(0));
        if !dtype.holds(largest) {
            let message = format!("dtype: id {largest} does not fit {}", dtype.name());
            return Err(PyValueError::new_err(message));
        }
        let ids = ids.into_pyarray(py).into_any();
        if dtype == Integer::U32 { Ok(ids) } else { ids.call_method1("astype", (dtype.name(),)) }
    }

    /// The ids of each of `texts`, in one flat array; its `padded()` pads with `[PAD]`.
    ///
    /// Args:
    ///     texts: Strings; a lone surrogate becomes U+FFFD.
    ///     bos: Whether `[BOS]` comes first in each; or the name of a special token that does.
    ///     eos: Whether `[EOS]` comes last in each; or the name of a special token that does.
    ///
    /// Raises:
    ///     KeyError: If a word is unknown and the vocabulary has no `[UNK]`, or if there is no such special token.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> ids, mask = bs.WordTokenizer.train("a b").encode_batch(["a b", "b"]).padded()
    ///     >>> ids
    ///     array([[0, 1],
    ///            [1, 4]], dtype=uint32)
    #[pyo3(signature = (texts, bos=None, eos=None), text_signature = "($self, texts, bos=False, eos=False)")]
    fn encode_batch<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        bos: Option<&Bound<'py, PyAny>>,
        eos: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Ragged> {
        if texts.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("texts: expected several strings, not one; see encode"));
        }
        let bos = bos.map_or(Ok(None), |bos| self.edge("bos", "[BOS]", bos))?;
        let eos = eos.map_or(Ok(None), |eos| self.edge("eos", "[EOS]", eos))?;
        let texts: Vec<_> = items("texts", "several strings", texts)?.collect::<PyResult<_>>()?;
        let string = |text: &Bound<'py, PyAny>| match text.cast::<PyString>() {
            Ok(text) => text_str(text).map(Cow::into_owned),
            Err(_) => Err(PyTypeError::new_err(format!("texts: expected strings, not {}", type_name(text)))),
        };
        let texts = texts.iter().map(string).collect::<PyResult<Vec<String>>>()?;
        let ragged = py.detach(|| {
            let (mut ids, mut offsets) = (Vec::new(), vec![0]);
            for text in &texts {
                ids.extend(bos);
                self.0.encode_into(text, &mut ids)?;
                ids.extend(eos);
                offsets.push((ids.len() as u64).cast_signed());
            }
            Ok(CoreRagged { ids: ids.into(), offsets })
        });
        let ragged = ragged.into_python()?;
        Ragged::from_core(py, ragged, self.0.special_id("[PAD]"))
    }

    /// The words of `ids` as a text, with spaces between them.
    ///
    /// There is none before `. , ; : ! ? ) ] } % …` and none after `( [ {`. Special tokens are written out. How words were
    /// spaced, their ids do not tell: `decode(encode(text))` is `text` only up to white space.
    ///
    /// Args:
    ///     ids: Integers, an array `[n]` or any sequence.
    ///
    /// Raises:
    ///     KeyError: If an id is not in the vocabulary.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> words = bs.WordTokenizer.train("Hello, world!")
    ///     >>> words.decode([2, 1, 3, 0, 5])
    ///     'Hello, world! [EOS]'
    fn decode(&self, ids: &Bound<'_, PyAny>) -> PyResult<String> {
        self.text_of_ids("ids", ids)
    }

    /// The text of each of several texts' ids: the inverse of `encode_batch`, up to white space.
    ///
    /// Args:
    ///     batch: A `Ragged`, or an iterable of arrays or sequences of integers.
    ///
    /// Raises:
    ///     KeyError: If an id is not in the vocabulary.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> words = bs.WordTokenizer.train("Hello, world!")
    ///     >>> words.decode_batch(words.encode_batch(["Hello!", "world"]))
    ///     ['Hello!', 'world']
    fn decode_batch(&self, batch: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        let batch = items("batch", "a Ragged or an iterable of ids", batch)?;
        batch.map(|ids| self.text_of_ids("batch", &ids?)).collect()
    }

    /// The id of a word or special token; `words["the"]` is the same, and `"the" in words` tells whether there is one.
    ///
    /// Raises:
    ///     KeyError: If it is not in the vocabulary.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> bs.WordTokenizer.train("Hello, world!").id_of("world")
    ///     3
    fn id_of(&self, token: &Bound<'_, PyString>) -> PyResult<u32> {
        let token = text_str(token)?;
        self.0
            .id_of(&token)
            .ok_or_else(|| PyKeyError::new_err(format!("no word {token:?} in the vocabulary")))
    }

    fn __len__(&self) -> usize {
        self.vocab_size()
    }

    fn __getitem__(&self, token: &Bound<'_, PyString>) -> PyResult<u32> {
        self.id_of(token)
    }

    fn __contains__(&self, token: &Bound<'_, PyString>) -> PyResult<bool> {
        Ok(self.0.id_of(&text_str(token)?).is_some())
    }

    /// All tokens and their ids, by id: a new dict.
    #[getter]
    fn vocabulary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let vocabulary = PyDict::new(py);
        for (id, token) in self.0.tokens().enumerate() {
            vocabulary.set_item(token, id)?;
        }
        Ok(vocabulary)
    }

    /// How many tokens there are, the special ones included.
    #[getter]
    fn vocab_size(&self) -> usize {
        self.0.tokens().len()
    }

    /// The special tokens and their ids: a new dict.
    #[getter]
    fn special_tokens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let special = PyDict::new(py);
        for (token, id) in self.0.special_tokens() {
            special.set_item(token, id)?;
        }
        Ok(special)
    }

    /// Writes a `tokenizer.json` that Hugging Face's `tokenizers` reads too; an existing file is replaced at once.
    ///
    /// There, text that looks like a special token is one, unless `encode_special_tokens` is set.
    ///
    /// Raises:
    ///     OSError: If the file cannot be written.
    ///
    /// Example:
    ///     >>> import bytestride as bs, pathlib, tempfile
    ///     >>> words = bs.WordTokenizer.train("a b")
    ///     >>> with tempfile.TemporaryDirectory() as folder:
    ///     ...     words.save(pathlib.Path(folder) / "tokenizer.json")
    ///     ...     bs.WordTokenizer.load(pathlib.Path(folder) / "tokenizer.json") == words
    ///     True
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 makes of a path")]
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.0.save(&path)).into_python()
    }

    /// The tokenizer of a `tokenizer.json` that `save` wrote.
    ///
    /// Raises:
    ///     OSError: If the file cannot be read.
    ///     ValueError: If it is malformed, or of a tokenizer that does anything else than this one.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 makes of a path")]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| CoreWordTokenizer::load(&path)).into_python().map(Self)
    }

    #[classmethod]
    fn _from_json(_: &Bound<'_, PyType>, json: &Bound<'_, PyBytes>) -> PyResult<Self> {
        CoreWordTokenizer::from_json(json.as_bytes(), Path::new("pickle")).into_python().map(Self)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let json = PyBytes::new(slf.py(), slf.get().0.to_json().as_bytes());
        Ok((slf.get_type().getattr("_from_json")?, (json,)))
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.tokens().for_each(|token| token.hash(&mut hasher));
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        let special = self.0.special_tokens().len();
        format!("WordTokenizer({} words, {special} special tokens)", self.vocab_size() - special)
    }
}

/// Adds the words of a text, or of the file at a path.
fn add_source(words: &mut Words, source: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = source.py();
    if let Ok(text) = source.cast::<PyString>() {
        let text = text_str(text)?;
        py.detach(|| words.add_text(&text));
        return Ok(());
    }
    if !source.hasattr("__fspath__")? {
        return Err(not_a_source(source));
    }
    let path: PathBuf = source.extract()?;
    run_watched(py, None, |monitor: &Monitor| words.add_file(&path, monitor))
}

fn not_a_source(source: &Bound<'_, PyAny>) -> PyErr {
    let kind = type_name(source);
    PyTypeError::new_err(format!(
        "text_or_files: expected a str, a pathlib.Path, or a list of them, not {kind}"
    ))
}
