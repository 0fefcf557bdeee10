//! The class `Tokenizer`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytestride_core::encode::files::{BUNDLED, LoadOptions};
use bytestride_core::encode::{self, DocumentOptions, char_spans};
use bytestride_core::split::Pattern;
use bytestride_core::text::TextFile;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyType};

use crate::arguments::{clamped, optional_size, thread_count};
use crate::errors::{IntoPython, placed};
use crate::file_counts::{self, FileCount};
use crate::ragged::Ragged;
use crate::reading::{Reading, ReadingArguments};
use crate::store::{self, FileArguments, TokenStore};
use crate::stream::StreamDecoder;
use crate::text::{text_bytes, text_objects};
use crate::tokenizer_arguments::{
    decoded_text, detached, kept, positions, text_and_spans, texts_and_spans, threads_for,
};
use crate::watch::run_watched;
use crate::{ids, named};

/// `uint32[n]` and `int64[n, 2]`.
type IdsAndSpans<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray2<i64>>);

/// What makes a pickled tokenizer again: a function, and its file and pattern.
type Remade<'t, 'py> = (Bound<'py, PyAny>, (Bound<'py, PyBytes>, Option<&'t str>));

/// BPE tokenizer: text to token ids and back.
///
/// Immutable: safe from any thread, after a fork, and as a key; copies are the same object, and pickling carries the
/// whole vocabulary. Made by `train` and `load`.
///
/// Example:
///     >>> import bytestride as bs
///     >>> tok = bs.train([b"low lower lowest"] * 2, 260, pattern="gpt2")
///     >>> tok
///     <bytestride.Tokenizer: 260 tokens, pattern gpt2>
///     >>> tok.decode(tok.encode("lower"))
///     'lower'
#[pyclass(frozen, module = "bytestride")]
pub(crate) struct Tokenizer {
    pub(crate) inner: Arc<encode::Tokenizer>,
}

impl From<encode::Tokenizer> for Tokenizer {
    fn from(tokenizer: encode::Tokenizer) -> Self {
        Self { inner: Arc::new(tokenizer) }
    }
}

/// The names of the encodings that come with the package, for `Tokenizer.load`.
///
/// Example:
///     >>> import bytestride as bs
///     >>> bs.bundled()
///     ['gpt2', 'r50k_base', 'p50k_base', 'p50k_edit', 'cl100k_base', 'o200k_base', 'o200k_harmony']
#[pyfunction]
pub(crate) fn bundled() -> Vec<&'static str> {
    BUNDLED.to_vec()
}

#[pymethods]
impl Tokenizer {
    /// The tokenizer of a name, or in a file.
    ///
    /// `"gpt2"`, `"cl100k_base"`, `"o200k_base"` and the other names in `bundled()` need no file and no network; to
    /// load a file or folder of such a name, write `"./gpt2"`.
    ///
    /// A Hugging Face `tokenizer.json` whose model is BPE says all about itself; what bytestride does not support is
    /// refused by name. All its added tokens are special tokens here; those that are not marked so are found in any text,
    /// as the file wants it, unless `special=` is a set of names. So do Mistral's `tekken.json`, a SentencePiece `.model` of
    /// BPE, and a folder with one of these. A folder may also hold `vocab.json` and `merges.txt`, split as GPT-2 unless
    /// `pattern` says otherwise. A `.tiktoken` file holds ranks
    /// only: for the published ones (`cl100k_base`, `o200k_base`, `r50k_base`, `llama3`, `qwen2`, recognised by name
    /// and size) pattern and special tokens are known, for others give them.
    ///
    /// Args:
    ///     path: The name, the file or the folder.
    ///     pattern: For a `.tiktoken` file or `merges.txt`: how text is split, by name or as a regular expression, as in
    ///         `count_words`.
    ///     special_tokens: For these files: ids of the special tokens by name. With a bundled name: those to have in place
    ///         of its own.
    ///
    /// Raises:
    ///     OSError: The file cannot be read.
    ///     ValueError: It is malformed or not supported, with the line or part; or a pattern is missing, is not known, or
    ///         is given where the file or name has its own.
    ///
    /// Example:
    ///     >>> import bytestride as bs, tempfile, pathlib
    ///     >>> path = pathlib.Path(tempfile.mkdtemp()) / "tokenizer.json"
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 260)
    ///     >>> tok.save(path)
    ///     >>> bs.Tokenizer.load(path) == tok
    ///     True
    #[classmethod]
    #[pyo3(signature = (path, *, pattern=None, special_tokens=None))]
    fn load(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        path: PathBuf,
        #[pyo3(from_py_with = named::file_pattern)] pattern: Option<Pattern>,
        #[pyo3(from_py_with = named::special_ids)] special_tokens: Option<Vec<(String, u32)>>,
    ) -> PyResult<Self> {
        let options = LoadOptions { pattern, special_tokens };
        let tokenizer = py.detach(|| encode::Tokenizer::load(&path, &options)).into_python()?;
        Ok(tokenizer.into())
    }

    /// The tokenizer that a SentencePiece model given as bytes holds; what pickling uses.
    #[staticmethod]
    #[pyo3(signature = (model, _pattern=None))]
    fn _from_sentencepiece(py: Python<'_>, model: &[u8], _pattern: Option<&str>) -> PyResult<Self> {
        let tokenizer =
            py.detach(|| encode::Tokenizer::from_sentencepiece(model, Path::new("tokenizer.model")));
        Ok(tokenizer.into_python()?.into())
    }

    /// The tokenizer that a `tokenizer.json` given as bytes holds; what pickling uses.
    #[staticmethod]
    #[pyo3(signature = (json, pattern=None, path=None))]
    fn _from_json(
        py: Python<'_>,
        json: &[u8],
        pattern: Option<&str>,
        path: Option<PathBuf>,
    ) -> PyResult<Self> {
        let pattern = pattern.map(|text| Pattern::new(Some(text)));
        // What errors call it.
        let path = path.unwrap_or_else(|| PathBuf::from("tokenizer.json"));
        let tokenizer = py.detach(|| encode::Tokenizer::from_json_with(json, &path, pattern.as_ref()));
        Ok(tokenizer.into_python()?.into())
    }

    /// The tokenizer of the lines of a `.tiktoken` file; what `bytestride.compat.tiktoken` makes its own of.
    #[staticmethod]
    fn _from_ranks(
        py: Python<'_>,
        lines: &[u8],
        pattern: &str,
        #[pyo3(from_py_with = named::special_ids)] special_tokens: Option<Vec<(String, u32)>>,
    ) -> PyResult<Self> {
        let options = LoadOptions { pattern: Some(Pattern::new(Some(pattern))), special_tokens };
        let tokenizer = py.detach(|| encode::Tokenizer::from_ranks(lines, Path::new("ranks"), &options));
        Ok(tokenizer.into_python()?.into())
    }

    /// Writes the tokenizer to a file: `tokenizer.json`, or `.tiktoken` if the name ends so.
    ///
    /// Into a folder that is there it writes `vocab.json` and `merges.txt`, if the pattern is `"gpt2"`, for which these
    /// files stand. What was read from a SentencePiece `.model` is written as one.
    ///
    /// Hugging Face reads the JSON file and gives the same ids; of several names for one id it knows only the first of
    /// ours. A `.tiktoken` file holds neither pattern nor special tokens. The file appears under its name when it is
    /// whole.
    ///
    /// Raises:
    ///     OSError: The file cannot be written.
    ///     ValueError: The format cannot hold this tokenizer.
    ///
    /// Example:
    ///     >>> import bytestride as bs, tempfile, pathlib
    ///     >>> path = pathlib.Path(tempfile.mkdtemp()) / "small.tiktoken"
    ///     >>> bs.train([b"low lower lowest"] * 2, 260).save(path)
    ///     >>> len(path.read_text().splitlines())
    ///     260
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.inner.save(&path)).into_python()
    }

    /// How many tokens there are: the 256 bytes, the merges' tokens and the special tokens.
    #[getter]
    fn vocab_size(&self) -> usize {
        self.inner.vocab_size()
    }

    /// The largest id; one less than `vocab_size` unless ids have gaps.
    #[getter]
    fn max_id(&self) -> u32 {
        self.inner.max_id()
    }

    /// Ids of all tokens by their bytes, as a new dict.
    ///
    /// The ordinary ones come first, in the order of the ids, then the special ones by their names.
    #[getter]
    fn vocabulary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let ids = PyDict::new(py);
        let is_special = |&(id, _): &(u32, &[u8])| self.inner.is_special(id);
        for (id, token) in self.inner.vocabulary().filter(|token| !is_special(token)) {
            ids.set_item(PyBytes::new(py, token), id)?;
        }
        // Where a special token is spelled like an ordinary one, `id_of` finds the ordinary one, and so does the dict.
        for (id, token) in self.inner.vocabulary().filter(is_special) {
            ids.set_default(PyBytes::new(py, token), id)?;
        }
        Ok(ids)
    }

    /// Ids of the special tokens by name, as a new dict.
    #[getter]
    fn special_tokens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let names = PyDict::new(py);
        for (name, id) in self.inner.special_tokens() {
            names.set_item(name, id)?;
        }
        Ok(names)
    }

    /// How text is split before bytes merge: a name, a regular expression, or `None` for no split.
    #[getter]
    fn pattern(&self) -> Option<&str> {
        self.inner.splitter().pattern().text()
    }

    /// The regular expressions that split text in turn, also where `pattern` is a name; none for no split. A new list.
    #[getter]
    fn expressions(&self) -> Vec<&str> {
        self.inner.splitter().pattern().expressions()
    }

    /// The merges in the order learned, each as the bytes of its two parts; a new list.
    #[getter]
    fn merges<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let bytes = |id| PyBytes::new(py, self.inner.bytes_of(id).unwrap_or_default());
        self.inner.merges().iter().map(|merge| (bytes(merge.left), bytes(merge.right))).collect()
    }

    /// A hash of all that decides about ids, in 32 hexadecimal digits.
    ///
    /// It is XXH3-128, which tells versions apart and is no proof against forgery.
    #[getter]
    fn fingerprint(&self, py: Python<'_>) -> &str {
        py.detach(|| self.inner.fingerprint())
    }

    /// The id of a token, given as `bytes` or `str`; special tokens go by their names. `tok["the"]` is the same.
    ///
    /// Raises:
    ///     KeyError: There is no such token; says what it encodes to instead.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"aaaa"], 257, pattern=None)
    ///     >>> tok.id_of(b"aa"), tok["aa"], "aaa" in tok
    ///     (256, 256, False)
    fn id_of(&self, token: &Bound<'_, PyAny>) -> PyResult<u32> {
        let bytes = text_bytes("token", token)?;
        self.inner.id_of(&bytes).ok_or_else(|| self.no_token(token, &bytes)).into_python()
    }

    /// The bytes of a token; of a special token those of its name.
    ///
    /// Raises:
    ///     KeyError: There is no token with this id.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> bs.train([b"aaaa"], 257, pattern=None).bytes_of(256)
    ///     b'aa'
    fn bytes_of<'py>(&self, py: Python<'py>, id: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let known = u32::try_from(clamped("id", id)?).ok();
        let bytes = known.and_then(|known| self.inner.bytes_of(known));
        Ok(PyBytes::new(py, bytes.ok_or_else(|| self.inner.unknown_id(id, None)).into_python()?))
    }

    /// The text of tokens as files write them.
    fn _decode_written(&self, tokens: Vec<String>) -> PyResult<String> {
        self.inner.decode_written(tokens).into_python()
    }

    /// A token as files write it, or `None`; what `bytestride.compat.transformers` calls a token.
    fn _written(&self, id: u32) -> Option<String> {
        self.inner.written(id)
    }

    /// Whether an id is that of a special token with the mark of being special, and not just of an added one.
    fn _is_marked(&self, id: u32) -> bool {
        self.inner.is_marked(id)
    }

    /// The tokenizer that training would have given for a smaller `vocab_size`.
    ///
    /// The first merges stay as they are; special tokens move down to follow them.
    ///
    /// Raises:
    ///     ValueError: `vocab_size` is below 256 and the special tokens, or above that of this tokenizer; or the ids
    ///         are not in the order of a training.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> bs.train([b"low lower lowest"] * 2, 262).truncated(258).vocab_size
    ///     258
    fn truncated(&self, py: Python<'_>, vocab_size: &Bound<'_, PyAny>) -> PyResult<Self> {
        let vocab_size = optional_size("vocab_size", Some(vocab_size))?.unwrap_or_default();
        Ok(py.detach(|| self.inner.truncated(vocab_size)).into_python()?.into())
    }

    /// The same tokenizer for pretokens: it neither splits text nor knows special tokens.
    fn _for_pretokens(&self, py: Python<'_>) -> PyResult<Self> {
        Ok(py.detach(|| self.inner.for_pretokens()).into_python()?.into())
    }

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

    /// The token ids of a plain text file's documents, in memory: a `Ragged` of `ids` and `offsets`.
    ///
    /// The file is mapped, not read into memory, and all threads encode it at once, so this is the fastest way from a
    /// file to ids. What is more than memory holds, compressed or JSON lines, goes through `encode_files`. The names of
    /// special tokens are text. Another program that cuts the file short meanwhile ends this one.
    ///
    /// Args:
    ///     path: The file.
    ///     separator: The text between two documents, as `str` or `bytes`; `None`: the whole file is one.
    ///     bos: As for `encode`, before each document.
    ///     eos: As for `encode`, after each document.
    ///     threads: How many threads to use; `None` for all that the process may. The ids are the same for any number.
    ///     progress: Called as `progress(phase, done, total)` with bytes, from time to time.
    ///
    /// Raises:
    ///     FileNotFoundError: There is no such file.
    ///     ValueError: The name says that it is no plain text, or an argument is out of range.
    ///
    /// Example:
    ///     >>> import bytestride as bs, pathlib, tempfile
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 259)
    ///     >>> path = pathlib.Path(tempfile.mkdtemp()) / "text.txt"
    ///     >>> path.write_text("low;lowest")
    ///     10
    ///     >>> tok.encode_file(path, separator=";").offsets
    ///     array([0, 1, 5])
    #[pyo3(signature = (path, *, separator=None, bos=None, eos=None, threads=None, progress=None))]
    #[pyo3(
        text_signature = "(self, path, *, separator=None, bos=False, eos=False, threads=None, progress=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "options belong to the call")]
    fn encode_file(
        &self,
        py: Python<'_>,
        path: PathBuf,
        #[pyo3(from_py_with = named::separator)] separator: Option<Vec<u8>>,
        bos: Option<&Bound<'_, PyAny>>,
        eos: Option<&Bound<'_, PyAny>>,
        threads: Option<&Bound<'_, PyAny>>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Ragged> {
        let options = DocumentOptions {
            separator: separator.as_deref(),
            bos: self.end_id("bos", bos, self.inner.bos())?,
            eos: self.end_id("eos", eos, self.inner.eos())?,
        };
        let threads = thread_count(threads)?;
        let ragged = run_watched(py, progress, |monitor| {
            let file = TextFile::open(&path)?;
            self.inner.encode_documents(file.bytes(), &options, threads, monitor)
        })?;
        Ragged::from_core(py, ragged, None)
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

    /// Counts the documents and tokens of files, without keeping or writing any ids.
    ///
    /// Gives a list with a `FileCount` for each file, in order.
    /// The files are read as by `encode_files`, and the counts are those of the store that it makes, without BOS and
    /// EOS. Memory is bounded by `max_memory` whatever the files' sizes are.
    ///
    /// Args:
    ///     inputs: Paths, globs, folders, `"-"`, as for `encode_files`.
    ///     format: As for `encode_files`.
    ///     text_field: As for `encode_files`.
    ///     separator: As for `encode_files`.
    ///     suffixes: As for `encode_files`.
    ///     threads: How many threads count; `None` for all that the process may use.
    ///     max_memory: As for `encode_files`.
    ///     on_error: `"raise"`, or `"skip"`: what `encode_files` would leave out is left out, and `skipped` tells how much.
    ///     progress: Called as `progress(phase, done, total)` some twenty times a second with `"counting"`, and bytes of
    ///         input; `total` is `None` for a pipe.
    ///
    /// Raises:
    ///     OSError: A file cannot be read, or is missing (`FileNotFoundError`).
    ///     ValueError: A file is malformed, with its line or byte; an argument is out of range; or a document does not fit in
    ///         `max_memory`.
    ///
    /// Example:
    ///     >>> import bytestride as bs, pathlib, tempfile
    ///     >>> folder = pathlib.Path(tempfile.mkdtemp())
    ///     >>> _ = (folder / "a.txt").write_text("low lower"), (folder / "b.jsonl").write_text('{"text": "lowest"}')
    ///     >>> counts = bs.train([b"low lower lowest"] * 2, 260).count_files(folder)
    ///     >>> [(count.documents, count.tokens) for count in counts]
    ///     [(1, 3), (1, 4)]
    #[pyo3(signature = (
        inputs, *, format="auto", text_field="text".to_owned(), separator=None, suffixes=None, threads=None,
        max_memory=None, on_error="raise", progress=None
    ), text_signature = "(self, inputs, *, format='auto', text_field='text', separator=None, suffixes=None, \
        threads=None, max_memory=None, on_error='raise', progress=None)")]
    #[expect(clippy::too_many_arguments, reason = "options belong to the call")]
    fn count_files(
        &self,
        py: Python<'_>,
        inputs: &Bound<'_, PyAny>,
        format: &str,
        text_field: String,
        #[pyo3(from_py_with = named::separator)] separator: Option<Vec<u8>>,
        #[pyo3(from_py_with = named::suffixes)] suffixes: Option<Vec<String>>,
        threads: Option<&Bound<'_, PyAny>>,
        max_memory: Option<&Bound<'_, PyAny>>,
        on_error: &str,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<FileCount>> {
        let reading = Reading::new(ReadingArguments {
            inputs,
            format,
            text_field,
            separator,
            suffixes,
            threads,
            max_memory,
            on_error,
        })?;
        file_counts::count(py, &self.inner, reading, progress)
    }

    /// Encodes files into a token store on disk and opens it.
    ///
    /// Writes `prefix.bin` (raw little-endian ids, document after document), `prefix.idx` (Megatron's index) and
    /// `prefix.json` (what they hold, with checksums); beside them the tokenizer, as `prefix.tokenizer.json`. The files
    /// appear when all is written, in place of an older store of that prefix; until then nothing changes. They are the
    /// same for any `threads` and `max_memory`, and however often the work was interrupted: after an error, Ctrl-C or
    /// worse, the same call goes on where the last one stopped (see `resume`).
    ///
    /// Text is taken byte for byte. A text file is one document, or with a separator several; an empty one has none. In
    /// JSON lines each line is one, in tables each row. The names of special tokens in the text are text.
    ///
    /// Several processes or machines share the work when each makes the same call with a `rank` of its own: they write
    /// the shards `prefix-00000-of-00008` and so on, which `TokenStore.open(prefix)` opens as one store and `merge`
    /// makes one. Each names its job (options, paths and sizes of all inputs), and shards of different jobs are refused
    /// there. A whole store and shards of the same prefix do not stand beside each other.
    ///
    /// Args:
    ///     inputs: A path, a glob, a folder (all its files of text, see `suffixes`, but for hidden ones and those behind links
    ///         to other folders), `"-"` for standard input, or an iterable of these. Files that end in `.gz` or `.zst` are
    ///         decompressed.
    ///     prefix: What the names of the files begin with.
    ///     format: `"text"`, `"jsonl"`, `"parquet"` (needs pyarrow), or `"auto"`: `.jsonl` and `.ndjson` are JSON lines,
    ///         `.parquet` tables, others text; what is clearly neither, as `.json`, is an error.
    ///     text_field: The field, or column, that holds the document, in JSON lines and tables.
    ///     separator: What stands between the documents of a text file, as `str` or `bytes`.
    ///     suffixes: The ends of the names of the files that a folder stands for, with `.gz` and `.zst` besides; `None`
    ///         for `.txt`, `.text`, `.md`, `.rst`, `.jsonl`, `.ndjson`, `.parquet`.
    ///     bos: Whether to put the tokenizer's own BOS id before each document, or the name of a special token to put
    ///         there.
    ///     eos: The same for the end.
    ///     dtype: `"uint16"`, `"uint32"`, or `"auto"`: the smaller one if it holds all ids of the tokenizer.
    ///     threads: How many threads encode; `None` for all that the process may use.
    ///     max_memory: How much memory text and ids may take while they pass, in bytes or as `"512MB"`; `None` for 2 GB.
    ///         A document that cannot be cut must fit in a 24th of it.
    ///     on_error: `"raise"`, or `"skip"`: lines that are broken or lack the field, rows without text, and files that
    ///         cannot be read, from where that begins, are left out, counted, and listed in `store.skipped`.
    ///     resume: Whether to go on with what an interrupted call left, if inputs and options are the same, and to leave
    ///         something for the next one (files that end in `.partial`). `False` starts anew and leaves nothing.
    ///     rank: Which of `world_size` processes this is, from 0. Each reads neighbouring inputs of about the same size.
    ///     world_size: How many processes share the inputs, file by file.
    ///     progress: Called as `progress(phase, done, total)` some twenty times a second with `"encoding"`, and bytes of
    ///         input; `total` is `None` for a pipe.
    ///
    /// Raises:
    ///     OSError: A file cannot be read or written, or is missing (`FileNotFoundError`).
    ///     ValueError: A file is malformed, with its line or byte; there is no text; an argument is out of range; a
    ///         document does not fit in `max_memory`; files stand at `prefix` that are no store; or `prefix` names a
    ///         folder, shards of another number, or a whole store where shards are to be written, or the reverse.
    ///     KeyError: A name is no special token.
    ///
    /// Example:
    ///     >>> import bytestride as bs, pathlib, tempfile
    ///     >>> folder = pathlib.Path(tempfile.mkdtemp())
    ///     >>> _ = (folder / "text.txt").write_text("low;lower;lowest")
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 260, pattern="gpt2", special_tokens=["<|end|>"])
    ///     >>> store = tok.encode_files(folder / "text.txt", folder / "corpus", separator=";", eos="<|end|>")
    ///     >>> len(store), tok.decode(store[2])
    ///     (3, 'lowest<|end|>')
    #[pyo3(signature = (
        inputs, prefix, *, format="auto", text_field="text".to_owned(), separator=None, suffixes=None, bos=None,
        eos=None, dtype=None, threads=None, max_memory=None, on_error="raise", resume=true, rank=None,
        world_size=None, progress=None
    ), text_signature = "(self, inputs, prefix, *, format='auto', text_field='text', separator=None, suffixes=None, \
        bos=False, eos=False, dtype='auto', threads=None, max_memory=None, on_error='raise', resume=True, rank=0, \
        world_size=1, progress=None)")]
    #[expect(clippy::too_many_arguments, reason = "options belong to the call")]
    fn encode_files(
        &self,
        py: Python<'_>,
        inputs: &Bound<'_, PyAny>,
        prefix: PathBuf,
        format: &str,
        text_field: String,
        #[pyo3(from_py_with = named::separator)] separator: Option<Vec<u8>>,
        #[pyo3(from_py_with = named::suffixes)] suffixes: Option<Vec<String>>,
        bos: Option<&Bound<'_, PyAny>>,
        eos: Option<&Bound<'_, PyAny>>,
        dtype: Option<&Bound<'_, PyAny>>,
        threads: Option<&Bound<'_, PyAny>>,
        max_memory: Option<&Bound<'_, PyAny>>,
        on_error: &str,
        resume: bool,
        rank: Option<&Bound<'_, PyAny>>,
        world_size: Option<&Bound<'_, PyAny>>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<TokenStore> {
        let bos = self.end_id("bos", bos, self.inner.bos())?;
        let eos = self.end_id("eos", eos, self.inner.eos())?;
        let reading = Reading::new(ReadingArguments {
            inputs,
            format,
            text_field,
            separator,
            suffixes,
            threads,
            max_memory,
            on_error,
        })?;
        let arguments = FileArguments { reading, prefix, bos, eos, dtype, resume, rank, world_size };
        store::encode_files(py, &self.inner, arguments, progress)
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

    /// The text of token ids, as a `str`.
    ///
    /// Args:
    ///     ids: An integer array `[n]` or any iterable of integers.
    ///     errors: What to do with bytes that are not UTF-8, as in `bytes.decode`: `"replace"` makes them U+FFFD,
    ///         `"strict"` raises, `"ignore"` leaves them out.
    ///
    /// Raises:
    ///     KeyError: An id is no token; names it and its position.
    ///     UnicodeDecodeError: `errors="strict"` and the bytes are not UTF-8.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 260)
    ///     >>> tok.decode(tok.encode("slow"))
    ///     'slow'
    #[pyo3(signature = (ids, errors="replace"))]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        ids: &Bound<'py, PyAny>,
        errors: &str,
    ) -> PyResult<Bound<'py, PyString>> {
        decoded_text(py, self.bytes_of_ids(py, ids)?, errors)
    }

    /// The bytes of token ids, exactly: `decode_bytes(encode(x)) == x` for any bytes `x`.
    ///
    /// Args:
    ///     ids: An integer array `[n]` or any iterable of integers.
    ///
    /// Raises:
    ///     KeyError: An id is no token; names it and its position.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 260)
    ///     >>> tok.decode_bytes(tok.encode(b"low\xff"))
    ///     b'low\xff'
    fn decode_bytes<'py>(&self, py: Python<'py>, ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.bytes_of_ids(py, ids)?))
    }

    /// The texts of many sequences of token ids, as a list of `str`.
    ///
    /// Args:
    ///     batch: A `Ragged`, or any iterable of what `decode` takes.
    ///     errors: As for `decode`.
    ///
    /// Raises:
    ///     KeyError: As for `decode`.
    ///     UnicodeDecodeError: As for `decode`.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 260)
    ///     >>> tok.decode_batch(tok.encode_batch(["low", "lowest"]))
    ///     ['low', 'lowest']
    #[pyo3(signature = (batch, errors="replace"))]
    fn decode_batch<'py>(
        &self,
        py: Python<'py>,
        batch: &Bound<'py, PyAny>,
        errors: &str,
    ) -> PyResult<Vec<Bound<'py, PyString>>> {
        let batch = named::items("batch", "a Ragged or an iterable of ids", batch)?;
        let texts = batch.enumerate().map(|(number, ids)| {
            let place = |error| placed(py, error, format_args!("sequence {number}"));
            decoded_text(py, self.bytes_of_ids(py, &ids?).map_err(place)?, errors)
        });
        texts.collect()
    }

    /// A new `StreamDecoder`, which makes text of ids that come one at a time.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> stream = bs.train([b"low lower lowest"] * 2, 260).stream_decoder()
    ///     >>> [stream.push(id) for id in [257, 68]], stream.finish()
    ///     (['low', 'e'], '')
    fn stream_decoder(&self) -> StreamDecoder {
        StreamDecoder::new(Arc::clone(&self.inner))
    }

    fn __len__(&self) -> usize {
        self.inner.vocab_size()
    }

    fn __getitem__(&self, token: &Bound<'_, PyAny>) -> PyResult<u32> {
        self.id_of(token)
    }

    fn __contains__(&self, token: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.inner.id_of(&text_bytes("token", token)?).is_some())
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> bool {
        let Ok(other) = other.cast::<Tokenizer>() else { return false };
        let (this, other) = (&self.inner, &other.get().inner);
        Arc::ptr_eq(this, other) || py.detach(|| this.fingerprint() == other.fingerprint())
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        let digits = &self.fingerprint(py)[..16];
        u64::from_str_radix(digits, 16).expect("a fingerprint is hexadecimal")
    }

    fn __repr__(&self) -> String {
        let pattern = match self.pattern() {
            Some(pattern) => format!("pattern {pattern}"),
            None => "no pattern".to_owned(),
        };
        let specials = match self.inner.special_tokens().len() {
            0 => String::new(),
            count => format!(", {count} special"),
        };
        format!("<bytestride.Tokenizer: {} tokens{specials}, {pattern}>", self.inner.vocab_size())
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Remade<'_, 'py>> {
        if let Some(model) = self.inner.sentencepiece() {
            let make = py.get_type::<Tokenizer>().getattr("_from_sentencepiece")?;
            return Ok((make, (PyBytes::new(py, model), None)));
        }
        let json = py.detach(|| self.inner.to_json());
        let make = py.get_type::<Tokenizer>().getattr("_from_json")?;
        Ok((make, (PyBytes::new(py, &json), self.pattern())))
    }
}
