//! The class `WordCounts`.

use std::sync::Arc;

use bytestride_core::count::WordCounts as Counts;
use bytestride_core::split::Pattern;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyType};

use crate::arguments::{optional_size, unsigned};
use crate::errors::IntoPython;
use crate::named;
use crate::sources::default_pattern;
use crate::text::text_bytes;

/// Distinct pretokens and how often each occurs: all that training needs to know of a text.
///
/// Words are `bytes`; where one is asked for, a `str` stands for its UTF-8. They stand in the order of their bytes, so
/// equal counts are equal however they came about. Immutable, picklable, safe from any thread.
///
/// Args:
///     words: a mapping from words to counts, or pairs of them; equal words add up, and counts of 0 are left out.
///     pattern: the pattern that cut them, as in `train`.
///
/// Raises:
///     ValueError: a count is negative or beyond 64 bits, all together are, or a word is empty; or `words` are
///         `WordCounts` that another pattern cut.
///
/// Example:
///     >>> from bytestride import WordCounts
///     >>> counts = WordCounts({"low": 5, "lower": 2}, pattern="gpt2")
///     >>> counts["low"], len(counts), counts.total
///     (5, 2, 7)
#[pyclass(frozen, module = "bytestride")]
pub(crate) struct WordCounts(Arc<Counts>);

impl From<Counts> for WordCounts {
    fn from(counts: Counts) -> Self {
        Self(Arc::new(counts))
    }
}

impl WordCounts {
    /// The counts themselves.
    pub(crate) fn core(&self) -> Arc<Counts> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl WordCounts {
    #[new]
    #[pyo3(signature = (words=None, pattern=default_pattern()), text_signature = "(words=None, pattern='cl100k')")]
    fn new(
        words: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = named::pattern)] pattern: Pattern,
    ) -> PyResult<Self> {
        let mut owned = Vec::new();
        if let Some(words) = words {
            if let Ok(counts) = words.cast::<Self>()
                && *counts.get().0.pattern() != pattern
            {
                let [own, other] =
                    [counts.get().0.pattern(), &pattern].map(|one| one.text().unwrap_or("None"));
                let message = format!("pattern: expected {own}, which cut these words, not {other}");
                return Err(PyValueError::new_err(message));
            }
            let pairs = if words.hasattr("items")? { words.call_method0("items")? } else { words.clone() };
            let expected = "a mapping from words to counts, or pairs of them";
            for pair in named::items("words", expected, &pairs)? {
                let pair = pair?;
                let (word, count): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
                    pair.extract().map_err(|_| named::unexpected("words", expected, &pair))?;
                let count = count.extract().map_err(|_| {
                    PyValueError::new_err(format!(
                        "words: a word counts {count}, expected an integer of 64 bits"
                    ))
                })?;
                owned.push((text_bytes("words", &word)?.into_owned(), count));
            }
        }
        let words = owned.iter().map(|(word, count)| (&**word, *count));
        Ok(Counts::from_words(pattern, words).into_python()?.into())
    }

    /// The pattern that cut the words: a name, a regular expression, or `None` for none.
    #[getter]
    fn pattern(&self) -> Option<&str> {
        self.0.pattern().text()
    }

    /// How many words there are, each as often as it occurs.
    #[getter]
    fn total(&self) -> u64 {
        self.0.total()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __getitem__(&self, word: &Bound<'_, PyAny>) -> PyResult<u64> {
        let found = self.0.get(&text_bytes("word", word)?);
        found.ok_or_else(|| PyKeyError::new_err(word.clone().unbind()))
    }

    fn __contains__(&self, word: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.0.get(&text_bytes("word", word)?).is_some())
    }

    /// All words, in the order of their bytes.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let words = PyList::new(py, self.0.iter().map(|(word, _)| PyBytes::new(py, word)))?;
        Ok(words.try_iter()?.into_any())
    }

    /// All words with their counts, in the order of their bytes: a new list of `(bytes, int)`.
    ///
    /// Example:
    ///     >>> from bytestride import WordCounts
    ///     >>> WordCounts({"b": 1, "a": 2}).items()
    ///     [(b'a', 2), (b'b', 1)]
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        pairs(py, self.0.iter())
    }

    /// The `n` most frequent words with their counts, most frequent first.
    ///
    /// A new list of `(bytes, int)`, of all words for `None`. Words that occur equally often stand in the order of their bytes.
    ///
    /// Raises:
    ///     ValueError: `n` is negative.
    ///
    /// Example:
    ///     >>> from bytestride import WordCounts
    ///     >>> WordCounts({"a": 2, "b": 9, "c": 2}).most_common(2)
    ///     [(b'b', 9), (b'a', 2)]
    #[pyo3(signature = (n=None))]
    fn most_common<'py>(
        &self,
        py: Python<'py>,
        n: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let n = optional_size("n", n)?.unwrap_or(usize::MAX);
        pairs(py, self.0.most_common(n).into_iter())
    }

    /// New counts, in which every word counts `weight` times as much, rounded to the nearest integer (halves up).
    ///
    /// Words that come to 0 are left out. This is how sources get weights: `news.scaled(2) + web.scaled(0.5)`.
    ///
    /// Raises:
    ///     ValueError: `weight` is negative or not finite, or the counts add up to 2**64 or more.
    ///
    /// Example:
    ///     >>> from bytestride import WordCounts
    ///     >>> WordCounts({"a": 1, "b": 4}).scaled(2.5).items()
    ///     [(b'a', 3), (b'b', 10)]
    fn scaled(&self, py: Python<'_>, weight: f64) -> PyResult<Self> {
        Ok(py.detach(|| self.0.scaled(weight)).into_python()?.into())
    }

    /// New counts, of the words that occur at least `min_count` times.
    ///
    /// Rare words are most of the words and little of the text: without them training takes less memory, and merges
    /// hardly change.
    ///
    /// Example:
    ///     >>> from bytestride import WordCounts
    ///     >>> WordCounts({"a": 1, "b": 4}).pruned(2).items()
    ///     [(b'b', 4)]
    fn pruned(&self, py: Python<'_>, min_count: &Bound<'_, PyAny>) -> PyResult<Self> {
        let min_count = unsigned("min_count", min_count)?;
        Ok(py.detach(|| self.0.pruned(min_count)).into())
    }

    /// Writes the counts to the file `path`, which holds either what it held before or all of them.
    ///
    /// Equal counts make equal files.
    ///
    /// Raises:
    ///     OSError: the file cannot be written.
    ///
    /// Example:
    ///     >>> import tempfile, pathlib
    ///     >>> from bytestride import WordCounts
    ///     >>> path = pathlib.Path(tempfile.mkdtemp()) / "shard.counts"
    ///     >>> WordCounts({"a": 1}).save(path)
    ///     >>> WordCounts.load(path)["a"]
    ///     1
    fn save(&self, py: Python<'_>, path: std::path::PathBuf) -> PyResult<()> {
        py.detach(|| self.0.save(&path)).into_python()
    }

    /// The counts in the file `path`, every byte of which is checked.
    ///
    /// Raises:
    ///     OSError: the file cannot be read.
    ///     ValueError: it is not a file of counts, or damaged.
    ///
    /// Example:
    ///     >>> import tempfile, pathlib
    ///     >>> from bytestride import WordCounts
    ///     >>> path = pathlib.Path(tempfile.mkdtemp()) / "shard.counts"
    ///     >>> WordCounts({"a": 1}, "gpt2").save(path)
    ///     >>> WordCounts.load(path)
    ///     WordCounts(1 words, 1 in total, pattern='gpt2')
    #[classmethod]
    fn load(_class: &Bound<'_, PyType>, py: Python<'_>, path: std::path::PathBuf) -> PyResult<Self> {
        Ok(py.detach(|| Counts::load(&path)).into_python()?.into())
    }

    fn __add__(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        Ok(py.detach(|| self.0.merged(&other.0)).into_python()?.into())
    }

    /// The counts themselves for 0, with which `sum` begins.
    fn __radd__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let is_zero = other.is_exact_instance_of::<PyInt>() && other.eq(0)?;
        Ok(if is_zero { slf.clone().into_any() } else { py.NotImplemented().into_bound(py) })
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let pattern = self.pattern().into_pyobject(py)?.repr()?;
        Ok(format!("WordCounts({} words, {} in total, pattern={pattern})", self.0.len(), self.0.total()))
    }

    /// The counts from the bytes of a file; for pickle.
    #[classmethod]
    #[pyo3(signature = (data, /))]
    fn _from_bytes(_class: &Bound<'_, PyType>, data: &[u8]) -> PyResult<Self> {
        Ok(Counts::from_bytes(data, "pickled counts").into_python()?.into())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let make = py.get_type::<Self>().getattr("_from_bytes")?;
        Ok((make, (PyBytes::new(py, &self.0.to_bytes()),)))
    }
}

fn pairs<'py, 'w>(
    py: Python<'py>,
    words: impl ExactSizeIterator<Item = (&'w [u8], u64)>,
) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, words.map(|(word, count)| (PyBytes::new(py, word), count)))
}
