//! The iterator that `batches` of windows, mixtures and packs returns.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytestride_core::windows::{Order, Permutation, Plan, Remainder};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::arguments::{Integer, unsigned};
use crate::blocks::Blocks;
use crate::errors::IntoPython;
use crate::mix::Mix;
use crate::packs::Packs;
use crate::windows::Windows;

/// What batches are made of.
#[derive(Debug)]
pub(crate) enum Rows {
    Windows(Py<Windows>),
    Mix(Py<Mix>),
    Packs(Py<Packs>),
}

impl Rows {
    /// What must be equal for a position to mean the same; the first is the number of rows.
    fn sizes(&self) -> Vec<(&'static str, u64)> {
        match self {
            Rows::Windows(windows) => {
                let places = windows.get().places();
                vec![
                    ("windows", places.windows()),
                    ("max_length", places.max_length()),
                    ("stride", places.stride()),
                ]
            }
            Rows::Mix(mix) => mix.get().sizes(),
            Rows::Packs(packs) => packs.get().sizes(),
        }
    }

    /// Tokens in a row.
    fn columns(&self) -> usize {
        match self {
            Rows::Windows(windows) => windows.get().columns(),
            Rows::Mix(mix) => mix.get().columns(),
            Rows::Packs(packs) => packs.get().columns(),
        }
    }

    /// The rows at `positions` of `epoch`, in `blocks`.
    fn batch<'py>(
        &self,
        py: Python<'py>,
        epoch: &Epoch,
        positions: Range<u64>,
        blocks: Blocks,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let ordered = || py.detach(|| positions.clone().map(|position| epoch.order.at(position)).collect());
        match self {
            Rows::Windows(windows) => {
                let indices: Vec<u64> = ordered();
                windows.get().fill(py, &blocks, &indices)?;
                blocks.into_pair().into_pyobject(py)
            }
            Rows::Mix(mix) => {
                mix.get().fill(py, &blocks, epoch.number, positions, epoch.seed_of_shuffle())?;
                blocks.into_pair().into_pyobject(py)
            }
            Rows::Packs(packs) => {
                let indices: Vec<u64> = ordered();
                packs.get().batch(py, blocks, &indices)
            }
        }
    }
}

/// The arguments of every `batches`, as they came.
pub(crate) struct EpochOptions<'a, 'py> {
    pub(crate) batch_size: &'a Bound<'py, PyAny>,
    pub(crate) shuffle: bool,
    pub(crate) seed: Option<&'a Bound<'py, PyAny>>,
    pub(crate) epoch: Option<&'a Bound<'py, PyAny>>,
    pub(crate) drop_last: bool,
    pub(crate) rank: Option<&'a Bound<'py, PyAny>>,
    pub(crate) world_size: Option<&'a Bound<'py, PyAny>>,
    pub(crate) dtype: Option<&'a Bound<'py, PyAny>>,
    pub(crate) out: Option<&'a Bound<'py, PyAny>>,
}

/// The batches of one epoch: an iterator of `(inputs, targets)`, made by `batches` of `Windows`, `Mix` and `Packs`.
///
/// Those of `Packs` are `(inputs, targets, position_ids, cu_seqlens)`. `len(batches)` is how many are still to come.
/// `state_dict()` is a few integers that tell where the epoch stands; `load_state_dict(state)` goes on exactly there,
/// also with another batch size or number of ranks.
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
    rows: Rows,
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
    fn new(rows: u64, (seed, epoch, shuffle): (u64, u64, bool), position: u64) -> Self {
        let shuffled = || Order::Shuffled(Permutation::new(rows, seed, epoch));
        let order = if shuffle { shuffled() } else { Order::Stored };
        Self { seed, number: epoch, order, position }
    }

    /// The seed, if the epoch is shuffled.
    fn seed_of_shuffle(&self) -> Option<u64> {
        matches!(self.order, Order::Shuffled(_)).then_some(self.seed)
    }
}

impl Batches {
    /// The batches of `rows` that the arguments ask for.
    pub(crate) fn new(rows: Rows, options: EpochOptions<'_, '_>) -> PyResult<Self> {
        let number = |name, value: Option<&Bound<'_, PyAny>>, default| {
            value.map_or(Ok(default), |value| unsigned(name, value))
        };
        let remainder = if options.drop_last { Remainder::Drop } else { Remainder::Keep };
        let (rank, world_size) =
            (number("rank", options.rank, 0)?, number("world_size", options.world_size, 1)?);
        let batch_size = unsigned("batch_size", options.batch_size)?;
        let plan = Plan::new(rows.sizes()[0].1, batch_size, remainder, rank, world_size).into_python()?;
        let dtype = options.dtype.map(Integer::new).transpose()?;
        let blocks = |out| Blocks::from_out(out, batch_size as usize, rows.columns(), dtype);
        let out = options.out.map(blocks).transpose()?;
        let (seed, epoch) = (number("seed", options.seed, 0)?, number("epoch", options.epoch, 0)?);
        let integer = dtype.unwrap_or(Integer::I64);
        let epoch = Mutex::new(Epoch::new(plan.windows(), (seed, epoch, options.shuffle), 0));
        Ok(Self { rows, plan, integer, out, epoch })
    }

    /// The epoch. No one holds the lock while waiting for anything else, so this is never for long.
    fn epoch(&self) -> MutexGuard<'_, Epoch> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next step: the epoch before it, the positions of this rank, and where the step after it starts.
    fn take(&self) -> Option<(Epoch, Range<u64>, u64)> {
        let mut epoch = self.epoch();
        let step = self.plan.step(epoch.position)?;
        let before = epoch.clone();
        epoch.position = step.next;
        // A rank that gets nothing of the last step has used it up all the same: all ranks end in the same state.
        (!step.batch.is_empty()).then_some((before, step.batch, step.next))
    }

    fn batch<'py>(
        &self,
        py: Python<'py>,
        epoch: &Epoch,
        positions: Range<u64>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let rows = (positions.end - positions.start) as usize;
        let blocks = match &self.out {
            Some(out) => out.first(py, rows)?,
            None => Blocks::new(py, rows, self.rows.columns(), self.integer)?,
        };
        self.rows.batch(py, epoch, positions, blocks)
    }
}

#[pymethods]
impl Batches {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some((epoch, positions, next)) = py.detach(|| self.take()) else { return Ok(None) };
        let batch = self.batch(py, &epoch, positions).inspect_err(|_| {
            // A batch that was not handed out is not used up, unless another thread went on meanwhile.
            let mut now = self.epoch();
            if now.position == next {
                now.position = epoch.position;
            }
        })?;
        Ok(Some(batch))
    }

    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.py().import("types")?.call_method1("GenericAlias", (class, item))
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
        let epoch = self.epoch().clone();
        let state = PyDict::new(py);
        state.set_item("position", epoch.position)?;
        state.set_item("seed", epoch.seed)?;
        state.set_item("epoch", epoch.number)?;
        state.set_item("shuffle", matches!(epoch.order, Order::Shuffled(_)))?;
        for (name, value) in self.rows.sizes() {
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
        for (name, expected) in self.rows.sizes() {
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
