//! Training a tokenizer.

use std::sync::Arc;

use bytestride_core::count::{CountOptions, WordCounts as Counts};
use bytestride_core::encode as core;
use bytestride_core::merge::{Merge, MergeOptions, extend as learn_more, learn};
use bytestride_core::split::Pattern;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arguments::{optional_size, thread_count, unsigned};
use crate::counts::{FileOptions, SourceOptions, WordCounts, count_options, count_source};
use crate::errors::IntoPython;
use crate::tokenizer::Tokenizer;
use crate::watch::run_watched;

/// The pattern where none is given; counts are taken whatever theirs is.
const DEFAULT_PATTERN: &str = "cl100k";

/// How often a pair must occur to be merged, if nothing else is said.
const DEFAULT_MIN_FREQUENCY: u64 = 2;

/// Trains a byte-level BPE tokenizer: a new `Tokenizer`.
///
/// Ids are the 256 bytes in GPT-2's order, then the merges in the order learned, then the special tokens. The merges
/// are those of Hugging Face's `BpeTrainer` with the full byte alphabet, the same for any number of threads and any
/// order of the documents. Special tokens are not looked for in the text.
///
/// Args:
///     source: as in `count_words`; or `WordCounts`, which bring their own `pattern`.
///     vocab_size: how many tokens: 256 bytes, merges and special tokens together. Fewer come out if the text has no
///         more pairs to merge. `None`: merge until no pair occurs `min_frequency` times.
///     pattern: how text is cut into pretokens, as in `count_words`.
///     special_tokens: texts that get ids of their own, the last ones.
///     min_frequency: how often a pair must occur to be merged.
///     max_token_bytes: the longest token that may be made; `None`: any length.
///     format: how files hold documents: `"text"`, `"jsonl"`, `"parquet"` (needs pyarrow), or `"auto"`, by the suffix.
///     separator: what stands between the documents of a text file; `None`: the whole file is one.
///     text_field: the field that holds the document, in files of JSON lines.
///     suffixes: which files of a folder are read, such as `[".py"]`; `None`: those of text (`.txt`, `.md`, `.rst`,
///         `.jsonl`, …).
///     weights: how much each path in the list `source` counts, as in `count_words`.
///     threads: how many threads work; `None`: as many as there are.
///     max_memory: about how much memory counting may take, as in `count_words`. Merging takes some 20 bytes for each
///         byte of the distinct words besides.
///     progress: called as `progress(phase, done, total)` while it runs; `"counting"` and `"adding up"` are in
///         bytes, `"merging"` in merges, and `total` may be `None`.
///
/// Raises:
///     FileNotFoundError: a path does not exist.
///     TypeError: `source` is `bytes`, or holds something that is neither `str` nor `bytes`.
///     ValueError: `vocab_size` is below 256 and the special tokens, `pattern` is no regular expression or not that of
///         the counts, or a file is malformed.
///
/// Example:
///     >>> from bytestride import train
///     >>> tokenizer = train([b"low lower lowest"], 260, pattern="gpt2", special_tokens=["<|end|>"])
///     >>> tokenizer.vocab_size
///     260
#[pyfunction]
#[pyo3(signature = (
    source, vocab_size=None, *, pattern=PatternArgument::NotGiven, special_tokens=vec![], min_frequency=None, max_token_bytes=None,
    format="auto", separator=None, text_field="text", suffixes=None, weights=None, threads=None, max_memory=None,
    progress=None
), text_signature = "(source, vocab_size=None, *, pattern='cl100k', special_tokens=(), min_frequency=2, \
    max_token_bytes=None, format='auto', separator=None, text_field='text', suffixes=None, weights=None, \
    threads=None, max_memory=None, progress=None)")]
#[expect(clippy::too_many_arguments, reason = "these are Python's arguments")]
pub(crate) fn train(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    vocab_size: Option<&Bound<'_, PyAny>>,
    pattern: PatternArgument,
    special_tokens: Vec<String>,
    min_frequency: Option<&Bound<'_, PyAny>>,
    max_token_bytes: Option<&Bound<'_, PyAny>>,
    format: &str,
    separator: Option<&str>,
    text_field: &str,
    suffixes: Option<Vec<String>>,
    weights: Option<Vec<f64>>,
    threads: Option<&Bound<'_, PyAny>>,
    max_memory: Option<&Bound<'_, PyAny>>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Tokenizer> {
    // What is wrong with the arguments is said before hours of counting.
    let merges = room_for_merges(optional_size("vocab_size", vocab_size)?, special_tokens.len())?;
    core::Tokenizer::check_special_names(&special_tokens).into_python()?;
    let count = count_options(threads, max_memory)?;
    let options = merge_options(merges, min_frequency, max_token_bytes, count)?;
    let files = FileOptions { format, separator, text_field, suffixes };
    let counts = match source.cast::<WordCounts>() {
        Ok(counts) => {
            refuse_weights(weights.as_deref())?;
            counted_with(counts.get().core(), &pattern)?
        }
        Err(_) => {
            let pattern = pattern.or_default();
            let options = SourceOptions { pattern: pattern.as_deref(), files, weights, count, progress };
            Arc::new(count_source(py, source, &options)?)
        }
    };
    let merges = run_watched(py, progress, |monitor| learn(&counts, &options, monitor))?;
    let pattern = counts.pattern().clone();
    let tokenizer =
        py.detach(|| core::Tokenizer::from_merges(pattern, &merges, &special_tokens)).into_python()?;
    Ok(tokenizer.into())
}

/// A tokenizer with up to `merges` more tokens, learned from `source` on top of its own: a new `Tokenizer`.
///
/// All ids stay what they are, those of special tokens, too; the new ones come behind them. So a model that knows the
/// old ids only has to learn some more. Pairs that spell a special token do not merge.
///
/// Args:
///     tokenizer: the tokenizer, any that only splits and merges.
///     source: as in `count_words`; or `WordCounts`, made with the tokenizer's pattern.
///     merges: how many tokens to add. Fewer come out if the text has no more pairs to merge.
///     min_frequency: how often a pair must occur to be merged.
///     max_token_bytes: the longest token that may be made; `None`: any length.
///     format: how files hold documents, as in `count_words`.
///     separator: what stands between the documents of a text file.
///     text_field: the field that holds the document, in files of JSON lines.
///     suffixes: which files of a folder are read.
///     weights: how much each path in the list `source` counts.
///     threads: how many threads work; `None`: as many as there are.
///     max_memory: about how much memory counting may take.
///     progress: called as `progress(phase, done, total)` while it runs, as in `train`.
///
/// Raises:
///     FileNotFoundError: a path does not exist.
///     ValueError: the tokenizer does more than split and merge, the counts are of another pattern, or a file is
///         malformed.
///
/// Example:
///     >>> import bytestride as bs
///     >>> tokenizer = bs.train([b"low lower lowest"] * 2, 260, pattern="gpt2", special_tokens=["<|end|>"])
///     >>> extended = bs.extend(tokenizer, [b"newest lowest"] * 2, 2)
///     >>> extended.vocab_size, extended.id_of("<|end|>"), extended.bytes_of(260)
///     (262, 259, b'es')
#[pyfunction]
#[pyo3(signature = (
    tokenizer, source, merges, *, min_frequency=None, max_token_bytes=None, format="auto", separator=None,
    text_field="text", suffixes=None, weights=None, threads=None, max_memory=None, progress=None
), text_signature = "(tokenizer, source, merges, *, min_frequency=2, max_token_bytes=None, format='auto', \
    separator=None, text_field='text', suffixes=None, weights=None, threads=None, max_memory=None, progress=None)")]
#[expect(clippy::too_many_arguments, reason = "these are Python's arguments")]
pub(crate) fn extend(
    py: Python<'_>,
    tokenizer: &Tokenizer,
    source: &Bound<'_, PyAny>,
    merges: &Bound<'_, PyAny>,
    min_frequency: Option<&Bound<'_, PyAny>>,
    max_token_bytes: Option<&Bound<'_, PyAny>>,
    format: &str,
    separator: Option<&str>,
    text_field: &str,
    suffixes: Option<Vec<String>>,
    weights: Option<Vec<f64>>,
    threads: Option<&Bound<'_, PyAny>>,
    max_memory: Option<&Bound<'_, PyAny>>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Tokenizer> {
    let tokenizer = Arc::clone(&tokenizer.inner);
    let count = count_options(threads, max_memory)?;
    let options =
        merge_options(optional_size("merges", Some(merges))?, min_frequency, max_token_bytes, count)?;
    let files = FileOptions { format, separator, text_field, suffixes };
    // What is wrong with the tokenizer is said before hours of counting.
    tokenizer.for_pretokens().into_python()?;
    let pattern = tokenizer.splitter().pattern().text();
    let counts = if let Ok(counts) = source.cast::<WordCounts>() {
        refuse_weights(weights.as_deref())?;
        counts.get().core()
    } else {
        let source_options = SourceOptions { pattern, files, weights, count, progress };
        Arc::new(count_source(py, source, &source_options)?)
    };
    Ok(run_watched(py, progress, |monitor| learn_more(&tokenizer, &counts, &options, monitor))?.into())
}

/// What `train` and `extend` say about merges.
fn merge_options(
    merges: Option<usize>,
    min_frequency: Option<&Bound<'_, PyAny>>,
    max_token_bytes: Option<&Bound<'_, PyAny>>,
    count: CountOptions,
) -> PyResult<MergeOptions> {
    let min_frequency =
        min_frequency.map_or(Ok(DEFAULT_MIN_FREQUENCY), |count| unsigned("min_frequency", count))?;
    let max_token_bytes = optional_size("max_token_bytes", max_token_bytes)?;
    if max_token_bytes == Some(0) {
        return Err(PyValueError::new_err("max_token_bytes: is 0, expected at least 1"));
    }
    Ok(MergeOptions { merges, min_frequency, max_token_bytes, threads: count.threads })
}

/// Weights are for paths, not for counts.
fn refuse_weights(weights: Option<&[f64]>) -> PyResult<()> {
    match weights {
        Some(_) => Err(PyValueError::new_err("weights: are for paths; counts have counts.scaled(weight)")),
        None => Ok(()),
    }
}

/// How many merges a vocabulary of `vocab_size` tokens has room for.
fn room_for_merges(vocab_size: Option<usize>, special_tokens: usize) -> PyResult<Option<usize>> {
    let Some(size) = vocab_size else { return Ok(None) };
    let least = 256 + special_tokens;
    size.checked_sub(least).map(Some).ok_or_else(|| {
        let parts = format!("256 bytes and {special_tokens} special tokens");
        PyValueError::new_err(format!("vocab_size: is {size}, expected at least {least} for {parts}"))
    })
}

/// `counts`, if `pattern` is not given or theirs.
fn counted_with(counts: Arc<Counts>, pattern: &PatternArgument) -> PyResult<Arc<Counts>> {
    let PatternArgument::Given(pattern) = pattern else { return Ok(counts) };
    let pattern = Pattern::new(pattern.as_deref());
    if pattern != *counts.pattern() {
        let message = format!("pattern: is {pattern}, but the words were counted with {}", counts.pattern());
        return Err(PyValueError::new_err(message));
    }
    Ok(counts)
}

/// The `pattern` argument, which counts have already.
pub(crate) enum PatternArgument {
    NotGiven,
    Given(Option<String>),
}

impl PatternArgument {
    fn or_default(self) -> Option<String> {
        match self {
            PatternArgument::NotGiven => Some(DEFAULT_PATTERN.to_owned()),
            PatternArgument::Given(pattern) => pattern,
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for PatternArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(PatternArgument::Given(object.extract()?))
    }
}

/// The merges learned from `counts`, as `(left, right, id)`.
#[pyfunction]
#[pyo3(signature = (counts, merges=None, min_frequency=2, max_token_bytes=None, threads=None))]
pub(crate) fn _learn(
    py: Python<'_>,
    counts: &WordCounts,
    merges: Option<usize>,
    min_frequency: u64,
    max_token_bytes: Option<usize>,
    threads: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<(u32, u32, u32)>> {
    let threads = thread_count(threads)?;
    let options = MergeOptions { merges, min_frequency, max_token_bytes, threads };
    let merges = run_watched(py, None, |monitor| learn(&counts.core(), &options, monitor))?;
    Ok(merges.into_iter().map(|Merge { left, right, id }| (left, right, id)).collect())
}
