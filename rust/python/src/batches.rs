//! The iterator that `batches` of windows, mixtures and packs returns.

use std::num::NonZero;
use std::ops::Range;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytestride_core::windows::{Ahead, Order, Plan, Remainder, Shuffle, Step};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::arguments::{Integer, length_of, unsigned};
use crate::blocks::{Gather, Out};
use crate::errors::IntoPython;
use crate::made::{Failure, Made};
use crate::memory::{NoMemory, Shape};
use crate::mix::Mix;
use crate::named::unexpected;
use crate::packs::Packs;
use crate::windows::Windows;

/// The most batches that a thread makes ahead.
const MAX_PREFETCH: u64 = 1024;

/// A thread makes batches ahead once making them takes longer: about what it takes to wake one, several times.
const WORTH_A_THREAD: Duration = Duration::from_micros(100);

/// How many batches in a row must take that long: the first ones take new memory, and any may be interrupted.
const SLOW_IN_TURN: u32 = 4;

/// What states call the fingerprint of the tokens.
pub(crate) const DATA: &str = "data";
/// What states call the fingerprint of all that a mixture draws from.
pub(crate) const SOURCES: &str = "sources";

/// A value in a state that shows which rows it is of; loading a state compares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoPyObject)]
pub(crate) enum Mark {
    Number(u64),
    Name(&'static str),
}

impl Mark {
    /// An error if `given`, the part `name` of a state, is another.
    fn check(self, name: &str, given: &Bound<'_, PyAny>) -> PyResult<()> {
        let own = self.into_pyobject(given.py())?;
        if given.eq(&own)? {
            return Ok(());
        }
        let message = match name {
            DATA => "state: is of other tokens, or of these in another order".to_owned(),
            SOURCES => {
                "state: is of other sources, shares or tokens, or of these in another order".to_owned()
            }
            _ => format!("state: is of windows with {name} {}, these have {}", given.repr()?, own.repr()?),
        };
        Err(PyValueError::new_err(message))
    }
}

/// What batches are made of.
#[derive(Debug)]
pub(crate) enum Rows {
    Windows(Py<Windows>),
    Mix(Py<Mix>),
    Packs(Py<Packs>),
}

impl Rows {
    /// What must be equal for a position to mean the same.
    fn marks(&self) -> Vec<(&'static str, Mark)> {
        match self {
            Rows::Windows(windows) => windows.get().marks(),
            Rows::Mix(mix) => mix.get().marks(),
            Rows::Packs(packs) => packs.get().marks(),
        }
    }

    /// How many there are.
    fn count(&self) -> u64 {
        match self {
            Rows::Windows(windows) => windows.get().places().windows(),
            Rows::Mix(mix) => mix.get().length(),
            Rows::Packs(packs) => packs.get().rows(),
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

    /// An error if tokens were moved since.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        match self {
            Rows::Windows(windows) => windows.get().check(py),
            Rows::Mix(mix) => mix.get().check(py),
            Rows::Packs(packs) => packs.get().check(py),
        }
    }

    /// The rows at `positions` of `epoch`. Without the GIL.
    fn make(&self, epoch: &Epoch, positions: Range<u64>, integer: Integer) -> Result<Made, Failure> {
        let rows = (positions.end - positions.start) as usize;
        check_room(Shape { blocks: 2, rows, columns: self.columns(), integer })?;
        match self {
            Rows::Windows(windows) => {
                let windows = windows.get();
                Made::pair(windows, &epoch.order.windows(positions), windows.pool(), integer)
            }
            Rows::Mix(mix) => {
                let mix = mix.get();
                Made::pair(mix, &epoch.draws(mix, positions), mix.pool(), integer)
            }
            Rows::Packs(packs) => Made::of_packs(packs.get(), &epoch.order.windows(positions), integer),
        }
    }

    /// Like [`make`](Self::make), into the arrays of `out`.
    fn make_in<'py>(
        &self,
        py: Python<'py>,
        epoch: &Epoch,
        positions: Range<u64>,
        out: Out,
    ) -> PyResult<Bound<'py, PyTuple>> {
        match self {
            Rows::Windows(windows) => out.gather(py, windows.get(), &epoch.order.windows(positions))?,
            Rows::Mix(mix) => out.gather(py, mix.get(), &epoch.draws(mix.get(), positions))?,
            Rows::Packs(packs) => {
                let rows = epoch.order.windows(positions);
                let besides = Made::beside_out(packs.get(), &rows, out.integer())?;
                out.gather(py, packs.get(), &rows)?;
                let (inputs, targets) = out.into_pair();
                let [inputs, targets] = [inputs, targets].map(|array| array.into_bound(py).into_any());
                return besides.into_packed(py, [inputs, targets]);
            }
        }
        out.into_pair().into_pyobject(py)
    }
}

/// An error if there is no memory even for the list of a batch's rows, where nothing could report it later.
fn check_room(shape: Shape) -> Result<(), NoMemory> {
    /// Shorter lists always fit.
    const SHORT: usize = 1 << 16;
    let mut list: Vec<[u64; 2]> = Vec::new();
    let fits = shape.rows < SHORT || list.try_reserve_exact(shape.rows).is_ok();
    if fits { Ok(()) } else { Err(NoMemory::for_shape(shape)) }
}

/// What the arguments of every `batches` say of an epoch and its batches.
pub(crate) struct EpochOptions<'a, 'py> {
    pub(crate) batch_size: u64,
    pub(crate) shuffle: bool,
    pub(crate) block_size: Option<u64>,
    pub(crate) seed: u64,
    pub(crate) epoch: u64,
    pub(crate) drop_last: bool,
    pub(crate) rank: u64,
    pub(crate) world_size: u64,
    pub(crate) dtype: Option<&'a Bound<'py, PyAny>>,
    pub(crate) prefetch: u64,
    pub(crate) out: Option<&'a Bound<'py, PyAny>>,
}

/// The method `batches` of a class that [`Rows`] has, with its docstring: one signature for all.
macro_rules! batches_method {
    ($(#[$docstring:meta])* $rows:ident) => {
        #[pymethods]
        impl $rows {
            $(#[$docstring])*
            #[pyo3(signature = (
                batch_size, *, shuffle=true, block_size=None, seed=0, epoch=0, drop_last=true, rank=0, world_size=1,
                dtype=None, prefetch=2, out=None
            ))]
            #[expect(clippy::too_many_arguments, reason = "options belong to the call")]
            fn batches(
                slf: &Bound<'_, Self>,
                #[pyo3(from_py_with = $crate::batches::batch_size)] batch_size: u64,
                shuffle: bool,
                #[pyo3(from_py_with = $crate::batches::block_size)] block_size: Option<u64>,
                #[pyo3(from_py_with = $crate::batches::seed)] seed: u64,
                #[pyo3(from_py_with = $crate::batches::epoch)] epoch: u64,
                drop_last: bool,
                #[pyo3(from_py_with = $crate::batches::rank)] rank: u64,
                #[pyo3(from_py_with = $crate::batches::world_size)] world_size: u64,
                dtype: Option<&Bound<'_, PyAny>>,
                #[pyo3(from_py_with = $crate::batches::prefetch)] prefetch: u64,
                out: Option<&Bound<'_, PyAny>>,
            ) -> PyResult<Batches> {
                let options = $crate::batches::EpochOptions {
                    batch_size,
                    shuffle,
                    block_size,
                    seed,
                    epoch,
                    drop_last,
                    rank,
                    world_size,
                    dtype,
                    prefetch,
                    out,
                };
                Batches::new(Rows::$rows(slf.clone().unbind()), options)
            }
        }
    };
}

pub(crate) use batches_method;

/// The integers among the arguments, each by its name. For `seed`, `None`, elsewhere a random one, is refused, so that
/// every epoch can be gone through again.
macro_rules! integer_arguments {
    ($($name:ident),*) => {$(
        pub(crate) fn $name(value: &Bound<'_, PyAny>) -> PyResult<u64> {
            unsigned(stringify!($name), value)
        }
    )*};
}

integer_arguments!(batch_size, seed, epoch, rank, world_size, prefetch);

pub(crate) fn block_size(value: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    if value.is_none() { Ok(None) } else { unsigned("block_size", value).map(Some) }
}

/// The batches of one epoch: an iterator of `(inputs, targets)`, made by `batches` of `Windows`, `Mix` and `Packs`.
///
/// Those of `Packs` are `Packed`. `len(batches)` is how many are still to come.
/// `state_dict()` is a few integers and names that tell where the epoch stands; `load_state_dict(state)` goes on exactly there,
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
pub(crate) struct Batches {
    work: Arc<Work>,
    prefetch: Option<NonZero<usize>>,
    out: Option<Out>,
    state: Mutex<State>,
}

/// What is the same for all batches.
struct Work {
    rows: Rows,
    plan: Plan,
    integer: Integer,
}

/// Where this iterator stands.
struct State {
    epoch: Epoch,
    /// The thread that makes batches from there on, if one does.
    ahead: Option<Arc<Thread>>,
    /// How many batches in turn have taken long.
    slow: u32,
}

/// A thread that makes batches ahead. The caller that waits for one has the lock, which a child that is forked meanwhile
/// never gets, so the child looks at the process first.
struct Thread {
    process: u32,
    results: Mutex<Ahead<Taken>>,
}

/// A step that a thread has taken: where the next one starts, and the batch, unless this rank has none in it.
type Taken = (u64, Result<Option<Made>, Failure>);

/// Which epoch, and where in it.
#[derive(Debug, Clone)]
struct Epoch {
    seed: u64,
    number: u64,
    shuffle: Shuffle,
    order: Order,
    position: u64,
}

impl Epoch {
    /// The start of an epoch of `rows`.
    fn new(rows: u64, shuffle: Shuffle, seed: u64, number: u64) -> Self {
        Self { seed, number, shuffle, order: Order::new(rows, shuffle, seed, number), position: 0 }
    }

    /// What stands at `positions` of this epoch of a mixture.
    fn draws(&self, mix: &Mix, positions: Range<u64>) -> Vec<(usize, u64)> {
        mix.draws(self.number, positions, self.shuffle, self.seed)
    }
}

/// How windows are shuffled by the arguments of that name, or by a state. Errors call the size of blocks `name`.
fn shuffled(name: &str, shuffle: bool, block_size: Option<u64>) -> PyResult<Shuffle> {
    let Some(block_size) = block_size else {
        return Ok(if shuffle { Shuffle::All } else { Shuffle::No });
    };
    if !shuffle {
        return Err(PyValueError::new_err(format!("{name}: has no meaning without shuffle")));
    }
    let empty = || PyValueError::new_err(format!("{name}: 0 windows are no block, expected at least 1"));
    Ok(Shuffle::Blocks(NonZero::new(block_size).ok_or_else(empty)?))
}

impl Batches {
    /// The batches of `rows` that the arguments ask for.
    pub(crate) fn new(rows: Rows, options: EpochOptions<'_, '_>) -> PyResult<Self> {
        let EpochOptions { batch_size, rank, world_size, .. } = options;
        let remainder = if options.drop_last { Remainder::Drop } else { Remainder::Keep };
        let plan = Plan::new(rows.count(), batch_size, remainder, rank, world_size).into_python()?;
        let dtype = options.dtype.map(Integer::new).transpose()?;
        let out = |out| Out::new(out, batch_size as usize, rows.columns(), dtype);
        let out = options.out.map(out).transpose()?;
        let prefetch = NonZero::new(options.prefetch.min(MAX_PREFETCH) as usize);
        let shuffle = shuffled("block_size", options.shuffle, options.block_size)?;
        let epoch = Epoch::new(plan.windows(), shuffle, options.seed, options.epoch);
        let work = Work { rows, plan, integer: dtype.unwrap_or(Integer::I64) };
        let state = Mutex::new(State { epoch, ahead: None, slow: 0 });
        Ok(Self { work: Arc::new(work), prefetch, out, state })
    }

    /// Where it stands. Only for threads that are attached to Python, which neither wait nor detach while they have the
    /// lock: so, with a GIL, no other thread has it when a child is forked.
    fn state(&self, _py: Python<'_>) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn epoch(&self, py: Python<'_>) -> Epoch {
        self.state(py).epoch.clone()
    }

    /// The next batch, by the thread that makes them ahead or by this one.
    fn take(&self, py: Python<'_>) -> Result<Option<Made>, Failure> {
        if let Some(batch) = self.take_ahead(py) {
            return batch;
        }
        let Some((epoch, step)) = self.advance(py) else { return Ok(None) };
        let start = Instant::now();
        let made = py.detach(|| self.work.rows.make(&epoch, step.batch.clone(), self.work.integer));
        match made {
            Ok(_) => self.note_duration(py, start.elapsed()),
            Err(_) => self.undo(py, &epoch, &step),
        }
        made.map(Some)
    }

    /// The next batch of the thread that makes them ahead; `None` if there is no such thread, or no such batch.
    fn take_ahead(&self, py: Python<'_>) -> Option<Result<Option<Made>, Failure>> {
        let thread = self.state(py).ahead.clone().filter(|ahead| ahead.process == process::id())?;
        // Kept until the step is noted, so that they are noted in order.
        let mut results = thread.results.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let ahead: &mut Ahead<Taken> = &mut results;
        let (next, batch) = py.detach(|| ahead.next())?;
        let mut state = self.state(py);
        // Unless another state was loaded meanwhile.
        if state.ahead.as_ref().is_some_and(|ahead| Arc::ptr_eq(ahead, &thread)) {
            match batch {
                Ok(_) => state.epoch.position = next,
                Err(_) => state.ahead = None,
            }
        }
        Some(batch)
    }

    /// Takes the next step: the epoch before it, and the step, unless this rank has nothing in it.
    fn advance(&self, py: Python<'_>) -> Option<(Epoch, Step)> {
        let mut state = self.state(py);
        let step = self.work.plan.step(state.epoch.position)?;
        let before = state.epoch.clone();
        state.epoch.position = step.next;
        // A rank that gets nothing of the last step has used it up all the same: all ranks end in the same state.
        (!step.batch.is_empty()).then_some((before, step))
    }

    /// A batch that was not handed out is not used up, unless another thread went on meanwhile.
    fn undo(&self, py: Python<'_>, before: &Epoch, step: &Step) {
        let mut state = self.state(py);
        if state.epoch.position == step.next {
            state.epoch.position = before.position;
            let ahead = state.ahead.take();
            drop(state);
            py.detach(|| drop(ahead));
        }
    }

    /// Starts to make batches ahead if that is worth it.
    fn note_duration(&self, py: Python<'_>, duration: Duration) {
        let Some(prefetch) = self.prefetch else { return };
        let mut state = self.state(py);
        state.slow = if duration < WORTH_A_THREAD { 0 } else { state.slow + 1 };
        let is_ahead = state.ahead.as_ref().is_some_and(|ahead| ahead.process == process::id());
        if state.slow >= SLOW_IN_TURN && !is_ahead {
            let (work, epoch) = (Arc::clone(&self.work), state.epoch.clone());
            // Where the system has no thread left, batches are made as they are asked for.
            state.ahead = Ahead::start(prefetch, work.steps(epoch)).ok().map(Thread::new);
            state.slow = 0;
        }
    }

    /// The next batch in the caller's arrays.
    fn take_in<'py>(&self, py: Python<'py>, out: &Out) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some((epoch, step)) = self.advance(py) else { return Ok(None) };
        let positions = step.batch.clone();
        let out = out.first(py, (positions.end - positions.start) as usize);
        let batch = out.and_then(|out| self.work.rows.make_in(py, &epoch, positions, out));
        batch.inspect_err(|_| self.undo(py, &epoch, &step)).map(Some)
    }
}

impl Thread {
    fn new(ahead: Ahead<Taken>) -> Arc<Self> {
        Arc::new(Self { process: process::id(), results: Mutex::new(ahead) })
    }
}

impl Work {
    /// Takes the steps of `epoch` from its position on, to the end or the first failure.
    fn steps(self: Arc<Self>, mut epoch: Epoch) -> impl FnMut() -> Option<Taken> + Send + 'static {
        let mut has_failed = false;
        move || {
            let step = self.plan.step(epoch.position).filter(|_| !has_failed)?;
            let make = || self.rows.make(&epoch, step.batch.clone(), self.integer);
            let batch = (!step.batch.is_empty()).then(make).transpose();
            has_failed = batch.is_err();
            epoch.position = step.next;
            Some((step.next, batch))
        }
    }
}

#[pymethods]
impl Batches {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        if let Some(out) = &self.out {
            return self.take_in(py, out);
        }
        self.work.rows.check(py)?;
        let made = self.take(py)?;
        made.map(|made| made.into_tuple(py)).transpose()
    }

    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.py().import("types")?.call_method1("GenericAlias", (class, item))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        length_of(self.work.plan.batches_from(self.epoch(py).position), "batches")
    }

    /// Where the epoch stands, as a dict of integers and names: JSON can hold it.
    ///
    /// `position` counts the windows that all ranks together have used. All ranks have the same state after the same number
    /// of steps, so one rank's is enough to keep.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> batches = bs.windows(np.arange(33), max_length=4).batches(2, seed=1)
    ///     >>> _ = next(batches)
    ///     >>> batches.state_dict()
    ///     {'position': 2, 'seed': 1, 'epoch': 0, 'shuffle': True, 'windows': 8, 'max_length': 4, 'stride': 4, 'tokens': 33, 'tail': 'drop', 'boundaries': 'ignore', 'data': 6599475466685869969}
    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let epoch = self.epoch(py);
        let state = PyDict::new(py);
        state.set_item("position", epoch.position)?;
        state.set_item("seed", epoch.seed)?;
        state.set_item("epoch", epoch.number)?;
        state.set_item("shuffle", epoch.shuffle != Shuffle::No)?;
        if let Shuffle::Blocks(size) = epoch.shuffle {
            state.set_item("block_size", size.get())?;
        }
        self.work.rows.check(py)?;
        for (name, value) in self.work.rows.marks() {
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
    ///     ValueError: If the state is of other windows (another number or size, of other tokens or in another order, as
    ///         a sample of them tells, by other rules), incomplete, or has a position beyond the end.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> w = bs.windows(np.arange(33), max_length=4)
    ///     >>> first, second = w.batches(2, seed=1), w.batches(1)
    ///     >>> _ = next(first)
    ///     >>> second.load_state_dict(first.state_dict())
    ///     >>> len(second)
    ///     6
    fn load_state_dict(&self, state: &Bound<'_, PyAny>) -> PyResult<()> {
        let state =
            state.cast::<PyDict>().map_err(|_| unexpected("state", "a dict of state_dict()", state))?;
        let field = |name: &str| {
            let missing = || PyValueError::new_err(format!("state: lacks \"{name}\""));
            state.get_item(name)?.ok_or_else(missing)
        };
        let number = |name: &str| unsigned(&format!("state: {name}"), &field(name)?);
        self.work.rows.check(state.py())?;
        for (name, mark) in self.work.rows.marks() {
            mark.check(name, &field(name)?)?;
        }
        let (position, windows) = (number("position")?, self.work.plan.windows());
        if position > windows {
            let message = format!("state: position {position} is beyond the {windows} windows");
            return Err(PyValueError::new_err(message));
        }
        let block_size = state.get_item("block_size")?;
        let block_size = block_size.map(|size| unsigned("state: block_size", &size)).transpose()?;
        let shuffle = field("shuffle")?;
        let shuffle = shuffle.extract().map_err(|_| unexpected("state: shuffle", "a bool", &shuffle))?;
        let shuffle = shuffled("state: block_size", shuffle, block_size)?;
        let epoch = Epoch { position, ..Epoch::new(windows, shuffle, number("seed")?, number("epoch")?) };
        let py = state.py();
        let before = std::mem::replace(&mut *self.state(py), State { epoch, ahead: None, slow: 0 });
        // Which waits for the batch that is being made.
        py.detach(|| drop(before));
        Ok(())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (position, plan) = (self.epoch(py).position, &self.work.plan);
        let (left, windows) = (plan.batches_from(position), plan.windows());
        format!("Batches({left} to come, {position} of {windows} windows used)")
    }
}
