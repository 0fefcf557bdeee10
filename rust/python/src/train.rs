//! Training a tokenizer.

use std::sync::Arc;

use bytestride_core::count::{CountOptions, WordCounts as Counts};
use bytestride_core::encode as core;
use bytestride_core::merge::{Merge, MergeOptions, extend as learn_more, learn, learn_superwords};
use bytestride_core::split::Pattern;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PySequence;

use crate::arguments::{optional_size, size, thread_count, unsigned};
use crate::errors::IntoPython;
use crate::named;
use crate::reading::file_options;
use crate::sources::{
    Changes, SourceOptions, count_options, count_source, default_pattern, refuse_file_options,
};
use crate::tokenizer::Tokenizer;
use crate::watch::run_watched;
use crate::word_counts::WordCounts;

/// How often a pair must occur to be merged, if nothing else is said.
const DEFAULT_MIN_FREQUENCY: u64 = 2;

/// Trains a byte-level BPE tokenizer: a new `Tokenizer`, or a list of them for several sizes.
///
/// Ids are the 256 bytes in GPT-2's order, then the merges in the order learned, then the special tokens. The merges
/// are those of Hugging Face's `BpeTrainer` with the full byte alphabet, the same for any number of threads and any
/// order of the documents. Special tokens are not looked for in the text.
///
/// Args:
///     source: as in `count_words`; or `WordCounts`, which bring their own `pattern`.
///     vocab_size: how many tokens: 256 bytes, merges and special tokens together. Fewer come out if the text has no
///         more pairs to merge. `None`: merge until no pair occurs `min_frequency` times. A list: one training, and a
///         tokenizer for each size, as if trained apart.
///     pattern: how text is cut into pretokens, as in `count_words`.
///     digits: numbers in groups of at most so many digits, as in `count_words`; a number is never one token of more.
///     digits_from: from which side, `"left"` or `"right"`.
///     superwords_from: how many tokens, counted as `vocab_size` is, until merges may reach across words: from there on
///         words in a row, with one space between each two, are one pretoken, and tokens reach into up to four words,
///         as in SuperBPE. Encodes with that split from the beginning. Takes memory for all distinct runs of words.
///         `None`: never.
///     special_tokens: texts that get ids of their own, the last ones. A name beyond ASCII needs a character beyond U+0143,
///         such as `｜`: with those below, files write bytes. Pairs that spell a name do not merge.
///     min_frequency: how often a pair must occur to be merged.
///     max_token_bytes: the longest token that may be made; `None`: any length.
///     format: how files hold documents: `"text"`, `"jsonl"`, `"parquet"` (needs pyarrow), or `"auto"`, by the suffix.
///     separator: what stands between the documents of a text file, as `str` or `bytes`; `None`: the whole file is one.
///     text_field: the field that holds the document, in files of JSON lines.
///     suffixes: which files of a folder are read, such as `[".py"]`; `None`: those of text (`.txt`, `.md`, `.rst`,
///         `.jsonl`, …).
///     weights: how much each path in the list `source` counts, as in `count_words`.
///     threads: how many threads work; `None`: as many as there are.
///     max_memory: how much memory the process should take while it counts, as in `count_words`. Merging comes after it
///         and takes 11 to 16 bytes for each byte of the distinct words of books and of 25 languages, whatever the bound.
///     progress: called as `progress(phase, done, total)` while it runs; `"counting"` and `"adding up"` are in
///         bytes, `"merging"` in merges, and `total` may be `None`.
///
/// Raises:
///     FileNotFoundError: a path does not exist.
///     OSError: a file cannot be read, or the folder for temporary files takes no more.
///     TypeError: `source` is `bytes` or a mapping, or holds something that is neither `str` nor `bytes`.
///     ValueError: `vocab_size` or `superwords_from` is below 256 and the special tokens, `pattern` is no regular
///         expression or not that of the counts, `digits` or superwords do not go with it, the words are superwords and
///         `superwords_from` is `None`, or a file is malformed.
///
/// Example:
///     >>> from bytestride import train
///     >>> tokenizer = train([b"low lower lowest"], 260, pattern="gpt2", special_tokens=["<|end|>"])
///     >>> tokenizer.vocab_size
///     260
///     >>> phrases = train([b"by the way, by the way"], 270, superwords_from=265)
///     >>> phrases.bytes_of(phrases.vocab_size - 1)
///     b'by the way'
#[pyfunction]
#[pyo3(signature = (
    source, vocab_size=None, *, pattern=None, digits=None, digits_from="left",
    superwords_from=None, special_tokens=vec![], min_frequency=None, max_token_bytes=None, format="auto",
    separator=None, text_field="text".to_owned(), suffixes=None, weights=None, threads=None, max_memory=None, progress=None
), text_signature = "(source, vocab_size=None, *, pattern='cl100k', digits=None, digits_from='left', \
    superwords_from=None, special_tokens=(), min_frequency=2, max_token_bytes=None, format='auto', separator=None, text_field='text', suffixes=None, weights=None, \
    threads=None, max_memory=None, progress=None)")]
#[expect(clippy::too_many_arguments, reason = "these are Python's arguments")]
pub(crate) fn train(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    vocab_size: Option<&Bound<'_, PyAny>>,
    #[pyo3(from_py_with = given_pattern)] pattern: Option<Pattern>,
    digits: Option<&Bound<'_, PyAny>>,
    digits_from: &str,
    superwords_from: Option<&Bound<'_, PyAny>>,
    #[pyo3(from_py_with = named::special_tokens)] special_tokens: Vec<String>,
    min_frequency: Option<&Bound<'_, PyAny>>,
    max_token_bytes: Option<&Bound<'_, PyAny>>,
    format: &str,
    #[pyo3(from_py_with = named::separator)] separator: Option<Vec<u8>>,
    text_field: String,
    #[pyo3(from_py_with = named::suffixes)] suffixes: Option<Vec<String>>,
    #[pyo3(from_py_with = named::optional_weights)] weights: Option<Vec<f64>>,
    threads: Option<&Bound<'_, PyAny>>,
    max_memory: Option<&Bound<'_, PyAny>>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Trained> {
    // What is wrong with the arguments is said before hours of counting.
    let sizes = Sizes::new(vocab_size, special_tokens.len())?;
    let words =
        superwords_from.map(|tokens| room_for_merges("superwords_from", tokens, special_tokens.len()));
    let words = words.transpose()?;
    core::Tokenizer::check_special_names(&special_tokens).into_python()?;
    let count = count_options(threads, max_memory)?;
    let options =
        merge_options(sizes.largest(), special_tokens.clone(), min_frequency, max_token_bytes, count)?;
    let files = file_options(format, text_field, separator, suffixes)?;
    let changes = Changes { digits, digits_from, superwords: words.is_some() };
    let counts = if let Ok(counts) = source.cast::<WordCounts>() {
        refuse_weights(weights.as_deref())?;
        refuse_file_options(&files, "has been counted")?;
        let counts = counted_with(counts.get().core(), pattern, &changes)?;
        check_superwords(counts.pattern(), words)?;
        counts
    } else {
        let pattern = changes.apply(pattern.unwrap_or_else(default_pattern))?;
        check_superwords(&pattern, words)?;
        let options = SourceOptions { pattern, files, weights, count, progress };
        Arc::new(count_source(py, source, &options)?)
    };
    let merges = learned(py, &counts, words, &options, progress)?;
    let pattern = counts.pattern().clone();
    sizes.each(|most| {
        let merges = &merges[..merges.len().min(most.unwrap_or(usize::MAX))];
        let made = py.detach(|| core::Tokenizer::from_merges(pattern.clone(), merges, &special_tokens));
        Ok(made.into_python()?.into())
    })
}

/// The merges learned from counts; with `words`, up to that many within words and superwords after them.
fn learned(
    py: Python<'_>,
    counts: &Counts,
    words: Option<usize>,
    options: &MergeOptions,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Merge>> {
    run_watched(py, progress, |monitor| match words {
        Some(words) => learn_superwords(counts, words, options, monitor),
        None => learn(counts, options, monitor),
    })
}

/// How many merges there is room for, in one vocabulary or several.
enum Sizes {
    One(Option<usize>),
    Several(Vec<usize>),
}

/// What training returns: a tokenizer, or one for each size.
#[derive(IntoPyObject)]
pub(crate) enum Trained {
    One(Tokenizer),
    Several(Vec<Tokenizer>),
}

impl Sizes {
    /// From `vocab_size`, an integer, a sequence of them, or `None`.
    fn new(vocab_size: Option<&Bound<'_, PyAny>>, special_tokens: usize) -> PyResult<Self> {
        let room = |size: &Bound<'_, PyAny>| room_for_merges("vocab_size", size, special_tokens);
        let Some(vocab_size) = vocab_size else { return Ok(Self::One(None)) };
        let Ok(sizes) = vocab_size.cast::<PySequence>() else {
            return Ok(Self::One(Some(room(vocab_size)?)));
        };
        let sizes = sizes.try_iter()?.map(|size| room(&size?)).collect::<PyResult<Vec<usize>>>()?;
        if sizes.is_empty() {
            return Err(PyValueError::new_err("vocab_size: is empty, expected at least one size"));
        }
        Ok(Self::Several(sizes))
    }

    fn largest(&self) -> Option<usize> {
        match self {
            Self::One(size) => *size,
            Self::Several(sizes) => sizes.iter().max().copied(),
        }
    }

    fn each(&self, mut make: impl FnMut(Option<usize>) -> PyResult<Tokenizer>) -> PyResult<Trained> {
        Ok(match self {
            Self::One(size) => Trained::One(make(*size)?),
            Self::Several(sizes) => {
                Trained::Several(sizes.iter().map(|&size| make(Some(size))).collect::<PyResult<_>>()?)
            }
        })
    }
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
///     separator: what stands between the documents of a text file, as `str` or `bytes`.
///     text_field: the field that holds the document, in files of JSON lines.
///     suffixes: which files of a folder are read.
///     weights: how much each path in the list `source` counts.
///     threads: how many threads work; `None`: as many as there are.
///     max_memory: about how much memory counting may take.
///     progress: called as `progress(phase, done, total)` while it runs, as in `train`.
///
/// Raises:
///     FileNotFoundError: a path does not exist.
///     OSError: a file cannot be read, or the folder for temporary files takes no more.
///     TypeError: `tokenizer` is not a `Tokenizer`, or `source` is not one of `train`.
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
    text_field="text".to_owned(), suffixes=None, weights=None, threads=None, max_memory=None, progress=None
), text_signature = "(tokenizer, source, merges, *, min_frequency=2, max_token_bytes=None, format='auto', \
    separator=None, text_field='text', suffixes=None, weights=None, threads=None, max_memory=None, progress=None)")]
#[expect(clippy::too_many_arguments, reason = "these are Python's arguments")]
pub(crate) fn extend(
    py: Python<'_>,
    tokenizer: &Bound<'_, PyAny>,
    source: &Bound<'_, PyAny>,
    merges: &Bound<'_, PyAny>,
    min_frequency: Option<&Bound<'_, PyAny>>,
    max_token_bytes: Option<&Bound<'_, PyAny>>,
    format: &str,
    #[pyo3(from_py_with = named::separator)] separator: Option<Vec<u8>>,
    text_field: String,
    #[pyo3(from_py_with = named::suffixes)] suffixes: Option<Vec<String>>,
    #[pyo3(from_py_with = named::optional_weights)] weights: Option<Vec<f64>>,
    threads: Option<&Bound<'_, PyAny>>,
    max_memory: Option<&Bound<'_, PyAny>>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Tokenizer> {
    let wrong = |_| named::unexpected("tokenizer", "a Tokenizer", tokenizer);
    let tokenizer = Arc::clone(&tokenizer.cast::<Tokenizer>().map_err(wrong)?.get().inner);
    let count = count_options(threads, max_memory)?;
    let options = merge_options(
        optional_size("merges", Some(merges))?,
        Vec::new(),
        min_frequency,
        max_token_bytes,
        count,
    )?;
    let files = file_options(format, text_field, separator, suffixes)?;
    // What is wrong with the tokenizer is said before hours of counting.
    tokenizer.for_pretokens().into_python()?;
    let pattern = tokenizer.splitter().pattern().clone();
    let counts = if let Ok(counts) = source.cast::<WordCounts>() {
        refuse_weights(weights.as_deref())?;
        refuse_file_options(&files, "has been counted")?;
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
    special_tokens: Vec<String>,
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
    Ok(MergeOptions { merges, min_frequency, max_token_bytes, special_tokens, threads: count.threads })
}

/// Weights are for paths, not for counts.
fn refuse_weights(weights: Option<&[f64]>) -> PyResult<()> {
    match weights {
        Some(_) => Err(PyValueError::new_err("weights: are for paths; counts have counts.scaled(weight)")),
        None => Ok(()),
    }
}

/// How many merges a vocabulary has room for; the argument `name` says how many tokens it has.
fn room_for_merges(name: &str, tokens: &Bound<'_, PyAny>, special_tokens: usize) -> PyResult<usize> {
    let tokens = size(name, tokens)?;
    let least = 256 + special_tokens;
    tokens.checked_sub(least).ok_or_else(|| {
        let parts = format!("256 bytes and {special_tokens} special tokens");
        PyValueError::new_err(format!("{name}: is {tokens}, expected at least {least} for {parts}"))
    })
}

/// `counts`, if `pattern` is not given or theirs.
fn counted_with(
    counts: Arc<Counts>,
    pattern: Option<Pattern>,
    changes: &Changes<'_, '_>,
) -> PyResult<Arc<Counts>> {
    let Some(pattern) = pattern else {
        return match changes.digits {
            Some(_) => {
                Err(PyValueError::new_err("digits: are part of the pattern, which the counts have already"))
            }
            None => Ok(counts),
        };
    };
    let pattern = changes.apply(pattern)?;
    if pattern != *counts.pattern() {
        let message = format!("pattern: is {pattern}, but the words were counted with {}", counts.pattern());
        return Err(PyValueError::new_err(message));
    }
    Ok(counts)
}

/// An error if the pretokens of `pattern` are words in a row, and no number of merges is to stay within words.
fn check_superwords(pattern: &Pattern, words: Option<usize>) -> PyResult<()> {
    if words.is_some() || pattern.without_superwords().is_none() {
        return Ok(());
    }
    let message =
        format!("superwords_from: expected a number of tokens, for the words are in rows ({pattern})");
    Err(PyValueError::new_err(message))
}

/// The `pattern` argument where it is given: counts have theirs already.
fn given_pattern(value: &Bound<'_, PyAny>) -> PyResult<Option<Pattern>> {
    named::pattern(value).map(Some)
}

/// What [`learned`] gives, as `(left, right, id)`.
#[pyfunction]
#[pyo3(signature = (counts, merges=None, min_frequency=2, max_token_bytes=None, threads=None, words=None))]
pub(crate) fn _learn(
    py: Python<'_>,
    counts: &WordCounts,
    merges: Option<usize>,
    min_frequency: u64,
    max_token_bytes: Option<usize>,
    threads: Option<&Bound<'_, PyAny>>,
    words: Option<usize>,
) -> PyResult<Vec<(u32, u32, u32)>> {
    let threads = thread_count(threads)?;
    let special_tokens = Vec::new();
    let options = MergeOptions { merges, min_frequency, max_token_bytes, special_tokens, threads };
    let merges = learned(py, &counts.core(), words, &options, None)?;
    Ok(merges.into_iter().map(|Merge { left, right, id }| (left, right, id)).collect())
}
