//! `Ragged`: the ids of several texts in one flat array.

use std::fmt::Display;
use std::ops::Range;

use bytestride_core::encode::Ragged as CoreRagged;
use numpy::{
    Element, IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::arguments::{self, contiguous, place_at, unsigned};
use crate::named::unexpected;
use crate::view::view_of;
use crate::{arrow, ids};

/// Ids and mask.
type Padded<'py> = (Bound<'py, PyUntypedArray>, Bound<'py, PyArray2<bool>>);
/// What `Ragged` is made of.
type Arguments<'py> = (Bound<'py, PyUntypedArray>, Bound<'py, PyUntypedArray>, Option<u32>);

/// All ids, as 16 or 32 bits.
#[derive(Debug)]
enum Ids {
    Narrow(Py<PyArray1<u16>>),
    Wide(Py<PyArray1<u32>>),
}

/// Runs `$body` with `$array` standing for the array, whatever its type.
macro_rules! with_array {
    ($ids:expr, $array:ident => $body:expr) => {
        match $ids {
            Ids::Narrow($array) => $body,
            Ids::Wide($array) => $body,
        }
    };
}

/// The ids of `n` texts, one after another: text `i` has `ids[offsets[i] : offsets[i + 1]]`.
///
/// `len(batch)` is the number of texts and `batch[i]` the ids of one, a read-only view without a copy.
/// Immutable.
///
/// Args:
///     ids: `uint32[total]` or `uint16[total]`; copied.
///     offsets: `int64[n + 1]`, ascending from 0 to `total`; copied.
///     pad_id: What `padded` pads with if it is not told.
///
/// Raises:
///     TypeError: If these are no arrays, or `offsets` not of int64.
///     ValueError: If `offsets` do not ascend from 0 to `len(ids)`, or ids are of another type.
///
/// Example:
///     >>> import bytestride as bs, numpy as np
///     >>> batch = bs.Ragged(np.array([1, 2, 3], "uint32"), np.array([0, 2, 2, 3]))
///     >>> len(batch), batch[0]
///     (3, array([1, 2], dtype=uint32))
#[pyclass(frozen, module = "bytestride")]
#[derive(Debug)]
pub(crate) struct Ragged {
    ids: Ids,
    offsets: Py<PyArray1<i64>>,
    pad_id: Option<u32>,
}

impl Ragged {
    /// Hands the memory of `ragged` over to numpy, without a copy.
    pub(crate) fn from_core(py: Python<'_>, ragged: CoreRagged, pad_id: Option<u32>) -> PyResult<Self> {
        let ids = Ids::Wide(freeze(ids::into_array(py, ragged.ids)?));
        Ok(Self { ids, offsets: frozen(py, ragged.offsets), pad_id })
    }

    /// The same with ids of 16 bits, which must hold them.
    pub(crate) fn narrow(py: Python<'_>, ragged: CoreRagged) -> Self {
        let ids = py.detach(|| ragged.ids.iter().map(|&id| id as u16).collect());
        Self { ids: Ids::Narrow(frozen(py, ids)), offsets: frozen(py, ragged.offsets), pad_id: None }
    }
}

/// An array of the vector's memory, read-only.
fn frozen<T: Element>(py: Python<'_>, vector: Vec<T>) -> Py<PyArray1<T>> {
    freeze(vector.into_pyarray(py))
}

fn freeze<T: Element>(array: Bound<'_, PyArray1<T>>) -> Py<PyArray1<T>> {
    array.readwrite().make_nonwriteable();
    array.unbind()
}

/// An error about the argument `name` if `offsets` do not tell where texts of `count` ids in all start and end.
fn check_offsets(name: &str, offsets: &[i64], count: usize) -> PyResult<()> {
    let ends = [offsets.first().copied(), offsets.last().copied()];
    if ends == [Some(0), i64::try_from(count).ok()] && offsets.is_sorted() {
        return Ok(());
    }
    let message = format!("{name}: expected offsets ascending from 0 to the {count} ids");
    Err(PyValueError::new_err(message))
}

#[pymethods]
impl Ragged {
    #[new]
    #[pyo3(signature = (ids, offsets, pad_id=None))]
    fn new(
        py: Python<'_>,
        ids: &Bound<'_, PyAny>,
        offsets: &Bound<'_, PyAny>,
        pad_id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let wanted = "a numpy array of uint32 or uint16";
        let ids = ids.cast::<PyUntypedArray>().map_err(|_| unexpected("ids", wanted, ids))?;
        let wanted = "a numpy array [n + 1] of int64";
        let offsets = offsets.cast::<PyUntypedArray>().map_err(|_| unexpected("offsets", wanted, offsets))?;
        let other = || {
            let (dtype, dimensions) = (offsets.dtype(), offsets.ndim());
            PyTypeError::new_err(format!(
                "offsets: expected {wanted}, not {dtype} in {dimensions} dimensions"
            ))
        };
        let offsets = offsets.cast::<PyArray1<i64>>().map_err(|_| other())?;
        let pad_id = pad_id.map(arguments::pad_id).transpose()?;
        let (dtype, dimensions, count) = (ids.dtype(), ids.ndim(), ids.len());
        let ids = if let Ok(ids) = ids.cast::<PyArray1<u32>>() {
            Ids::Wide(frozen(py, contiguous(ids)?.to_vec()?))
        } else if let Ok(ids) = ids.cast::<PyArray1<u16>>() {
            Ids::Narrow(frozen(py, contiguous(ids)?.to_vec()?))
        } else {
            let message =
                format!("ids: expected [n] uint32 or uint16, not {dtype} in {dimensions} dimensions");
            return Err(PyValueError::new_err(message));
        };
        let offsets = contiguous(offsets)?.to_vec()?;
        check_offsets("offsets", &offsets, count)?;
        Ok(Self { ids, offsets: frozen(py, offsets), pad_id })
    }

    /// All ids: a new read-only view `uint32[total]` or `uint16[total]`, O(1).
    #[getter]
    fn ids<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyUntypedArray>> {
        let count = slf.get().untyped_ids(slf.py()).len();
        Self::view(slf, 0..count)
    }

    /// Where the texts start and end in `ids`: a new read-only view `int64[n + 1]`, O(1).
    #[getter]
    fn offsets<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyUntypedArray>> {
        let offsets = slf.get().offsets.bind(slf.py());
        view_of(slf.as_any(), offsets.as_untyped(), 0, &[offsets.len()], &[1])
    }

    /// The id that `padded` pads with if it is not told, or `None`.
    #[getter]
    fn pad_id(&self) -> Option<u32> {
        self.pad_id
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.offsets.bind(py).len() - 1
    }

    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        index: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyUntypedArray>> {
        let (py, this) = (slf.py(), slf.get());
        let index = arguments::index(index, "an integer", "")?;
        let text = place_at("text", index, this.__len__(py) as u64)? as usize;
        let offsets = this.offsets.bind(py).try_readonly()?;
        let ends = [offsets.as_slice()?[text], offsets.as_slice()?[text + 1]];
        let [start, end] = ends.map(|end| end.cast_unsigned() as usize);
        Self::view(slf, start..end)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let builtins = slf.py().import("builtins")?;
        let texts = builtins.call_method1("range", (slf.len()?,))?;
        builtins.call_method1("map", (slf.getattr("__getitem__")?, texts))
    }

    /// The ids as one rectangle, and which of them are real.
    ///
    /// That is `[n, length]` of the type that `ids` has, and `bool[n, length]`; new arrays.
    ///
    /// Args:
    ///     pad_id: The id in the places without one; `None` is `[PAD]`, if the tokenizer has it.
    ///     length: Columns; `None` is the length of the longest text.
    ///     side: Where the padding stands, `"right"` or `"left"`.
    ///
    /// Raises:
    ///     ValueError: If a text is longer than `length`, or there is no `pad_id`.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> batch = bs.Ragged(np.array([1, 2, 3], "uint32"), np.array([0, 2, 3]))
    ///     >>> ids, mask = batch.padded(0)
    ///     >>> ids
    ///     array([[1, 2],
    ///            [3, 0]], dtype=uint32)
    ///     >>> mask
    ///     array([[ True,  True],
    ///            [ True, False]])
    #[pyo3(signature = (pad_id=None, length=None, side="right"))]
    fn padded<'py>(
        &self,
        py: Python<'py>,
        pad_id: Option<&Bound<'py, PyAny>>,
        length: Option<&Bound<'py, PyAny>>,
        side: &str,
    ) -> PyResult<Padded<'py>> {
        let side = Side::of(side)?;
        let length = self.padded_length(py, length)?;
        let pad_id = self.padding(pad_id)?;
        let shape = (self.__len__(py), length);
        let mask = full(py, shape, false)?;
        let offsets = self.offsets.bind(py).try_readonly()?;
        fill(offsets.as_slice()?, side, mask.try_readwrite()?.as_slice_mut()?);
        let ids = with_array!(&self.ids, array => {
            placed(array.bind(py), offsets.as_slice()?, side, shape, pad_id)?.as_untyped().clone()
        });
        Ok((ids, mask))
    }

    /// The ids as an Arrow array of lists, a `LargeListArray`: no copy, it shares the memory. Needs pyarrow.
    ///
    /// Raises:
    ///     ModuleNotFoundError: If pyarrow is not installed.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> batch = bs.Ragged(np.array([1, 2, 3], "uint32"), np.array([0, 2, 3]))
    ///     >>> batch.to_arrow().to_pylist()
    ///     [[1, 2], [3]]
    fn to_arrow<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        arrow::to_arrow(self.untyped_ids(py).as_any(), self.offsets.bind(py))
    }

    /// For whoever reads Arrow's C interface, as `pyarrow.array(batch)` and polars do: the capsules of `to_arrow()`.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.to_arrow(py)?.call_method1("__arrow_c_array__", (requested_schema,))
    }

    /// The ids of an Arrow array of lists (or a chunked one, as columns are) of integers. Needs pyarrow.
    ///
    /// Those of uint32 or uint16 in one chunk are shared, without a copy; others become uint32.
    ///
    /// Args:
    ///     lists: A `pyarrow.ListArray`, `LargeListArray` or `ChunkedArray` of such.
    ///
    /// Raises:
    ///     TypeError: If it is none of these.
    ///     ValueError: If there is a null, an id does not fit uint32, or the lists do not stand one behind another.
    ///     ModuleNotFoundError: If pyarrow is not installed.
    ///
    /// Example:
    ///     >>> import bytestride as bs, pyarrow as pa
    ///     >>> batch = bs.Ragged.from_arrow(pa.array([[1, 2], [], [3]]))
    ///     >>> batch.ids, batch.offsets
    ///     (array([1, 2, 3], dtype=uint32), array([0, 2, 2, 3]))
    #[classmethod]
    fn from_arrow(_class: &Bound<'_, PyType>, lists: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (ids, offsets) = arrow::from_arrow(lists)?;
        for array in [&ids, offsets.as_any()] {
            array.call_method1("setflags", (false,))?;
        }
        check_offsets("lists", offsets.try_readonly()?.as_slice()?, ids.len()?)?;
        let ids = match ids.cast::<PyArray1<u16>>() {
            Ok(narrow) => Ids::Narrow(narrow.clone().unbind()),
            Err(_) => Ids::Wide(ids.cast_into::<PyArray1<u32>>()?.unbind()),
        };
        Ok(Self { ids, offsets: offsets.unbind(), pad_id: None })
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = other.py();
        let Ok(other) = other.cast::<Self>() else { return Ok(false) };
        let other = other.get();
        let (mine, others) = (self.offsets.bind(py).try_readonly()?, other.offsets.bind(py).try_readonly()?);
        if mine.as_slice()? != others.as_slice()? {
            return Ok(false);
        }
        with_array!(&self.ids, mine => with_array!(&other.ids, others => {
            let (mine, others) = (mine.bind(py).try_readonly()?, others.bind(py).try_readonly()?);
            Ok(are_equal(mine.as_slice()?, others.as_slice()?))
        }))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Arguments<'py>)> {
        let arguments = (Self::ids(slf)?, Self::offsets(slf)?, slf.get().pad_id);
        Ok((slf.get_type().into_any(), arguments))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let ids = self.untyped_ids(py);
        format!("Ragged({} texts, {} ids of {})", self.__len__(py), ids.len(), ids.dtype())
    }
}

impl Ragged {
    /// The array of all ids. Nobody else may see it, who could change its type or its shape.
    fn untyped_ids<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyUntypedArray> {
        with_array!(&self.ids, array => array.bind(py).as_untyped())
    }

    /// A read-only view of some ids.
    fn view<'py>(slf: &Bound<'py, Self>, range: Range<usize>) -> PyResult<Bound<'py, PyUntypedArray>> {
        view_of(slf.as_any(), slf.get().untyped_ids(slf.py()), range.start, &[range.len()], &[1])
    }

    /// The id to pad with: the one asked for, or the own one.
    fn padding(&self, asked: Option<&Bound<'_, PyAny>>) -> PyResult<u32> {
        match asked {
            None => {
                self.pad_id.ok_or_else(|| PyValueError::new_err("pad_id: is needed, the tokenizer has none"))
            }
            Some(id) => arguments::pad_id(id),
        }
    }

    /// How many columns a rectangle of the texts has: as many as asked for, if that is enough.
    fn padded_length(&self, py: Python<'_>, asked: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
        let offsets = self.offsets.bind(py).try_readonly()?;
        let counts = offsets.as_slice()?.windows(2).map(|ends| (ends[1] - ends[0]).cast_unsigned() as usize);
        let longest = counts.max().unwrap_or(0);
        let Some(asked) = asked else { return Ok(longest) };
        let length = unsigned("length", asked)? as usize;
        if length < longest {
            let message = format!("length: {length} is too short, the longest text has {longest} ids");
            return Err(PyValueError::new_err(message));
        }
        Ok(length)
    }
}

/// The id that the argument `pad_id` is.
fn out_of_range(pad_id: impl Display, last: &str) -> PyErr {
    PyValueError::new_err(format!("pad_id: {pad_id} is out of range, expected 0 to {last}"))
}

/// Where padding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl Side {
    fn of(name: &str) -> PyResult<Self> {
        match name {
            "right" => Ok(Side::Right),
            "left" => Ok(Side::Left),
            _ => Err(PyValueError::new_err(format!("side: expected \"right\" or \"left\", not \"{name}\""))),
        }
    }
}

/// Whether these are the same numbers, whatever their types.
fn are_equal<A: Copy + Into<u32>, B: Copy + Into<u32>>(mine: &[A], others: &[B]) -> bool {
    mine.len() == others.len() && mine.iter().zip(others).all(|(&mine, &other)| mine.into() == other.into())
}

/// A new array full of one value. numpy allocates, for it raises `MemoryError` where Rust would end the process.
fn full<'py, T: Element + IntoPyObject<'py>>(
    py: Python<'py>,
    shape: (usize, usize),
    value: T,
) -> PyResult<Bound<'py, PyArray2<T>>> {
    let array = py.import("numpy")?.call_method1("full", (shape, value, T::get_dtype(py)))?;
    Ok(array.cast_into()?)
}

/// Each row of a rectangle with the range of ids that its text has, and where these stand in the row.
fn rows<'a, T>(
    offsets: &'a [i64],
    side: Side,
    rectangle: &'a mut [T],
) -> impl Iterator<Item = (Range<usize>, &'a mut [T])> {
    let length = rectangle.len() / (offsets.len() - 1).max(1);
    // Without columns there is nothing to write, and no chunk of length 0.
    let rows = rectangle.chunks_exact_mut(length.max(1));
    offsets.windows(2).zip(rows).map(move |(ends, row)| {
        let text = ends[0].cast_unsigned() as usize..ends[1].cast_unsigned() as usize;
        let start = if side == Side::Left { length - text.len() } else { 0 };
        (text.clone(), &mut row[start..][..text.len()])
    })
}

/// A new rectangle with each text in its row, and `pad_id` elsewhere.
fn placed<'py, T: Element + Copy + TryFrom<u32> + IntoPyObject<'py>>(
    ids: &Bound<'py, PyArray1<T>>,
    offsets: &[i64],
    side: Side,
    shape: (usize, usize),
    pad_id: u32,
) -> PyResult<Bound<'py, PyArray2<T>>> {
    let pad_id = T::try_from(pad_id).map_err(|_| out_of_range(pad_id, "65535"))?;
    let padded = full(ids.py(), shape, pad_id)?;
    let ids = ids.try_readonly()?;
    for (text, row) in rows(offsets, side, padded.try_readwrite()?.as_slice_mut()?) {
        row.copy_from_slice(&ids.as_slice()?[text]);
    }
    Ok(padded)
}

/// Marks where the texts stand.
fn fill(offsets: &[i64], side: Side, mask: &mut [bool]) {
    for (_, row) in rows(offsets, side, mask) {
        row.fill(true);
    }
}
