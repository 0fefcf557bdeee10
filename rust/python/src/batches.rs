//! The iterator that `Windows.batches` returns.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytestride_core::windows::{Order, Permutation, Plan};
use numpy::PyUntypedArray;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::{Integer, unsigned};
use crate::blocks::Blocks;
use crate::windows::Windows;

/// The batches of one epoch: an iterator of `(inputs, targets)`, made by `Windows.batches`.
///
/// `len(batches)` is how many are still to come. `state_dict()` is a few integers that tell where the epoch stands;
/// `load_state_dict(state)` goes on exactly there, also with another batch size or number of ranks.
///
/// Example:
///     >>> import bytestride as bs, numpy as np
///     >>> w = bs.windows(np.arange(33), max_length=4)
///     >>> batches = w.batches(2, seed=1)
///     >>> inputs, targets = next(batches)
///     >>> inputs.shape, len(batches)
///     ((2, 4), 3)
#[pyclass(frozen, module = "bytestride")]
#[derive(Debug)]
pub(crate) struct Batches {
    windows: Py<Windows>,
    plan: Plan,
    integer: Integer,
    out: Option<Blocks>,
    epoch: Mutex<Epoch>,
}

/// Which epoch, and where in it.
#[derive(Debug, Clone)]
struct Epoch {
    seed: u64,
    number: u64,
    order: Order,
    position: u64,
}

impl Epoch {
    fn new(windows: u64, (seed, epoch, shuffle): (u64, u64, bool), position: u64) -> Self {
        let shuffled = || Order::Shuffled(Permutation::new(windows, seed, epoch));
        let order = if shuffle { shuffled() } else { Order::Stored };
        Self { seed, number: epoch, order, position }
    }
}

impl Batches {
    /// The batches that `plan` cuts from the epoch of `(seed, epoch, shuffle)`.
    pub(crate) fn new(
        windows: Py<Windows>,
        plan: Plan,
        epoch: (u64, u64, bool),
        integer: Integer,
        out: Option<Blocks>,
    ) -> Self {
        let epoch = Mutex::new(Epoch::new(plan.windows(), epoch, 0));
        Self { windows, plan, integer, out, epoch }
    }

    /// The epoch. No one holds the lock while waiting for anything else, so this is never for long.
    fn epoch(&self) -> MutexGuard<'_, Epoch> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next step: its windows, where it started, and where the one after it starts.
    fn take(&self) -> Option<(Vec<u64>, u64, u64)> {
        let (order, position, step) = {
            let mut epoch = self.epoch();
            let step = self.plan.step(epoch.position)?;
            let position = std::mem::replace(&mut epoch.position, step.next);
            (epoch.order.clone(), position, step)
        };
        // A rank that gets nothing of the last step has used it up all the same: all ranks end in the same state.
        (!step.batch.is_empty())
            .then(|| (step.batch.map(|position| order.at(position)).collect(), position, step.next))
    }

    fn batch(&self, py: Python<'_>, indices: &[u64]) -> PyResult<Blocks> {
        let windows = self.windows.get();
        let blocks = match &self.out {
            Some(out) => out.first(py, indices.len())?,
            None => Blocks::new(py, indices.len(), windows.columns(), self.integer)?,
        };
        windows.fill(py, &blocks, indices)?;
        Ok(blocks)
    }
}

#[pymethods]
impl Batches {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<(Py<PyUntypedArray>, Py<PyUntypedArray>)>> {
        let Some((indices, position, next)) = py.detach(|| self.take()) else { return Ok(None) };
        let blocks = self.batch(py, &indices).inspect_err(|_| {
            // A batch that was not handed out is not used up, unless another thread went on meanwhile.
            let mut epoch = self.epoch();
            if epoch.position == next {
                epoch.position = position;
            }
        })?;
        Ok(Some(blocks.into_pair()))
    }

    fn __len__(&self) -> usize {
        self.plan.batches_from(self.epoch().position) as usize
    }

    /// Where the epoch stands, as a dict of integers: JSON can hold it.
    ///
    /// `position` counts the windows that all ranks together have used. All ranks have the same state after the same number
    /// of steps, so one rank's is enough to keep.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> batches = bs.windows(np.arange(33), max_length=4).batches(2, seed=1)
    ///     >>> _ = next(batches)
    ///     >>> batches.state_dict()
    ///     {'position': 2, 'seed': 1, 'epoch': 0, 'shuffle': True, 'windows': 8, 'max_length': 4, 'stride': 4}
    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (epoch, layout) = (self.epoch().clone(), self.windows.get().layout());
        let state = PyDict::new(py);
        state.set_item("position", epoch.position)?;
        state.set_item("seed", epoch.seed)?;
        state.set_item("epoch", epoch.number)?;
        state.set_item("shuffle", matches!(epoch.order, Order::Shuffled(_)))?;
        for (name, value) in sizes(layout) {
            state.set_item(name, value)?;
        }
        Ok(state)
    }

    /// Goes on where `state`, from `state_dict()`, stands: its seed, epoch and order replace those of this iterator.
    ///
    /// Batch size and ranks are this iterator's own and may differ from those of the run that made the state: the
    /// windows used then are not used again, all others are.
    ///
    /// Raises:
    ///     ValueError: If the state is of other windows (another number, `max_length` or `stride`), incomplete, or has a
    ///         position beyond the end.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> w = bs.windows(np.arange(33), max_length=4)
    ///     >>> first, second = w.batches(2, seed=1), w.batches(1)
    ///     >>> _ = next(first)
    ///     >>> second.load_state_dict(first.state_dict())
    ///     >>> len(second)
    ///     6
    fn load_state_dict(&self, state: &Bound<'_, PyDict>) -> PyResult<()> {
        let field = |name: &str| {
            let missing = || PyValueError::new_err(format!("state: lacks \"{name}\""));
            state.get_item(name)?.ok_or_else(missing)
        };
        let number = |name: &str| unsigned(name, &field(name)?);
        for (name, expected) in sizes(self.windows.get().layout()) {
            let given = number(name)?;
            if given != expected {
                let message = format!("state: is of windows with {name} {given}, these have {expected}");
                return Err(PyValueError::new_err(message));
            }
        }
        let (position, windows) = (number("position")?, self.plan.windows());
        if position > windows {
            let message = format!("state: position {position} is beyond the {windows} windows");
            return Err(PyValueError::new_err(message));
        }
        let epoch = (number("seed")?, number("epoch")?, field("shuffle")?.extract()?);
        *self.epoch() = Epoch::new(windows, epoch, position);
        Ok(())
    }

    fn __repr__(&self) -> String {
        let (position, windows) = (self.epoch().position, self.plan.windows());
        format!("Batches({} to come, {position} of {windows} windows used)", self.__len__())
    }
}

/// What must be equal for a position to mean the same.
fn sizes(layout: bytestride_core::windows::Layout) -> [(&'static str, u64); 3] {
    [("windows", layout.windows()), ("max_length", layout.max_length()), ("stride", layout.stride())]
}
