//! `bytestride.windows` and the class `Windows`.

use std::sync::OnceLock;

use bytestride_core::windows as core;
use bytestride_core::windows::{Documents, Layout, Places, Tail, Token, WriteRow};
use numpy::{PyArray1, PyArrayMethods, PyUntypedArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySlice};
use pyo3::{PyTraverseError, PyVisit};

use crate::arguments::{
    self, Integer, clamped, contiguous, integers, length_of, place_at, type_name, unsigned,
};
use crate::batches::{Batches, DATA, Mark, Rows, batches_method};
use crate::blocks::{self, Gather, gather_into, gathered};
use crate::errors::IntoPython;
use crate::memory::{Pool, Shape};
use crate::named::{function_with, one_of, unexpected};
use crate::tokens::{Tokens, with_type};

/// A function and its arguments, as pickle wants them.
type Reduced<'w, 'py> = (Bound<'py, PyAny>, (&'w Py<PyAny>, u64, u64));
/// Inputs and targets.
type Pair<'py> = (Bound<'py, PyUntypedArray>, Bound<'py, PyUntypedArray>);

/// Windows of `max_length` tokens, each `stride` tokens after the last, with targets one token later.
///
/// Window `k` has the inputs `tokens[k*stride : k*stride + max_length]` and the targets
/// `tokens[k*stride + 1 : k*stride + max_length + 1]`. Nothing is copied: the windows keep `tokens` alive and look
/// at it. O(1), some microseconds whatever the size.
///
/// Args:
///     tokens: A one-dimensional contiguous numpy array of uint16, uint32, int32 or int64, or anything with such an array
///         as its attribute `tokens` or `ids`, or several as `shards`, as a `TokenStore` or a `Ragged`. Windows run on from
///         one shard to the next.
///     max_length: Tokens in a window.
///     stride: Tokens from the start of one window to the start of the next; `None` is `max_length`. Smaller, windows
///         overlap; larger, tokens between them are left out. (In Hugging Face, `stride` is the length of the overlap.)
///     tail: What becomes of the tokens behind the last complete window. `"drop"` leaves them out; `"pad"` makes
///         one more window of them, as if `pad_id` stood after the last token without end.
///     boundaries: `"ignore"`: windows run across the ends of documents. `"respect"`: each document has the windows it
///         would have alone, by `stride` and `tail`, so neither inputs nor targets cross into the next. This needs
///         the documents' `offsets`, which a `TokenStore` and a `Ragged` have; costs one pass over them, and 24 bytes
///         for each document with a window.
///     pad_id: What pads inputs and targets alike; needed with `tail="pad"`. Must fit the type of the tokens.
///
/// Raises:
///     ValueError: If `max_length` or `stride` is 0, or the tokens are too few for one window, not contiguous, not
///         one-dimensional, or of another type; or boundaries are to be respected and there are no offsets.
///     TypeError: If `tokens` is not an array and has none.
///
/// Example:
///     >>> import bytestride as bs, numpy as np
///     >>> words = "Lorem ipsum dolor sit amet, consectetur adipiscing elit,".split(" ")
///     >>> w = bs.windows(np.arange(len(words), dtype="uint16"), max_length=4, stride=1)
///     >>> w.inputs
///     array([[0, 1, 2, 3],
///            [1, 2, 3, 4],
///            [2, 3, 4, 5],
///            [3, 4, 5, 6]], dtype=uint16)
///     >>> w.targets[0]
///     array([1, 2, 3, 4], dtype=uint16)
///     >>> " ".join(words[id] for id in w.inputs[1]), " ".join(words[id] for id in w.targets[1])
///     ('ipsum dolor sit amet,', 'dolor sit amet, consectetur')
///     >>> batch = bs.Ragged(np.array([1, 2, 3, 7, 8, 9], "uint32"), np.array([0, 3, 6]))
///     >>> [inputs.tolist() for inputs, targets in bs.windows(batch, 2, stride=1, boundaries="respect")]
///     [[1, 2], [7, 8]]
#[pyfunction]
#[pyo3(signature = (tokens, max_length, stride=None, *, tail=Tail::Drop, boundaries=Boundaries::Ignore, pad_id=None),
       text_signature = "(tokens, max_length, stride=None, *, tail=\"drop\", boundaries=\"ignore\", pad_id=None)")]
pub(crate) fn windows(
    tokens: &Bound<'_, PyAny>,
    max_length: &Bound<'_, PyAny>,
    stride: Option<&Bound<'_, PyAny>>,
    #[pyo3(from_py_with = tail_of)] tail: Tail,
    #[pyo3(from_py_with = boundaries_of)] boundaries: Boundaries,
    pad_id: Option<&Bound<'_, PyAny>>,
) -> PyResult<Windows> {
    let max_length = unsigned("max_length", max_length)?;
    let stride = stride.map_or(Ok(max_length), |stride| unsigned("stride", stride))?;
    match (tail, pad_id) {
        (Tail::Pad, None) => return Err(PyValueError::new_err("pad_id: is needed with tail=\"pad\"")),
        (Tail::Drop, Some(_)) => {
            return Err(PyValueError::new_err("pad_id: has no meaning without tail=\"pad\""));
        }
        _ => {}
    }
    let expected = "a numpy array, a TokenStore or a Ragged";
    if tokens.is_instance_of::<Windows>() {
        // They have tokens, too, but their documents would be forgotten.
        return Err(unexpected("tokens", expected, tokens));
    }
    let array = Tokens::of("tokens", expected, tokens)?;
    let count = array.count();
    let pad = pad_id.map(|id| padding(id, array.integer())).transpose()?;
    let places = match boundaries {
        Boundaries::Ignore => {
            Places::Across(Layout::new(count as u64, max_length, stride, tail).into_python()?)
        }
        Boundaries::Respect => {
            let offsets = offsets_of("boundaries", tokens, count)?;
            let offsets = offsets.try_readonly()?;
            let offsets = offsets.as_slice()?;
            let documents = tokens.py().detach(|| Documents::new(offsets, max_length, stride, tail));
            Places::Within(documents.into_python()?)
        }
    };
    let source = tokens.clone().unbind();
    Ok(Windows { source, tokens: array, places, pad, pool: Pool::default(), fingerprint: OnceLock::new() })
}

/// Whether windows run across documents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Boundaries {
    Ignore,
    Respect,
}

fn tail_of(value: &Bound<'_, PyAny>) -> PyResult<Tail> {
    one_of("tail", &[("drop", Tail::Drop), ("pad", Tail::Pad)], value)
}

fn boundaries_of(value: &Bound<'_, PyAny>) -> PyResult<Boundaries> {
    one_of("boundaries", &[("ignore", Boundaries::Ignore), ("respect", Boundaries::Respect)], value)
}

/// The id that the argument `pad_id` is, which tokens of type `integer` can be.
fn padding(id: &Bound<'_, PyAny>, integer: Integer) -> PyResult<i64> {
    let misfit =
        || PyValueError::new_err(format!("pad_id: {id} does not fit the tokens' type {}", integer.name()));
    // Clamped, an id beyond is another one than was given.
    let number = clamped("pad_id", id)?;
    if integer.holds(number) && id.eq(number)? { Ok(number) } else { Err(misfit()) }
}

/// Where the documents of `source`, which has `count` tokens, start and end: its attribute `offsets`. An error names the
/// argument `name`.
pub(crate) fn offsets_of<'py>(
    name: &str,
    source: &Bound<'py, PyAny>,
    count: usize,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let missing = || {
        let kind = type_name(source);
        PyValueError::new_err(format!(
            "{name}: the documents' offsets are needed, which a TokenStore or a Ragged has and {kind} has not; \
             bs.Ragged(ids, offsets) makes one"
        ))
    };
    let offsets = source.getattr_opt("offsets")?.ok_or_else(missing)?;
    let offsets = offsets
        .cast_into::<PyArray1<i64>>()
        .map_err(|_| PyValueError::new_err(format!("{name}: expected offsets as an array int64[n + 1]")))?;
    let offsets = contiguous(&offsets)?;
    if offsets.try_readonly()?.as_slice()?.last() != Some(&(count as i64)) {
        let message = format!("{name}: expected offsets that end at the {count} tokens");
        return Err(PyValueError::new_err(message));
    }
    Ok(offsets)
}

/// Windows over tokens, made by `bytestride.windows`: `(inputs, targets)` by index, slice, batch or all at once.
///
/// `len(w)` is the number of windows, `w[i]` one window as two arrays `[max_length]`, `w[a:b:c]` some as two arrays
/// `[n, max_length]`. All are read-only views without a copy that keep the tokens alive; only a window that is
/// padded, or lies in two shards, is a copy, by itself, and therefore in no slice. Windows within documents (`boundaries="respect"`) do not lie evenly:
/// of several there is no view, but `gather` and `batches` serve them all the same. Immutable, and safe to use from
/// several threads.
///
/// Example:
///     >>> import bytestride as bs, numpy as np
///     >>> w = bs.windows(np.arange(8, dtype="uint16"), max_length=4, stride=2)
///     >>> len(w), w
///     (2, Windows(2 windows of 4 tokens, stride 2, over 8 tokens of uint16))
///     >>> inputs, targets = w[1]
///     >>> inputs, targets
///     (array([2, 3, 4, 5], dtype=uint16), array([3, 4, 5, 6], dtype=uint16))
#[pyclass(frozen, module = "bytestride")]
#[derive(Debug)]
pub(crate) struct Windows {
    /// What the caller gave: the array, or its owner.
    source: Py<PyAny>,
    tokens: Tokens,
    places: Places,
    pad: Option<i64>,
    pool: Pool,
    /// The fingerprint of the windows, made when it is first needed.
    fingerprint: OnceLock<u64>,
}

impl Windows {
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// Where memory for batches comes from.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What must be equal for a position to mean the same.
    pub(crate) fn marks(&self) -> Vec<(&'static str, Mark)> {
        let places = &self.places;
        vec![
            ("windows", Mark::Number(places.windows())),
            ("max_length", Mark::Number(places.max_length())),
            ("stride", Mark::Number(places.stride())),
            ("tokens", Mark::Number(places.tokens())),
            ("tail", Mark::Name(self.tail())),
            ("boundaries", Mark::Name(self.boundaries())),
            (DATA, Mark::Number(self.fingerprint())),
        ]
    }

    fn fingerprint(&self) -> u64 {
        *self.fingerprint.get_or_init(|| {
            let (rows, start) = (self.places.windows(), |window| self.places.span(window).0);
            with_type!(self.tokens.integer(), S => core::fingerprint(self.tokens.typed::<S>(), rows, start))
        })
    }

    /// The windows, to be written as `T`.
    pub(crate) fn rows<T: Token>(&self) -> bytestride_core::Result<Box<dyn WriteRow<T, Row = u64> + '_>> {
        with_type!(self.tokens.integer(), S => {
            Ok(Box::new(core::Windows::new(&self.places, self.tokens.typed::<S>(), self.pad)?))
        })
    }

    /// Views of complete windows, `rows` of them, `step` windows apart, from window `first` on.
    fn views<'py>(
        &self,
        py: Python<'py>,
        layout: &Layout,
        first: u64,
        step: isize,
        rows: usize,
    ) -> PyResult<Pair<'py>> {
        let columns = self.columns();
        // With less than two rows no one walks the stride, which may then be any number.
        let apart = if rows < 2 { 0 } else { layout.stride().cast_signed() as isize * step };
        let start = if rows == 0 { 0 } else { layout.start(first) as usize };
        let view = |start| {
            let view = self.tokens.view(py, start, &[rows, columns], &[apart, 1])?;
            view.ok_or_else(|| {
                PyValueError::new_err(
                    "the windows lie in several shards, so there is no view of them; w[i] is a single window, and \
                     w.gather(...) and w.batches(...) copy any",
                )
            })
        };
        Ok((view(start)?, view(start + 1)?))
    }

    /// Where windows lie evenly, as those of a view must.
    fn layout(&self) -> PyResult<&Layout> {
        match &self.places {
            Places::Across(layout) => Ok(layout),
            Places::Within(_) => Err(PyValueError::new_err(
                "windows within documents do not lie evenly, so there is no view of several; w[i] is one of a \
                 single window, and w.gather(...) and w.batches(...) copy any",
            )),
        }
    }

    /// One window as rows: a view, or a copy if it is padded or lies in two shards.
    pub(crate) fn window<'py>(&self, py: Python<'py>, window: u64) -> PyResult<Pair<'py>> {
        let (start, columns) = (self.places.span(window).0 as usize, self.columns());
        let view = |start| self.tokens.view(py, start, &[columns], &[1]);
        if self.places.is_complete(window)
            && let (Some(inputs), Some(targets)) = (view(start)?, view(start + 1)?)
        {
            return Ok((inputs, targets));
        }
        self.check(py)?;
        let shape = Shape { blocks: 2, rows: 1, columns, integer: self.tokens.integer() };
        let mut memory = self.pool.take(shape)?;
        gather_into(&mut memory, self, &[window]).into_python()?;
        let (inputs, targets) = blocks::pair(memory.into_arrays(py)?)?;
        let row = |block: Py<PyUntypedArray>| {
            let row = block.bind(py).get_item(0)?;
            row.call_method1("setflags", (false,))?;
            PyResult::Ok(row.cast_into::<PyUntypedArray>()?)
        };
        Ok((row(inputs)?, row(targets)?))
    }

    fn all<'py>(&self, py: Python<'py>) -> PyResult<Pair<'py>> {
        let layout = self.layout()?;
        if layout.complete() < layout.windows() {
            return Err(padded_in_view());
        }
        self.views(py, layout, 0, 1, layout.windows() as usize)
    }
}

impl Gather for Windows {
    type Row = u64;

    fn columns(&self) -> usize {
        self.places.max_length() as usize // Any array that can be made has no more.
    }

    fn sources(&self) -> impl Iterator<Item = &Tokens> {
        std::iter::once(&self.tokens)
    }

    fn gather<T: Token>(
        &self,
        rows: &[u64],
        inputs: &mut [T],
        targets: &mut [T],
    ) -> bytestride_core::Result<()> {
        core::gather(self.rows::<T>()?.as_ref(), rows, inputs, targets)
    }
}

fn padded_in_view() -> PyErr {
    PyValueError::new_err(
        "the last window is padded, so it is no view of the tokens; w[:-1] is one of all others, w[-1] a copy of \
         the last, and w.gather(...) and w.batches(...) serve all",
    )
}

batches_method! {
    /// An iterator over the batches of one epoch: `(inputs, targets)`, two arrays `dtype[batch_size, max_length]`.
    ///
    /// The order is a function of `seed`, `epoch` and position alone and takes no memory. In each step all ranks
    /// together take the next `batch_size * world_size` windows of it, each rank a contiguous part, so in one epoch
    /// every window is read once (but for those that `drop_last` drops). A batch is one copy, without the GIL.
    ///
    /// Args:
    ///     batch_size: Windows in a batch of this rank.
    ///     shuffle: Whether the windows come in an order drawn by `seed` and `epoch`, or as they lie.
    ///     block_size: Shuffle by blocks of so many neighbouring windows: the blocks, and the windows of each. A disk is
    ///         read in long stretches then, and a block should be many batches. `None` shuffles all among each other.
    ///     seed: The run's seed, 0 to 2**64 - 1.
    ///     epoch: The epoch, 0 to 2**64 - 1; each has another order.
    ///     drop_last: Whether windows that do not fill a whole step are left out. If not, the last batch is shorter, and
    ///         with several ranks some may have no last batch.
    ///     rank: This process's number, below `world_size`.
    ///     world_size: How many processes share the epoch.
    ///     dtype: int64, int32, uint32 or uint16. `None` is the type of `out`, or int64.
    ///     prefetch: How many batches a thread makes ahead; 0 for none. It starts once making a batch has taken longer
    ///         than waking a thread does (from a disk, or large ones), and is of no use with `out`.
    ///     out: Where every batch is written, over the one before: a pair of arrays `[batch_size, max_length]` or one
    ///         array `[2, batch_size, max_length]`; of pinned memory, as `tensor.numpy()` gives it, too. `None` makes new
    ///         arrays for each batch; their memory is used again once no one has them any more.
    ///
    /// Raises:
    ///     ValueError: If a number is out of range, the windows are too few for one batch and `drop_last` is set, or `out`
    ///         has another shape or type.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> w = bs.windows(np.arange(9), max_length=2)
    ///     >>> [inputs.tolist() for inputs, targets in w.batches(2, shuffle=False)]
    ///     [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    Windows
}

#[pymethods]
impl Windows {
    /// The inputs of all windows: a read-only view `[n, max_length]` of the tokens, in their type.
    ///
    /// No copy; the view keeps the tokens alive. O(1).
    ///
    /// Raises:
    ///     ValueError: If the last window is padded, for it is no part of the tokens; or the windows are within
    ///         documents, for they do not lie evenly.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> bs.windows(np.arange(8, dtype="uint16"), 4, stride=2).inputs
    ///     array([[0, 1, 2, 3],
    ///            [2, 3, 4, 5]], dtype=uint16)
    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyUntypedArray>> {
        Ok(self.all(py)?.0)
    }

    /// The targets of all windows: a read-only view `[n, max_length]`, one token after the inputs.
    ///
    /// No copy; the view keeps the tokens alive. O(1).
    ///
    /// Raises:
    ///     ValueError: If the last window is padded, for it is no part of the tokens; or the windows are within
    ///         documents, for they do not lie evenly.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> bs.windows(np.arange(8, dtype="uint16"), 4, stride=2).targets
    ///     array([[1, 2, 3, 4],
    ///            [3, 4, 5, 6]], dtype=uint16)
    #[getter]
    fn targets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyUntypedArray>> {
        Ok(self.all(py)?.1)
    }

    /// Tokens in a window.
    #[getter]
    fn max_length(&self) -> u64 {
        self.places.max_length()
    }

    /// Tokens from the start of one window to the start of the next.
    #[getter]
    fn stride(&self) -> u64 {
        self.places.stride()
    }

    /// What becomes of the tokens behind the last complete window: `"drop"` or `"pad"`.
    #[getter]
    fn tail(&self) -> &'static str {
        if self.pad.is_some() { "pad" } else { "drop" }
    }

    /// Whether windows run across documents: `"ignore"` or `"respect"`.
    #[getter]
    fn boundaries(&self) -> &'static str {
        match self.places {
            Places::Across(_) => "ignore",
            Places::Within(_) => "respect",
        }
    }

    /// The id that pads incomplete windows, or `None` with `tail="drop"`.
    #[getter]
    fn pad_id(&self) -> Option<i64> {
        self.pad
    }

    /// The array that the windows look at; a `ValueError` if they look at several shards.
    #[getter]
    fn tokens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyUntypedArray>> {
        let view = self.tokens.view(py, 0, &[self.tokens.count()], &[1])?;
        view.ok_or_else(|| PyValueError::new_err("tokens: they lie in several shards, which no array spans"))
    }

    fn __len__(&self) -> PyResult<usize> {
        length_of(self.places.windows(), "windows")
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Pair<'py>> {
        let Ok(slice) = index.cast::<PySlice>() else {
            let index = arguments::index(index, "an integer or a slice", "; see gather")?;
            return self.window(py, place_at("window", index, self.places.windows())?);
        };
        let layout = self.layout()?;
        let bounds = slice.indices(self.__len__()?.cast_signed())?;
        let (first, rows) = (bounds.start.cast_unsigned() as u64, bounds.slicelength);
        let last = bounds.start + bounds.step * (rows.cast_signed() - 1);
        if rows > 0 && first.max(last.cast_unsigned() as u64) >= layout.complete() {
            return Err(padded_in_view());
        }
        self.views(py, layout, first, bounds.step, rows)
    }

    /// Inputs and targets of any windows, copied: two arrays `dtype[n, max_length]`, contiguous each.
    ///
    /// The GIL is released; above some MiB of output several threads copy.
    ///
    /// Args:
    ///     indices: `n` integers, in any order, also repeated; negative ones count from the end.
    ///     out: Where to write: a pair of arrays `[n, max_length]`, or one array `[2, n, max_length]`. They are
    ///         returned. `None` makes new ones.
    ///     dtype: int64, int32, uint32 or uint16. `None` is the type of `out`, or int64.
    ///
    /// Raises:
    ///     IndexError: If there is no window of an index.
    ///     ValueError: If an id does not fit `dtype`, or `out` has another shape or type, is not contiguous and writeable,
    ///         or shares memory with itself or the tokens.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> w = bs.windows(np.arange(8, dtype="uint16"), max_length=4, stride=2)
    ///     >>> inputs, targets = w.gather([1, 0])
    ///     >>> inputs
    ///     array([[2, 3, 4, 5],
    ///            [0, 1, 2, 3]])
    #[pyo3(signature = (indices, out=None, dtype=None))]
    fn gather(
        &self,
        py: Python<'_>,
        indices: &Bound<'_, PyAny>,
        out: Option<&Bound<'_, PyAny>>,
        dtype: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<blocks::Pair> {
        let window = |&index: &i64| place_at("window", index.into(), self.places.windows());
        let indices = integers("indices", indices)?.iter().map(window).collect::<PyResult<Vec<u64>>>()?;
        gathered(py, self, &indices, &self.pool, out, dtype)
    }

    /// For the garbage collector, since tokens may belong to what holds these. It breaks cycles elsewhere.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.source)?;
        self.tokens.traverse(&visit)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'_, 'py>> {
        let arguments = (&self.source, self.places.max_length(), self.places.stride());
        let options = PyDict::new(py);
        if let Some(pad) = self.pad {
            options.set_item("tail", "pad")?;
            options.set_item("pad_id", pad)?;
        }
        if matches!(self.places, Places::Within(_)) {
            options.set_item("boundaries", "respect")?;
        }
        Ok((function_with(py, "windows", &options)?, arguments))
    }

    fn __repr__(&self) -> String {
        let (places, name) = (&self.places, self.tokens.integer().name());
        let pad = self.pad.map_or(String::new(), |id| format!(", tail padded with {id}"));
        let within = if matches!(places, Places::Within(_)) { ", within documents" } else { "" };
        format!(
            "Windows({} windows of {} tokens, stride {}{pad}{within}, over {} tokens of {name})",
            places.windows(),
            places.max_length(),
            places.stride(),
            places.tokens()
        )
    }
}
