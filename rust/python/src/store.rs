//! The class `TokenStore`, and the arguments of `Tokenizer.encode_files`.
#![expect(unsafe_code, reason = "arrays over memory that a store maps")]

use std::ffi::c_void;
use std::path::{Path, PathBuf};

use bytestride_core::encode::{self, EndIds};
use bytestride_core::store::{self, Dtype, EncodeOptions, ExportFormat, Resume, Share, Tokens};
use numpy::{Element, PyArrayDescr, PyArrayDescrMethods, PyUntypedArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use crate::arguments::{self, Integer, optional_size, place_at};
use crate::errors::IntoPython;
use crate::reading::{Reading, several_paths};
use crate::tokenizer::Tokenizer;
use crate::view::{Access, strided_view};
use crate::watch::run_watched;

/// Token ids on disk, seen in place: flat, in documents, without a copy.
///
/// Made by `Tokenizer.encode_files` or `TokenStore.open`. The files are mapped into memory, so opening reads only the
/// index, and tokens come from disk when they are looked at. Arrays keep the map alive, also when the store is gone.
/// `store[i]` is document `i` and `len(store)` their number; with `for` one walks over them. Immutable, safe from any
/// thread and after a fork; pickling carries the path.
///
/// A store is only ever replaced by whole new files, which an open one does not see. If some other program cuts a file
/// short in place, a process that reads what is gone is killed (SIGBUS), as with any memory map; `verify`, `export` and
/// `merge` look at the sizes before they read.
///
/// Example:
///     >>> import bytestride as bs, numpy as np, pathlib, tempfile
///     >>> path = pathlib.Path(tempfile.mkdtemp(), "raw.bin")
///     >>> np.arange(1000, dtype="<u2").tofile(path)
///     >>> store = bs.TokenStore.open(path, dtype="uint16")
///     >>> store.tokens[-3:]
///     array([997, 998, 999], dtype=uint16)
#[pyclass(frozen, sequence, module = "bytestride")]
pub(crate) struct TokenStore {
    inner: store::TokenStore,
    /// Whether the files are raw, opened by their dtype alone.
    is_raw: bool,
    /// What was opened, found wherever the process goes, for pickle.
    opened: Opened,
}

/// What `TokenStore.open` takes: one path, or several.
#[derive(Clone, IntoPyObject)]
enum Opened {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl TokenStore {
    fn at_path(inner: store::TokenStore, is_raw: bool) -> Self {
        let opened = Opened::One(absolute(inner.path()));
        Self { inner, is_raw, opened }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[pymethods]
impl TokenStore {
    /// The store at a path, or several as one.
    ///
    /// Sizes, counts and types of `.bin`, `.idx` and `.json` are checked against each other; Megatron's own files,
    /// which have no `.json`, open as well. The cost is that of reading the index, 20 bytes a document. Files of other
    /// programs open by their path: numpy's `.npy` of uint16 or uint32, the `.bin` of llm.c and modded-nanogpt (both
    /// one document in all), and datatrove's `.ds` with its `.ds.index`. Megatron's int32 is read as uint32, so that
    /// a negative number, which is no id, would become one of 2³¹ or more.
    ///
    /// Several files are one store, whose documents are numbered through all of them: the shards of `world_size`
    /// processes (`corpus-00000-of-00008.bin` and so on) open by their common name `corpus`, and only when all are
    /// there and of one job; all token files of a folder open by the folder, in the order of their names; others as a
    /// list. A name with a slash behind it is that of a folder.
    ///
    /// Args:
    ///     path: What the names of the files have in common, the path of one of them, a folder, or a list of these.
    ///     dtype: `"uint16"` or `"uint32"`: `path` is a file of raw little-endian ids, or a list of such, one document
    ///         each. Not for files that tell it themselves.
    ///
    /// Raises:
    ///     OSError: A file cannot be read, or is missing (`FileNotFoundError`).
    ///     ValueError: The files are malformed or disagree, with file and place; a shard is missing, or of another job;
    ///         the name is that of two of these: shards, a whole store, a folder; or there is no index and no `dtype`, or
    ///         both and they differ.
    ///
    /// Example:
    ///     >>> import bytestride as bs, pathlib, tempfile
    ///     >>> path = pathlib.Path(tempfile.mkdtemp(), "raw.bin")
    ///     >>> _ = path.write_bytes(bytes([1, 0, 2, 0]))
    ///     >>> bs.TokenStore.open(path, dtype="uint16")[0]
    ///     array([1, 2], dtype=uint16)
    #[classmethod]
    #[pyo3(signature = (path, dtype=None))]
    fn open(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        dtype: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let dtype = dtype.map(stored_type).transpose()?;
        if let Ok(path) = path.extract::<PathBuf>() {
            let opened = py.detach(|| match dtype {
                None => store::TokenStore::open(&path),
                Some(dtype) => store::TokenStore::open_raw(&path, dtype),
            });
            return Ok(Self::at_path(opened.into_python()?, dtype.is_some()));
        }
        let paths = several_paths("path", path)?;
        let opened = py.detach(|| match dtype {
            None => store::TokenStore::open_all(&paths),
            Some(dtype) => store::TokenStore::open_all_raw(&paths, dtype),
        });
        let several = Opened::Several(paths.iter().map(|path| absolute(path)).collect());
        Ok(Self { inner: opened.into_python()?, is_raw: dtype.is_some(), opened: several })
    }

    /// All tokens, document after document: a read-only view `uint16[n]` or `uint32[n]` of the mapped file. O(1).
    ///
    /// Raises:
    ///     ValueError: The tokens lie in several files, which no array spans without a copy: see `shards`.
    #[getter]
    fn tokens<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyUntypedArray>> {
        let store = &slf.get().inner;
        if store.tokens().is_none() {
            return Err(PyValueError::new_err(format!(
                "tokens: those of {} lie in {} shards; expected one: take them from `shards`, or merge the files",
                store.path().display(),
                store.shards().len()
            )));
        }
        token_view(slf, |store| store.tokens().expect("looked at before"))
    }

    /// The tokens of each file: a list of read-only views `uint16[n]` or `uint32[n]`, in order. O(1) each.
    #[getter]
    fn shards<'py>(slf: &Bound<'py, Self>) -> PyResult<Vec<Bound<'py, PyUntypedArray>>> {
        let shards = 0..slf.get().inner.shards().len();
        shards.map(|shard| token_view(slf, |store| store.shards().nth(shard).expect("one of them"))).collect()
    }

    /// Where each document starts among all tokens, and the end of the last: a read-only view.
    ///
    /// `int64[len(store) + 1]`, O(1).
    #[getter]
    fn offsets<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyUntypedArray>> {
        view(slf, |store| Elements::Offsets(store.offsets()))
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }

    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        index: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyUntypedArray>> {
        let store = &slf.get().inner;
        let index = arguments::index(index, "an integer", "")?;
        let document = place_at("document", index, store.len() as u64)? as usize;
        token_view(slf, |store| store.document(document).expect("a document of the store"))
    }

    /// The numpy type of the tokens, `dtype("uint16")` or `dtype("uint32")`.
    #[getter]
    fn dtype<'py>(&self, py: Python<'py>) -> Bound<'py, PyArrayDescr> {
        match self.inner.dtype() {
            Dtype::U16 => u16::get_dtype(py),
            Dtype::U32 => u32::get_dtype(py),
        }
    }

    /// The `fingerprint` of the tokenizer that made the tokens; `None` for files from elsewhere, also if only some are.
    #[getter]
    fn fingerprint(&self) -> Option<&str> {
        self.inner.fingerprint()
    }

    /// The tokenizer that made the tokens, from `prefix.tokenizer.json`; reads the file each time.
    ///
    /// Raises:
    ///     OSError: The file is missing or cannot be read; files from elsewhere have none.
    ///     ValueError: It is malformed, or another tokenizer's; or some of the files are from elsewhere.
    #[getter]
    fn tokenizer(&self, py: Python<'_>) -> PyResult<Tokenizer> {
        Ok(py.detach(|| self.inner.tokenizer()).into_python()?.into())
    }

    /// What the names of the files have in common, the path of a file or folder, or the first of a list.
    #[getter]
    fn path(&self) -> PathBuf {
        self.inner.path().to_path_buf()
    }

    /// What encoding left out with `on_error="skip"`: what was wrong with each line, row or file, with its place.
    ///
    /// A new list of `str` like `"a.jsonl:17: no field \"text\" …"`; the first thousand of each shard, `skipped_count`
    /// counts all.
    #[getter]
    fn skipped(&self) -> Vec<String> {
        self.inner.manifests().flat_map(|manifest| manifest.skipped.iter().cloned()).collect()
    }

    /// How many lines, rows and files encoding left out.
    #[getter]
    fn skipped_count(&self) -> u64 {
        self.inner.manifests().flat_map(|manifest| &manifest.sources).map(|source| source.skipped).sum()
    }

    /// Writes all tokens in another program's format; what stands at `path` is replaced when all is written.
    ///
    /// Args:
    ///     path: The file to write; for Megatron what the names of `.bin` and `.idx` begin with.
    ///     format: `"raw"`: ids and nothing else, as nanoGPT reads them; `"npy"`: numpy's; `"llm.c"`: the `.bin` of llm.c
    ///         and modded-nanogpt, with their header; `"datatrove"`: `.ds`, with `.ds.index` beside it; `"megatron"`.
    ///     progress: Called as `progress(phase, done, total)` with `"copying"` and bytes of ids.
    ///
    /// Raises:
    ///     OSError: The file cannot be written.
    ///     ValueError: The format is another, or cannot count so many tokens.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np, pathlib, tempfile
    ///     >>> folder = pathlib.Path(tempfile.mkdtemp())
    ///     >>> np.arange(5, dtype="<u2").tofile(folder / "raw.bin")
    ///     >>> bs.TokenStore.open(folder / "raw.bin", dtype="uint16").export(folder / "x.npy", "npy")
    ///     >>> np.load(folder / "x.npy", mmap_mode="r")
    ///     memmap([0, 1, 2, 3, 4], dtype=uint16)
    #[pyo3(signature = (path, format, *, progress=None))]
    fn export(
        &self,
        py: Python<'_>,
        path: PathBuf,
        format: &str,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let format = ExportFormat::named(format).into_python()?;
        run_watched(py, progress, |monitor| self.inner.export(&path, format, monitor))
    }

    /// Reads everything and compares it with the manifest's checksums, on all threads; `None` if all is well.
    ///
    /// Args:
    ///     progress: Called as `progress(phase, done, total)` with `"verifying"` and bytes of ids.
    ///
    /// Raises:
    ///     ValueError: The first block that differs, with file and byte; a file has been cut short; or the store has no
    ///         manifest, and with it no checksums.
    #[pyo3(signature = (*, progress=None))]
    fn verify(&self, py: Python<'_>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        run_watched(py, progress, |monitor| self.inner.verify(monitor))
    }

    fn __repr__(&self) -> String {
        let (tokens, dtype) = (self.inner.total_tokens(), self.inner.dtype());
        let (path, documents) = (self.inner.path().display(), self.inner.len());
        let shards = match self.inner.shards().len() {
            1 => String::new(),
            shards => format!(" and {shards} shards"),
        };
        format!("<bytestride.TokenStore {path}: {tokens} tokens, {dtype}, in {documents} documents{shards}>")
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, OpenArguments)> {
        let store = slf.get();
        let dtype = store.is_raw.then(|| store.inner.dtype().name());
        Ok((slf.get_type().getattr("open")?, (store.opened.clone(), dtype)))
    }
}

/// What `TokenStore.open` takes.
type OpenArguments = (Opened, Option<&'static str>);

/// What a store has that Python sees in place.
enum Elements<'s> {
    Tokens(Tokens<'s>),
    Offsets(&'s [i64]),
}

/// A read-only array over some of a store's memory.
fn view<'py>(
    store: &Bound<'py, TokenStore>,
    elements: impl for<'s> FnOnce(&'s store::TokenStore) -> Elements<'s>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    fn parts<'py, T: Element>(
        py: Python<'py>,
        elements: &[T],
    ) -> (*const c_void, Bound<'py, PyArrayDescr>, usize) {
        (elements.as_ptr().cast(), T::get_dtype(py), elements.len())
    }
    let py = store.py();
    let (pointer, dtype, count) = match elements(&store.get().inner) {
        Elements::Tokens(Tokens::U16(tokens)) => parts(py, tokens),
        Elements::Tokens(Tokens::U32(tokens)) => parts(py, tokens),
        Elements::Offsets(offsets) => parts(py, offsets),
    };
    let stride = dtype.itemsize().cast_signed();
    // SAFETY: for any lifetime of the store, the elements are borrowed from it, or are there for ever. The class is
    // frozen, so maps and offsets stay where they are until the object dies, and the array keeps it alive.
    unsafe { strided_view(store.as_any(), pointer, dtype, &[count], &[stride], Access::ReadOnly) }
}

/// A read-only array over some tokens of a store.
fn token_view<'py>(
    store: &Bound<'py, TokenStore>,
    tokens: impl for<'s> FnOnce(&'s store::TokenStore) -> Tokens<'s>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    view(store, |store| Elements::Tokens(tokens(store)))
}

/// Copies token stores into one, and opens it.
///
/// The shards of one job (`world_size` of `encode_files`) give the files that one process would have written. Each is
/// compared with its checksums on the way. An older store of that prefix is replaced when all is written.
///
/// Args:
///     stores: As for `TokenStore.open`: the common name of the shards, a folder, or a list of stores.
///     prefix: What the names of the files to write begin with.
///     progress: Called as `progress(phase, done, total)` with `"copying"` and bytes of ids.
///
/// Raises:
///     OSError: A file cannot be read or written, or is missing.
///     ValueError: A shard is missing, damaged, or of another job, tokenizer, type, or tokens around documents; or has
///         no manifest; or `prefix` is the name of shards, beside which no whole store may stand.
///
/// Example:
///     >>> import bytestride as bs, pathlib, tempfile
///     >>> folder = pathlib.Path(tempfile.mkdtemp())
///     >>> _ = (folder / "text.txt").write_text("low lower lowest")
///     >>> tok = bs.train([b"low lower lowest"] * 2, 260)
///     >>> shards = [tok.encode_files(folder / "text.txt", folder / name).path for name in ("a", "b")]
///     >>> len(bs.merge(shards, folder / "both"))
///     2
#[pyfunction]
#[pyo3(signature = (stores, prefix, *, progress=None))]
pub(crate) fn merge(
    py: Python<'_>,
    stores: &Bound<'_, PyAny>,
    prefix: PathBuf,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<TokenStore> {
    let paths = match stores.extract::<PathBuf>() {
        Ok(path) => vec![path],
        Err(_) => several_paths("stores", stores)?,
    };
    let merged = run_watched(py, progress, |monitor| store::merge_stores(&paths, &prefix, monitor))?;
    Ok(TokenStore::at_path(merged, false))
}

/// The arguments of `Tokenizer.encode_files` that need more than PyO3's conversion.
pub(crate) struct FileArguments<'a, 'py> {
    pub(crate) reading: Reading,
    pub(crate) prefix: PathBuf,
    pub(crate) bos: EndIds,
    pub(crate) eos: EndIds,
    pub(crate) dtype: Option<&'a Bound<'py, PyAny>>,
    pub(crate) resume: bool,
    pub(crate) rank: Option<&'a Bound<'py, PyAny>>,
    pub(crate) world_size: Option<&'a Bound<'py, PyAny>>,
}

/// Encodes files into a store; Ctrl-C and an error in `progress` stop it.
pub(crate) fn encode_files(
    py: Python<'_>,
    tokenizer: &encode::Tokenizer,
    arguments: FileArguments<'_, '_>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<TokenStore> {
    let Reading { inputs, files, budget } = arguments.reading;
    let options = EncodeOptions {
        files,
        budget,
        bos: arguments.bos,
        eos: arguments.eos,
        dtype: arguments.dtype.map_or(Ok(None), chosen_type)?,
        resume: if arguments.resume { Resume::Continue } else { Resume::Restart },
        share: Share {
            rank: optional_size("rank", arguments.rank)?.unwrap_or(0),
            world_size: optional_size("world_size", arguments.world_size)?.unwrap_or(1),
        },
    };
    let prefix = &arguments.prefix;
    let store = run_watched(py, progress, |monitor| {
        store::encode_files(tokenizer, &inputs, prefix, &options, monitor)
    })?;
    Ok(TokenStore::at_path(store, false))
}

fn chosen_type(dtype: &Bound<'_, PyAny>) -> PyResult<Option<Dtype>> {
    let is_auto = dtype.cast::<PyString>().is_ok_and(|name| name == "auto");
    if is_auto { Ok(None) } else { type_among("\"auto\", \"uint16\" or \"uint32\"", dtype).map(Some) }
}

fn stored_type(dtype: &Bound<'_, PyAny>) -> PyResult<Dtype> {
    type_among("\"uint16\" or \"uint32\"", dtype)
}

/// The type that `dtype` means; what is `expected` is for the error.
fn type_among(expected: &str, dtype: &Bound<'_, PyAny>) -> PyResult<Dtype> {
    match Integer::new(dtype) {
        Ok(Integer::U16) => Ok(Dtype::U16),
        Ok(Integer::U32) => Ok(Dtype::U32),
        _ => Err(PyValueError::new_err(format!("dtype: expected {expected}, not {dtype}"))),
    }
}
