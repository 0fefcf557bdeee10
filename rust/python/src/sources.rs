//! What `source` may be, for `train`, `extend` and `count_words`: files, documents, or what was counted before.

use std::path::PathBuf;

use bytestride_core::Error;
use bytestride_core::count::{CountOptions, Counter, WordCounts as Counts, count_inputs};
use bytestride_core::split::{Digits, Pattern, Splitter};
use bytestride_core::text::FileOptions;
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList, PyMapping, PyString, PyTuple};

use crate::arguments::{optional_size, thread_count};
use crate::errors::IntoPython;
use crate::named;
use crate::reading::{file_options, memory_size};
use crate::text::text_bytes;
use crate::watch::run_watched;
use crate::word_counts::WordCounts;

/// Paths are shorter than this, in bytes; Linux takes no longer ones.
const LONGEST_PATH: usize = 4096;

/// How much of a text that is no path an error shows.
const SHOWN_CHARACTERS: usize = 40;

/// About how many bytes of documents are pulled from an iterable before they are counted.
const BATCH_BYTES: usize = 8 << 20;

/// The pattern where none is given.
pub(crate) fn default_pattern() -> Pattern {
    Pattern::new(Some("cl100k"))
}

/// An error if `files` differ from the defaults in what only files follow, because `source` is not one.
pub(crate) fn refuse_file_options(files: &FileOptions, source: &str) -> PyResult<()> {
    let defaults = FileOptions::default();
    let given = [
        ("format", files.format != defaults.format),
        ("separator", files.separator != defaults.separator),
        ("text_field", files.text_field != defaults.text_field),
        ("suffixes", files.suffixes != defaults.suffixes),
    ];
    match given.into_iter().find(|&(_, is_given)| is_given) {
        Some((name, _)) => Err(PyValueError::new_err(format!("{name}: is for files, and source {source}"))),
        None => Ok(()),
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
    pub(crate) files: FileOptions,
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
///     TypeError: `source` is `bytes` or a mapping, or holds something that is neither `str` nor `bytes`.
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
        separator=None, text_field="text".to_owned(), suffixes=None, weights=None, threads=None, max_memory=None, progress=None
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
    text_field: String,
    #[pyo3(from_py_with = named::suffixes)] suffixes: Option<Vec<String>>,
    #[pyo3(from_py_with = named::optional_weights)] weights: Option<Vec<f64>>,
    threads: Option<&Bound<'_, PyAny>>,
    max_memory: Option<&Bound<'_, PyAny>>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<WordCounts> {
    let files = file_options(format, text_field, separator, suffixes)?;
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
    if source.cast::<PyMapping>().is_ok() {
        let message =
            "source: is a mapping, expected paths or documents; WordCounts(source) takes words and counts";
        return Err(PyTypeError::new_err(message));
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
            refuse_file_options(&options.files, "holds documents")?;
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
    if !is_path {
        return Ok(None);
    }
    let path: PathBuf = item.extract()?;
    if path.as_os_str().len() > LONGEST_PATH {
        // A text, most likely: not all of it belongs into an error.
        let start: String = path.to_string_lossy().chars().take(SHOWN_CHARACTERS).collect();
        let error = PyOSError::new_err(format!("source: no path is as long as this text: {start:?}…"));
        explain(item.py(), &error);
        return Err(error);
    }
    Ok(Some(path))
}

/// The counts of files.
fn count_paths(
    py: Python<'_>,
    paths: &[PathBuf],
    splitter: &Splitter,
    options: &SourceOptions<'_, '_>,
) -> PyResult<Counts> {
    let inputs = options.files.expand(paths).map_err(|error| match error {
        Error::Argument { message, .. } => Error::argument("source", message),
        error => error,
    });
    let inputs = inputs.into_python().inspect_err(|error| explain(py, error))?;
    let SourceOptions { files, count, progress, .. } = options;
    run_watched(py, *progress, |monitor| count_inputs(inputs, files, splitter, *count, monitor))
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
