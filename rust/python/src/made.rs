//! Batches before Python sees them, so that any thread can make them.

use bytestride_core::Error;
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

use crate::arguments::Integer;
use crate::blocks::{Gather, gather_into};
use crate::errors::python_error;
use crate::memory::{Memory, NoMemory, Pool, Shape};
use crate::packs::Packs;

/// The blocks of a batch, and what else belongs to it.
pub(crate) struct Made {
    memory: Memory,
    /// `cu_seqlens` of packed rows.
    ends: Option<Vec<i32>>,
}

impl Made {
    /// Inputs and targets of `rows`.
    pub(crate) fn pair<G: Gather>(
        source: &G,
        rows: &[G::Row],
        pool: &Pool,
        integer: Integer,
    ) -> Result<Self, Failure> {
        let shape = Shape { blocks: 2, rows: rows.len(), columns: source.columns(), integer };
        let mut memory = pool.take(shape)?;
        gather_into(&mut memory, source, rows)?;
        Ok(Self { memory, ends: None })
    }

    /// Packed rows: inputs, targets and positions, and where documents end.
    pub(crate) fn of_packs(packs: &Packs, rows: &[u64], integer: Integer) -> Result<Self, Failure> {
        let mut made = Self::besides(packs, rows, integer, 3)?;
        gather_into(&mut made.memory, packs, rows)?;
        Ok(made)
    }

    /// What packed rows have besides inputs and targets.
    pub(crate) fn beside_out(packs: &Packs, rows: &[u64], integer: Integer) -> Result<Self, Failure> {
        Self::besides(packs, rows, integer, 1)
    }

    /// Positions in the last of `blocks` blocks, and where documents end.
    fn besides(packs: &Packs, rows: &[u64], integer: Integer, blocks: usize) -> Result<Self, Failure> {
        let ends = packs.cumulative_lengths(rows)?;
        let shape = Shape { blocks, rows: rows.len(), columns: packs.columns(), integer };
        let mut memory = packs.pool().take(shape)?;
        packs.write_positions(rows, &mut memory);
        Ok(Self { memory, ends: Some(ends) })
    }

    /// The arrays, in the order that users see them.
    pub(crate) fn into_tuple(self, py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        let arrays = self.memory.into_arrays(py)?.into_iter().map(Bound::into_any).collect::<Vec<_>>();
        let Some(ends) = self.ends else { return PyTuple::new(py, arrays) };
        let [inputs, targets, positions] = arrays.try_into().expect("as `of_packs` made them");
        packed(py, [inputs, targets, PyArray1::from_vec(py, ends).into_any(), positions])
    }

    /// The packed rows whose inputs and targets stand in `out`, if this is what they have [besides](Self::beside_out).
    pub(crate) fn into_packed<'py>(
        self,
        py: Python<'py>,
        [inputs, targets]: [Bound<'py, PyAny>; 2],
    ) -> PyResult<Bound<'py, PyTuple>> {
        let ends = PyArray1::from_vec(py, self.ends.unwrap_or_default()).into_any();
        let [positions] = self.memory.into_arrays(py)?.try_into().expect("as `beside_out` made them");
        packed(py, [inputs, targets, ends, positions.into_any()])
    }
}

/// A `bytestride.Packed` of inputs, targets, `cu_seqlens` and positions.
pub(crate) fn packed<'py>(py: Python<'py>, arrays: [Bound<'py, PyAny>; 4]) -> PyResult<Bound<'py, PyTuple>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = CLASS.import(py, "bytestride", "Packed")?;
    Ok(class.call1(PyTuple::new(py, arrays)?)?.cast_into()?)
}

/// Why there is no batch.
#[derive(Debug)]
pub(crate) enum Failure {
    Core(Error),
    Memory(NoMemory),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl From<NoMemory> for Failure {
    fn from(error: NoMemory) -> Self {
        Self::Memory(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Core(error) => python_error(error),
            Failure::Memory(error) => error.into(),
        }
    }
}
