//! Gathering inputs and targets: into memory of a pool, or into the caller's `out`.

use std::ops::Range;

use bytestride_core::windows::Token;
use numpy::{BorrowError, Element, PyArray2, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PySequence, PySlice};

use crate::arguments::{Integer, type_name};
use crate::errors::IntoPython;
use crate::memory::{Memory, Pool, Shape};
use crate::tokens::{Tokens, with_type};
use crate::view::start_of;

/// Inputs and targets.
pub(crate) type Pair = (Py<PyUntypedArray>, Py<PyUntypedArray>);

/// An object whose rows can be copied, whatever the type of its tokens; without the GIL.
pub(crate) trait Gather: Sync {
    /// What names a row.
    type Row: Sync;

    /// Places in a row.
    fn columns(&self) -> usize;

    /// The tokens that rows are copied from.
    fn sources(&self) -> impl Iterator<Item = &Tokens>;

    /// Writes `rows` one behind the other.
    fn gather<T: Token>(
        &self,
        rows: &[Self::Row],
        inputs: &mut [T],
        targets: &mut [T],
    ) -> bytestride_core::Result<()>;

    /// An error if tokens were moved since.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        self.sources().try_for_each(|tokens| tokens.check(py))
    }
}

/// Writes `rows` to the first two blocks of `memory`.
pub(crate) fn gather_into<G: Gather>(
    memory: &mut Memory,
    source: &G,
    rows: &[G::Row],
) -> bytestride_core::Result<()> {
    with_type!(memory.shape().integer, T => {
        let mut blocks = memory.blocks_mut::<T>();
        let (Some(inputs), Some(targets)) = (blocks.next(), blocks.next()) else {
            unreachable!("memory of a gather has blocks for inputs and targets");
        };
        source.gather(rows, inputs, targets)
    })
}

/// The rows `rows` in `out`, or in new arrays of `dtype`: int64 if nothing is said.
pub(crate) fn gathered<G: Gather>(
    py: Python<'_>,
    source: &G,
    rows: &[G::Row],
    pool: &Pool,
    out: Option<&Bound<'_, PyAny>>,
    dtype: Option<&Bound<'_, PyAny>>,
) -> PyResult<Pair> {
    let dtype = dtype.map(Integer::new).transpose()?;
    if let Some(out) = out {
        let out = Out::new(out, rows.len(), source.columns(), dtype)?;
        out.gather(py, source, rows)?;
        return Ok(out.into_pair());
    }
    source.check(py)?;
    let integer = dtype.unwrap_or(Integer::I64);
    let mut memory = pool.take(Shape { blocks: 2, rows: rows.len(), columns: source.columns(), integer })?;
    py.detach(|| gather_into(&mut memory, source, rows)).into_python()?;
    pair(memory.into_arrays(py)?)
}

/// Inputs and targets from a list of them.
pub(crate) fn pair(arrays: Vec<Bound<'_, PyUntypedArray>>) -> PyResult<Pair> {
    let arrays: [_; 2] =
        arrays.try_into().map_err(|_| PyValueError::new_err("expected inputs and targets"))?;
    let [inputs, targets] = arrays.map(Bound::unbind);
    Ok((inputs, targets))
}

/// The caller's arrays, two contiguous `[rows, columns]` of one type.
#[derive(Debug)]
pub(crate) struct Out {
    inputs: Py<PyUntypedArray>,
    targets: Py<PyUntypedArray>,
    integer: Integer,
    rows: usize,
}

impl Out {
    /// A pair, or one array `[2, rows, columns]`. A `ValueError` if they are not what is needed.
    pub(crate) fn new(
        out: &Bound<'_, PyAny>,
        rows: usize,
        columns: usize,
        dtype: Option<Integer>,
    ) -> PyResult<Self> {
        let blocks = match out.cast::<PyUntypedArray>() {
            Ok(array) => array.as_any().clone(),
            Err(_) => out.cast::<PySequence>().map_err(|_| not_arrays(out))?.as_any().clone(),
        };
        if blocks.len()? != 2 {
            let message = format!("out: expected inputs and targets, 2 arrays, not {}", blocks.len()?);
            return Err(PyValueError::new_err(message));
        }
        let (inputs, targets) = (blocks.get_item(0)?, blocks.get_item(1)?);
        let integer = check_block(&inputs, rows, columns, dtype)?;
        check_block(&targets, rows, columns, Some(integer))?;
        let unbind = |array: Bound<'_, PyAny>| Ok::<_, PyErr>(array.cast_into::<PyUntypedArray>()?.unbind());
        Ok(Self { inputs: unbind(inputs)?, targets: unbind(targets)?, integer, rows })
    }

    /// The first `rows` rows of both, as views.
    pub(crate) fn first(&self, py: Python<'_>, rows: usize) -> PyResult<Self> {
        let view = |array: &Py<PyUntypedArray>| {
            if rows == self.rows {
                return Ok(array.clone_ref(py));
            }
            let rows = PySlice::new(py, 0, rows.cast_signed(), 1);
            PyResult::Ok(array.bind(py).get_item(rows)?.cast_into::<PyUntypedArray>()?.unbind())
        };
        Ok(Self { inputs: view(&self.inputs)?, targets: view(&self.targets)?, integer: self.integer, rows })
    }

    /// The type of the elements.
    pub(crate) fn integer(&self) -> Integer {
        self.integer
    }

    /// Inputs and targets.
    pub(crate) fn into_pair(self) -> Pair {
        (self.inputs, self.targets)
    }

    /// Writes `rows`, as many as there are here. Releases the GIL.
    pub(crate) fn gather<G: Gather>(&self, py: Python<'_>, source: &G, rows: &[G::Row]) -> PyResult<()> {
        source.check(py)?;
        if self.rows == 0 {
            return Ok(()); // Two arrays without elements may lie at one address, which looks like an overlap.
        }
        // By addresses, for two arrays with different owners may share memory all the same.
        let [inputs, targets] = [&self.inputs, &self.targets].map(|array| {
            let start = start_of(array.bind(py)) as usize;
            start..start + self.rows * source.columns() * self.integer.width()
        });
        let overlaps =
            |one: &Range<usize>, other: &Range<usize>| one.start < other.end && other.start < one.end;
        let mut tokens = source.sources().flat_map(Tokens::addresses);
        if overlaps(&inputs, &targets)
            || tokens.any(|tokens| overlaps(&tokens, &inputs) || overlaps(&tokens, &targets))
        {
            return Err(in_use());
        }
        with_type!(self.integer, T => self.gather_typed::<T, G>(py, source, rows))
    }

    fn gather_typed<T: Token + Element, G: Gather>(
        &self,
        py: Python<'_>,
        source: &G,
        rows: &[G::Row],
    ) -> PyResult<()> {
        let mut inputs = self.inputs.bind(py).cast::<PyArray2<T>>()?.try_readwrite().map_err(not_writable)?;
        let mut targets =
            self.targets.bind(py).cast::<PyArray2<T>>()?.try_readwrite().map_err(not_writable)?;
        let (inputs, targets) = (inputs.as_slice_mut()?, targets.as_slice_mut()?);
        py.detach(|| source.gather(rows, inputs, targets)).into_python()
    }
}

/// The type of `block`, if it is what a gather can write.
fn check_block(
    block: &Bound<'_, PyAny>,
    rows: usize,
    columns: usize,
    dtype: Option<Integer>,
) -> PyResult<Integer> {
    let array = block.cast::<PyUntypedArray>().map_err(|_| not_arrays(block))?;
    let fail = |message: String| Err(PyValueError::new_err(message));
    if array.shape() != [rows, columns] {
        return fail(format!(
            "out: expected arrays of shape ({rows}, {columns}), not {}",
            array.getattr("shape")?
        ));
    }
    let integer = Integer::of(&array.dtype());
    let Some(integer) = integer.filter(|&integer| dtype.is_none_or(|dtype| dtype == integer)) else {
        let expected = dtype.map_or("int64, int32, uint32 or uint16", Integer::name);
        return fail(format!("out: expected arrays of {expected}, not {}", array.dtype()));
    };
    if !array.is_c_contiguous() || !array.is_aligned() {
        return fail("out: expected C-contiguous arrays".to_owned());
    }
    Ok(integer)
}

fn not_arrays(out: &Bound<'_, PyAny>) -> PyErr {
    let kind = type_name(out);
    PyTypeError::new_err(format!("out: expected a pair of numpy arrays, or one array [2, n, L], not {kind}"))
}

fn in_use() -> PyErr {
    PyValueError::new_err("out: inputs, targets and tokens must not overlap, nor be in use by another call")
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn not_writable(error: BorrowError) -> PyErr {
    match error {
        BorrowError::NotWriteable => PyValueError::new_err("out: expected writeable arrays"),
        _ => in_use(),
    }
}
