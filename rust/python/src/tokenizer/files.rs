//! Files → ids: in memory, as a token store, or only counted.

use std::path::PathBuf;

use bytestride_core::encode::DocumentOptions;
use bytestride_core::text::TextFile;
use pyo3::prelude::*;

use super::Tokenizer;
use crate::arguments::thread_count;
use crate::file_counts::{self, FileCount};
use crate::named;
use crate::ragged::Ragged;
use crate::reading::{Reading, ReadingArguments};
use crate::store::{self, FileArguments, TokenStore};
use crate::watch::run_watched;

#[pymethods]
impl Tokenizer {
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
    ///     inputs: A path, a glob, a folder (all its files of text, see `suffixes`, but for hidden ones, pipes, and those
    ///         behind links to other folders), `"-"` for standard input, or an iterable of these. Files that end in `.gz`
    ///         or `.zst` are decompressed, and standard input and pipes by their first bytes.
    ///     prefix: What the names of the files begin with.
    ///     format: `"text"`, `"jsonl"`, `"parquet"` (needs pyarrow), or `"auto"`: `.jsonl` and `.ndjson` are JSON lines,
    ///         `.parquet` tables, others text; what is clearly neither, by its name, as `.json`, or by its first bytes, as
    ///         gzip data without `.gz`, is an error.
    ///     text_field: The field, or column, that holds the document, in JSON lines and tables.
    ///     separator: What stands between the documents of a text file, as `str` or `bytes`.
    ///     suffixes: The ends of the names of the files that a folder stands for, with or without `.gz` or `.zst` after
    ///         them; `None` for `.txt`, `.text`, `.md`, `.rst`, `.jsonl`, `.ndjson`, `.parquet`.
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
    ///         something for the next one (files that end in `.partial`), unless it had reached a pipe, which cannot be
    ///         read again. `False` starts anew and leaves nothing.
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
}
