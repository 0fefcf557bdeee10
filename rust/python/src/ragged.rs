//! `Ragged`: the ids of several texts in one flat array.

use bytestride_core::encode::Ragged as CoreRagged;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;

use crate::arguments::unsigned;
use crate::view::view_of;

/// Ids and mask.
type Padded<'py> = (Bound<'py, PyArray2<u32>>, Bound<'py, PyArray2<bool>>);
/// What `Ragged` is made of.
type Arguments = (Py<PyArray1<u32>>, Py<PyArray1<i64>>, Option<u32>);

/// The ids of `n` texts, one after another: text `i` has `ids[offsets[i] : offsets[i + 1]]`.
///
/// `len(batch)` is the number of texts and `batch[i]` the ids of one, a read-only view `uint32[…]` without a copy.
/// Immutable.
///
/// Args:
///     ids: `uint32[total]`; copied.
///     offsets: `int64[n + 1]`, ascending from 0 to `total`; copied.
///     pad_id: What `padded` pads with if it is not told.
///
/// Raises:
///     ValueError: If `offsets` do not ascend from 0 to `len(ids)`.
///
/// Example:
///     >>> import bytestride as bs, numpy as np
///     >>> batch = bs.Ragged(np.array([1, 2, 3], "uint32"), np.array([0, 2, 2, 3]))
///     >>> len(batch), batch[0]
///     (3, array([1, 2], dtype=uint32))
#[pyclass(frozen, module = "bytestride")]
#[derive(Debug)]
pub(crate) struct Ragged {
    ids: Py<PyArray1<u32>>,
    offsets: Py<PyArray1<i64>>,
    pad_id: Option<u32>,
}

impl Ragged {
    /// Hands the vectors of `ragged` over to numpy, without a copy.
    pub(crate) fn from_core(py: Python<'_>, ragged: CoreRagged, pad_id: Option<u32>) -> Self {
        let ids = ragged.ids.into_pyarray(py);
        let offsets = ragged.offsets.into_pyarray(py);
        ids.readwrite().make_nonwriteable();
        offsets.readwrite().make_nonwriteable();
        Self { ids: ids.unbind(), offsets: offsets.unbind(), pad_id }
    }
}

#[pymethods]
impl Ragged {
    #[new]
    #[pyo3(signature = (ids, offsets, pad_id=None))]
    fn new(
        py: Python<'_>,
        ids: &Bound<'_, PyArray1<u32>>,
        offsets: &Bound<'_, PyArray1<i64>>,
        pad_id: Option<u32>,
    ) -> PyResult<Self> {
        let (ids, offsets) = (ids.to_vec()?, offsets.to_vec()?);
        let ends = [offsets.first().copied(), offsets.last().copied()];
        if ends != [Some(0), i64::try_from(ids.len()).ok()] || !offsets.is_sorted() {
            let message = format!("offsets: expected numbers ascending from 0 to the {} ids", ids.len());
            return Err(PyValueError::new_err(message));
        }
        Ok(Self::from_core(py, CoreRagged { ids, offsets }, pad_id))
    }

    /// All ids: `uint32[total]`, read-only, without a copy.
    #[getter]
    fn ids<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u32>> {
        self.ids.bind(py).clone()
    }

    /// Where the texts start and end in `ids`: `int64[n + 1]`, read-only, without a copy.
    #[getter]
    fn offsets<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.offsets.bind(py).clone()
    }

    /// The id that `padded` pads with if it is not told, or `None`.
    #[getter]
    fn pad_id(&self) -> Option<u32> {
        self.pad_id
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.offsets.bind(py).len() - 1
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyUntypedArray>> {
        let texts = self.__len__(py);
        let from_start = if index < 0 { index + texts.cast_signed() } else { index };
        let text = usize::try_from(from_start).ok().filter(|&text| text < texts).ok_or_else(|| {
            PyIndexError::new_err(format!("text {index} is out of range, there are {texts} texts"))
        })?;
        let offsets = self.offsets.bind(py).try_readonly()?;
        let (start, end) = (offsets.as_slice()?[text], offsets.as_slice()?[text + 1]);
        view_of(
            self.ids.bind(py).as_untyped(),
            start.cast_unsigned() as usize,
            &[(end - start).cast_unsigned() as usize],
            &[1],
        )
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let builtins = slf.py().import("builtins")?;
        let texts = builtins.call_method1("range", (slf.len()?,))?;
        builtins.call_method1("map", (slf.getattr("__getitem__")?, texts))
    }

    /// The ids as one rectangle, and which of them are real: `uint32[n, length]` and `bool[n, length]`, new arrays.
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
        let fail = |message: String| PyValueError::new_err(message);
        let pad_id = match pad_id {
            None => {
                self.pad_id.ok_or_else(|| fail("pad_id: is needed, the tokenizer has none".to_owned()))?
            }
            Some(id) => u32::try_from(unsigned("pad_id", id)?)
                .map_err(|_| fail(format!("pad_id: {id} is out of range, expected 0 to 2**32 - 1")))?,
        };
        let side = match side {
            "right" => Side::Right,
            "left" => Side::Left,
            _ => return Err(fail(format!("side: expected \"right\" or \"left\", not \"{side}\""))),
        };
        let (ids, offsets) = (self.ids.bind(py).try_readonly()?, self.offsets.bind(py).try_readonly()?);
        let (ids, offsets) = (ids.as_slice()?, offsets.as_slice()?);
        let longest =
            offsets.windows(2).map(|ends| (ends[1] - ends[0]).cast_unsigned() as usize).max().unwrap_or(0);
        let length = match length {
            None => longest,
            Some(length) => unsigned("length", length)? as usize,
        };
        if length < longest {
            return Err(fail(format!("length: {length} is too short, the longest text has {longest} ids")));
        }
        // numpy allocates, for it raises MemoryError where Rust would end the process.
        let (numpy, shape) = (py.import("numpy")?, (offsets.len() - 1, length));
        let padded = numpy.call_method1("full", (shape, pad_id, "uint32"))?.cast_into::<PyArray2<u32>>()?;
        let mask = numpy.call_method1("zeros", (shape, "bool"))?.cast_into::<PyArray2<bool>>()?;
        {
            let (mut padded, mut mask) = (padded.try_readwrite()?, mask.try_readwrite()?);
            place(ids, offsets, side, padded.as_slice_mut()?, mask.as_slice_mut()?);
        }
        Ok((padded, mask))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = other.py();
        let Ok(other) = other.cast::<Self>() else { return Ok(false) };
        let other = other.get();
        let same_ids =
            self.ids.bind(py).try_readonly()?.as_slice()? == other.ids.bind(py).try_readonly()?.as_slice()?;
        let (mine, others) = (self.offsets.bind(py).try_readonly()?, other.offsets.bind(py).try_readonly()?);
        Ok(same_ids && mine.as_slice()? == others.as_slice()?)
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> (Py<PyAny>, Arguments) {
        let (py, this) = (slf.py(), slf.get());
        let arguments = (this.ids.clone_ref(py), this.offsets.clone_ref(py), this.pad_id);
        (slf.get_type().into_any().unbind(), arguments)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("Ragged({} texts, {} ids)", self.__len__(py), self.ids.bind(py).len())
    }
}

/// Where padding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Writes each text into its row of `padded`, and where it stands into `mask`.
fn place(ids: &[u32], offsets: &[i64], side: Side, padded: &mut [u32], mask: &mut [bool]) {
    let length = padded.len() / (offsets.len() - 1).max(1);
    // Without columns there is nothing to write, and no chunk of length 0.
    let rows = padded.chunks_exact_mut(length.max(1)).zip(mask.chunks_exact_mut(length.max(1)));
    for (ends, (padded, mask)) in offsets.windows(2).zip(rows) {
        let text = &ids[ends[0].cast_unsigned() as usize..ends[1].cast_unsigned() as usize];
        let start = if side == Side::Left { length - text.len() } else { 0 };
        padded[start..][..text.len()].copy_from_slice(text);
        mask[start..][..text.len()].fill(true);
    }
}
