//! Word counts: [`WordCounts`], [`count_words`], and what both share with training.

use std::path::PathBuf;
use std::sync::Arc;

use bytestride_core::Error;
use bytestride_core::count::{CountOptions, Counter, WordCounts as Counts, count_batches};
use bytestride_core::split::{Digits, Pattern, Splitter};
use bytestride_core::text::{
    Format, OnError, Position, ReadOptions, expand_inputs, read_batches, total_bytes,
};
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList, PyString, PyTuple, PyType};

use crate::arguments::{optional_size, thread_count, unsigned};
use crate::errors::IntoPython;
use crate::named;
use crate::store::{file_suffixes, memory_size};
use crate::tables::Parquet;
use crate::text::text_bytes;
use crate::watch::run_watched;

/// About how many bytes of documents are pulled from an iterable before they are counted.
const BATCH_BYTES: usize = 8 << 20;

/// How many bytes of a batch of files each thread has, so that all have work to the end. Fewer stay in near memory: with
/// two threads 2 MB in all take 5 to 15 % less time than 8.
const BATCH_BYTES_PER_THREAD: usize = 1 << 20;

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

/// The pattern where none is given.
pub(crate) fn default_pattern() -> Pattern {
    Pattern::new(Some("cl100k"))
}

/// How files hold documents, and which files a folder stands for.
pub(crate) struct FileOptions<'a> {
    pub(crate) format: &'a str,
    pub(crate) separator: Option<Vec<u8>>,
    pub(crate) text_field: &'a str,
    pub(crate) suffixes: Option<Vec<String>>,
}

impl FileOptions<'_> {
    /// An error if anything is asked for that only files follow, and `source` is none.
    pub(crate) fn refuse(&self, source: &str) -> PyResult<()> {
        let given = [
            ("format", self.format != "auto"),
            ("separator", self.separator.is_some()),
            ("text_field", self.text_field != "text"),
            ("suffixes", self.suffixes.is_some()),
        ];
        match given.into_iter().find(|&(_, is_given)| is_given) {
            Some((name, _)) => {
                Err(PyValueError::new_err(format!("{name}: is for files, and source {source}")))
            }
            None => Ok(()),
        }
    }
}

/// The changes to a pattern that `train` and `count_words` offer.
pub(crate) struct Changes<'a, 'py> {
    pub(crate) digits: Option<&'a Bound<'py, PyAny>>,
    pub(crate) digits_from: &'a str,
    pub(crate) superwords: bool,
}

impl Changes<'_, '_> {
    /// `pattern` with the changes.
    pub(crate) fn apply(&self, mut pattern: Pattern) -> PyResult<Pattern> {
        let digits = optional_size("digits", self.digits)?;
        let digits = match (self.digits_from, digits) {
            ("left", digits) => digits.map(Digits::FromLeft),
            ("right", Some(digits)) => Some(Digits::FromRight(digits)),
            ("right", None) => {
                return Err(PyValueError::new_err("digits_from: has no meaning without digits"));
            }
            (other, _) => {
                let message = format!("digits_from: is {other:?}, expected 'left' or 'right'");
                return Err(PyValueError::new_err(message));
            }
        };
        if let Some(digits) = digits {
            pattern = pattern.with_digits(digits).into_python()?;
        }
        if self.superwords { pattern.with_superwords().into_python() } else { Ok(pattern) }
    }
}

/// How to count a source.
pub(crate) struct SourceOptions<'a, 'py> {
    pub(crate) pattern: Pattern,
    pub(crate) files: FileOptions<'a>,
    /// What each path of the source counts, where that is not 1.
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) count: CountOptions,
    pub(crate) progress: Option<&'a Bound<'py, PyAny>>,
}

/// `threads` and `max_memory` as Python has them.
pub(crate) fn count_options(
    threads: Option<&Bound<'_, PyAny>>,
    max_memory: Option<&Bound<'_, PyAny>>,
) -> PyResult<CountOptions> {
    let max_memory = max_memory.map_or(Ok(CountOptions::default().max_memory), memory_size)?;
    Ok(CountOptions { threads: thread_count(threads)?, max_memory })
}

/// Distinct pretokens of a source and how often each occurs, as `WordCounts`.
///
/// Counts of parts of a text, from other processes or machines, add up to the counts of the whole. Takes memory for
/// the distinct words only.
///
/// Args:
///     source: a path, a glob or a folder, or a list of those; or documents: a list of `bytes`, or any other iterable
///         of `str` or `bytes` (a list of `str` is a list of paths). Lone surrogates become U+FFFD, in JSON lines, too.
///     pattern: `"gpt2"`, `"cl100k"`, `"o200k"`, `"llama3"`, `"qwen2"`, `"deepseek"`, any other regular expression, or
///         `None` to take each document as one word. Matches of an expression and the text between them are words; an
///         empty match cuts there. With `"\\x1e"` between, several expressions split in turn, each the pieces of the one
///         before it. The name of an encoding of OpenAI's (`"cl100k_base"`) and a `Tokenizer` stand for their split.
///         Letters and digits alone are a name, and an error if it is not known.
///     format: how files hold documents: `"text"`, `"jsonl"`, `"parquet"` (needs pyarrow), or `"auto"`, by the suffix.
///     separator: what stands between the documents of a text file, as `str` or `bytes`; `None`: the whole file is one.
///     text_field: the field that holds the document, in files of JSON lines.
///     suffixes: which files of a folder are read, such as `[".py"]`; `None`: those of text (`.txt`, `.md`, `.rst`,
///         `.jsonl`, …).
///     digits: numbers in groups of at most so many digits, 1 to 9, for a published pattern; `None`: as the pattern has it.
///     digits_from: `"left"`, or `"right"` as numbers are written: `12345678` is `12 345 678`, three digits in a group.
///     superwords: take words in a row, with one space between each two, as one word: what `train` needs for superwords.
///     weights: how much each path in the list `source` counts: every count times its weight, rounded as `scaled` does.
///     threads: how many threads count; `None`: as many as there are. The counts are the same for any number.
///     max_memory: how much memory the process should take while it counts, in bytes or as `"512MB"`, some 100 MB at
///         least, for the program and the text on its way; what does not fit is written to files in the folder for
///         temporary ones (`TMPDIR`), which are gone when it ends. The result, some 30 bytes a distinct word, has to fit
///         into memory in any case. `None`: as much as it takes. The counts are the same.
///     progress: called as `progress(phase, done, total)` while it runs, in bytes; `total` may be `None`.
///
/// Raises:
///     FileNotFoundError: a path does not exist.
///     OSError: a file cannot be read, or the folder for temporary files takes no more.
///     TypeError: `source` is `bytes`, or holds something that is neither `str` nor `bytes`.
///     ValueError: `pattern` is neither a known name nor a regular expression, a file is malformed, or there is not a
///         weight for each path.
///
/// Example:
///     >>> from bytestride import count_words
///     >>> count_words([b"to be or not to be"], pattern="gpt2").most_common(2)
///     [(b' be', 2), (b' not', 1)]
#[pyfunction]
#[pyo3(
    signature = (
        source, pattern=default_pattern(), *, digits=None, digits_from="left", superwords=false, format="auto",
        separator=None, text_field="text", suffixes=None, weights=None, threads=None, max_memory=None, progress=None
    ),
    text_signature = "(source, pattern='cl100k', *, digits=None, digits_from='left', superwords=False, \
        format='auto', separator=None, text_field='text', suffixes=None, weights=None, threads=None, \
        max_memory=None, progress=None)"
)]
#[expect(clippy::too_many_arguments, reason = "these are Python's arguments")]
pub(crate) fn count_words(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = named::pattern)] pattern: Pattern,
    digits: Option<&Bound<'_, PyAny>>,
    digits_from: &str,
    superwords: bool,
    format: &str,
    #[pyo3(from_py_with = named::separator)] separator: Option<Vec<u8>>,
    text_field: &str,
    #[pyo3(from_py_with = named::suffixes)] suffixes: Option<Vec<String>>,
    #[pyo3(from_py_with = named::optional_weights)] weights: Option<Vec<f64>>,
    threads: Option<&Bound<'_, PyAny>>,
    max_memory: Option<&Bound<'_, PyAny>>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<WordCounts> {
    let files = FileOptions { format, separator, text_field, suffixes };
    let count = count_options(threads, max_memory)?;
    let pattern = Changes { digits, digits_from, superwords }.apply(pattern)?;
    let options = SourceOptions { pattern, files, weights, count, progress };
    Ok(count_source(py, source, &options)?.into())
}

/// The counts of any source but of counts.
pub(crate) fn count_source(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    options: &SourceOptions<'_, '_>,
) -> PyResult<Counts> {
    named::check_progress(options.progress)?;
    let splitter = Splitter::new(&options.pattern).into_python()?;
    if source.is_instance_of::<PyBytes>() || source.is_instance_of::<PyByteArray>() {
        return Err(PyTypeError::new_err(
            "source: is bytes, expected paths or documents; put documents in a list",
        ));
    }
    match (paths(source)?, &options.weights) {
        (Some(paths), None) => count_paths(py, &paths, &splitter, options),
        (Some(paths), Some(weights)) if paths.len() == weights.len() => {
            let mut sum = Counts::new(splitter.pattern().clone());
            for (path, &weight) in paths.iter().zip(weights) {
                let counts = count_paths(py, std::slice::from_ref(path), &splitter, options)?;
                let added = py.detach(|| counts.scaled(weight).and_then(|scaled| sum.merged(&scaled)));
                sum = added.into_python()?;
            }
            Ok(sum)
        }
        (Some(paths), Some(weights)) => Err(PyValueError::new_err(format!(
            "weights: has {} numbers, expected one for each of the {} paths",
            weights.len(),
            paths.len()
        ))),
        (None, None) => {
            options.files.refuse("holds documents")?;
            count_documents(py, source, splitter, options)
        }
        (None, Some(_)) => Err(PyValueError::new_err(
            "weights: are for the paths in a list; count documents apart and add counts.scaled(weight)",
        )),
    }
}

/// The paths that `source` names, or `None` if it holds documents.
///
/// A list of `str` is paths and never documents: a mistyped file name must not be trained on.
fn paths(source: &Bound<'_, PyAny>) -> PyResult<Option<Vec<PathBuf>>> {
    if let Some(path) = path(source)? {
        return Ok(Some(vec![path]));
    }
    let is_sequence = source.is_instance_of::<PyList>() || source.is_instance_of::<PyTuple>();
    if !is_sequence || source.is_empty()? {
        return Ok(None);
    }
    let items: Vec<Bound<'_, PyAny>> = source.try_iter()?.collect::<PyResult<_>>()?;
    let paths: Vec<PathBuf> =
        items.iter().map(path).collect::<PyResult<Vec<_>>>()?.into_iter().flatten().collect();
    match paths.len() {
        0 => Ok(None),
        found if found == items.len() => Ok(Some(paths)),
        _ => Err(PyTypeError::new_err(
            "source: is a list of both paths and documents, expected one of the two",
        )),
    }
}

/// `item` as a path, if it is a `str` or an `os.PathLike`.
fn path(item: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    let is_path = item.is_instance_of::<PyString>() || item.hasattr("__fspath__")?;
    if is_path { item.extract().map(Some) } else { Ok(None) }
}

/// How many bytes of files are counted at a time: a part of the memory that counting may take.
fn batch_bytes(options: CountOptions) -> usize {
    let least = 2 * BATCH_BYTES_PER_THREAD;
    (BATCH_BYTES_PER_THREAD * options.threads).min(options.max_memory / 16).max(least)
}

/// The counts of files.
fn count_paths(
    py: Python<'_>,
    paths: &[PathBuf],
    splitter: &Splitter,
    options: &SourceOptions<'_, '_>,
) -> PyResult<Counts> {
    let suffixes = file_suffixes(options.files.suffixes.clone());
    let inputs = expand_inputs(paths, &suffixes, OnError::Raise).map_err(|error| match error {
        Error::Argument { message, .. } => Error::argument("source", message),
        error => error,
    });
    let inputs = inputs.into_python().inspect_err(|error| explain(py, error))?;
    let read_options = ReadOptions {
        format: Format::named(options.files.format).into_python()?,
        text_field: options.files.text_field.to_owned(),
        separator: options.files.separator.clone(),
        tables: Parquet::reader(),
        batch_bytes: batch_bytes(options.count),
        ..ReadOptions::default()
    };
    let (total, count, spare) = (total_bytes(&inputs), options.count, read_options.spare.clone());
    run_watched(py, options.progress, |monitor| {
        let batches = read_batches(inputs, Position::default(), read_options, splitter, monitor)?;
        count_batches(batches, &spare, total, splitter, count, monitor)
    })
}

/// Adds to what is wrong with a path how a document may have been taken for one.
fn explain(py: Python<'_>, error: &PyErr) {
    let note = "source: a str is a path, and a list of str is a list of paths; give documents as bytes or iter(documents)";
    // Without the note the error is still the right one.
    let _ = error.value(py).call_method1("add_note", (note,));
}

/// The counts of documents pulled from an iterable, some megabytes at a time.
fn count_documents(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    splitter: Splitter,
    options: &SourceOptions<'_, '_>,
) -> PyResult<Counts> {
    let mut documents = source
        .try_iter()
        .map_err(|_| named::unexpected("source", "paths or an iterable of str or bytes", source))?
        .enumerate();
    let mut counter = Counter::new(splitter, options.count);
    let mut done = 0_u64;
    loop {
        let (bytes, ends) = pull(py, &mut documents)?;
        if ends.is_empty() {
            break;
        }
        let texts: Vec<&[u8]> =
            [0].iter().chain(&ends).zip(&ends).map(|(&start, &end)| &bytes[start..end]).collect();
        run_watched(py, None, |monitor| counter.count(&texts, monitor))?;
        done += bytes.len() as u64;
        if let Some(progress) = options.progress {
            progress.call1(("counting", done, py.None()))?;
        }
    }
    // Otherwise there is no further phase to report.
    let progress = options.progress.filter(|_| counter.has_written());
    run_watched(py, progress, |monitor| counter.finish(monitor))
}

/// The next documents, one after another, and where each ends; none when there are no more.
fn pull<'py>(
    py: Python<'py>,
    documents: &mut impl Iterator<Item = (usize, PyResult<Bound<'py, PyAny>>)>,
) -> PyResult<(Vec<u8>, Vec<usize>)> {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    while bytes.len() < BATCH_BYTES {
        let Some((number, document)) = documents.next() else { break };
        let document = document?;
        let text = text_bytes(format_args!("source: document {number}"), &document).map_err(|error| {
            if document.hasattr("__fspath__").unwrap_or(false) {
                let message =
                    format!("source: item {number} is a path; paths go into a list, as list(paths)");
                return PyTypeError::new_err(message);
            }
            error
        })?;
        bytes.extend_from_slice(&text);
        ends.push(bytes.len());
        if ends.len() % 4096 == 0 {
            py.check_signals()?;
        }
    }
    Ok((bytes, ends))
}
