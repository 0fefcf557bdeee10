//! The class `Tokenizer`: made, kept in files, compared and copied; its other methods stand in the modules below.

pub(crate) mod arguments;
mod decoding;
mod encoding;
mod files;
mod vocabulary;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytestride_core::encode;
use bytestride_core::encode::files::{BUNDLED, LoadOptions};
use bytestride_core::split::Pattern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use crate::errors::IntoPython;
use crate::named;

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
