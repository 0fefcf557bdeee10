//! The vocabulary of a `Tokenizer`, and what it says of itself.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::Tokenizer;
use crate::arguments::{clamped, optional_size};
use crate::errors::IntoPython;
use crate::text::text_bytes;

#[pymethods]
impl Tokenizer {
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
    pub(super) fn pattern(&self) -> Option<&str> {
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
    pub(super) fn fingerprint(&self, py: Python<'_>) -> &str {
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

    fn __len__(&self) -> usize {
        self.inner.vocab_size()
    }

    fn __getitem__(&self, token: &Bound<'_, PyAny>) -> PyResult<u32> {
        self.id_of(token)
    }

    fn __contains__(&self, token: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.inner.id_of(&text_bytes("token", token)?).is_some())
    }
}
