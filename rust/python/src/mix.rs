//! `bytestride.mix` and the class `Mix`.

use std::ops::Range;

use bytestride_core::windows::{self, Draw, Mixed, Mixture, Shuffle, Token};
use numpy::{PyArray1, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::arguments::{self, integers, length_of, place_at, type_name, unsigned};
use crate::batches::{Batches, Mark, Rows, SOURCES, batches_method};
use crate::blocks::{self, Gather, gathered};
use crate::errors::IntoPython;
use crate::memory::Pool;
use crate::named::{function_with, items, weights as weights_of};
use crate::tokens::Tokens;
use crate::windows::Windows;

/// A function and its arguments, as pickle wants them.
type Reduced<'m, 'py> = (Bound<'py, PyAny>, (Bound<'py, PyTuple>, &'m [f64]));
/// Sources, and windows of them.
type Origins<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

/// Several `Windows` as one, in fixed shares, with random access.
///
/// Any prefix holds of each source its share of windows, less than one off. Shares are the weights over their sum, as
/// fractions with a common denominator of at most 65,536 (`weights` of the mix tells them). A source that
/// has been read begins again, so all are in the mixture as long as it goes on; nothing is copied or listed.
///
/// Args:
///     sources: `Windows` of the same `max_length`; tokens may be of different types.
///     weights: One positive number each; only their ratios matter.
///     length: Windows in an epoch of the mixture; `None` is as many as all sources have together.
///
/// Raises:
///     ValueError: If sources differ in `max_length`, there are not as many weights, one is not positive and finite or
///         below 1/65,536 of their sum, or `length` is 0.
///     TypeError: If a source is not `Windows`.
///
/// Example:
///     >>> import bytestride as bs, numpy as np
///     >>> code = bs.windows(np.arange(0, 40), max_length=4)
///     >>> books = bs.windows(np.arange(100, 140), max_length=4)
///     >>> mixed = bs.mix([code, books], weights=[0.75, 0.25])
///     >>> [int(inputs[0]) for inputs, targets in mixed][:8]
///     [0, 4, 8, 100, 12, 16, 20, 104]
#[pyfunction]
#[pyo3(signature = (sources, weights, *, length=None))]
pub(crate) fn mix(
    sources: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = weights_of)] weights: Vec<f64>,
    length: Option<&Bound<'_, PyAny>>,
) -> PyResult<Mix> {
    let windows = |source: PyResult<Bound<'_, PyAny>>| {
        let source = source?;
        source.cast::<Windows>().map(|windows| windows.clone().unbind()).map_err(|_| {
            PyTypeError::new_err(format!("sources: expected Windows, not {}", type_name(&source)))
        })
    };
    let sources =
        items("sources", "several Windows", sources)?.map(windows).collect::<PyResult<Vec<Py<Windows>>>>()?;
    let counts: Vec<u64> = sources.iter().map(|source| source.get().places().windows()).collect();
    let together = counts.iter().fold(0_u64, |sum, &count| sum.saturating_add(count));
    let mixture = Mixture::new(&weights, counts).into_python()?;
    let columns = |source: &Py<Windows>| source.get().columns();
    if let Some(other) = sources.iter().find(|source| columns(source) != columns(&sources[0])) {
        let message =
            format!("max_length is {} of one and {} of another", columns(&sources[0]), columns(other));
        return Err(PyValueError::new_err(format!("sources: {message}, expected the same of all")));
    }
    let length = length.map_or(Ok(together), |length| unsigned("length", length))?;
    if length == 0 {
        return Err(PyValueError::new_err("length: 0 windows are no mixture, expected at least 1"));
    }
    Ok(Mix { sources, given: weights, mixture, length })
}

/// A weighted mixture of `Windows`, made by `bytestride.mix`: `(inputs, targets)` by index or batch.
///
/// The mixture is one endless sequence, and an epoch is a stretch of `len(mixed)` windows of it: in the second epoch
/// sources go on where the first left them. `mixed[i]` is a window of the first, in the order of each source, as views.
/// Immutable, and safe to use from several threads.
///
/// Example:
///     >>> import bytestride as bs, numpy as np
///     >>> w = bs.windows(np.arange(9), max_length=4)
///     >>> mixed = bs.mix([w, w], weights=[2, 1])
///     >>> len(mixed), mixed.weights
///     (4, [0.6666666666666666, 0.3333333333333333])
///     >>> mixed
///     Mix(4 windows of 4 tokens, 2 sources)
#[pyclass(frozen, module = "bytestride")]
#[derive(Debug)]
pub(crate) struct Mix {
    sources: Vec<Py<Windows>>,
    /// The weights as they were given.
    given: Vec<f64>,
    mixture: Mixture,
    length: u64,
}

impl Mix {
    /// Where memory for batches comes from.
    pub(crate) fn pool(&self) -> &Pool {
        self.sources[0].get().pool()
    }

    /// How many windows an epoch has.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// What must be equal for a position to mean the same: lengths, and as a hash the shares and the sources.
    pub(crate) fn marks(&self) -> Vec<(&'static str, Mark)> {
        let sources = self.sources.iter().flat_map(|source| source.get().marks());
        let shares = self.mixture.shares().iter().map(|&share| Mark::Number(share.into()));
        let marks = sources.map(|(_, mark)| mark).chain(shares);
        vec![
            ("windows", Mark::Number(self.length)),
            ("max_length", Mark::Number(self.columns() as u64)),
            (SOURCES, Mark::Number(hash(marks))),
        ]
    }

    /// What an epoch has at `positions`: for each its source and the window.
    pub(crate) fn draws(
        &self,
        epoch: u64,
        positions: Range<u64>,
        shuffle: Shuffle,
        seed: u64,
    ) -> Vec<(usize, u64)> {
        let draw = |position| Draw { epoch, length: self.length, position };
        positions.map(|position| self.mixture.at(draw(position), shuffle, seed)).collect()
    }

    /// The source and the window at `index` of the first epoch, counted from the end if negative.
    fn at(&self, index: i128) -> PyResult<(usize, u64)> {
        let position = place_at("window", index, self.length)?;
        Ok(self.mixture.at(Draw { epoch: 0, length: self.length, position }, Shuffle::No, 0))
    }
}

/// FNV-1a over the bytes of numbers and names, below 2^63.
fn hash(marks: impl Iterator<Item = Mark>) -> u64 {
    let bytes = marks.flat_map(|mark| match mark {
        Mark::Number(number) => number.to_le_bytes().to_vec(),
        Mark::Name(name) => name.as_bytes().to_vec(),
    });
    let add = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.fold(0xcbf2_9ce4_8422_2325, add) >> 1
}

impl Gather for Mix {
    type Row = (usize, u64);

    fn columns(&self) -> usize {
        self.sources[0].get().columns()
    }

    fn sources(&self) -> impl Iterator<Item = &Tokens> {
        self.sources.iter().flat_map(|source| source.get().sources())
    }

    fn gather<T: Token>(
        &self,
        rows: &[(usize, u64)],
        inputs: &mut [T],
        targets: &mut [T],
    ) -> bytestride_core::Result<()> {
        let sources: bytestride_core::Result<_> =
            self.sources.iter().map(|source| source.get().rows()).collect();
        windows::gather(&Mixed::new(sources?), rows, inputs, targets)
    }
}

batches_method! {
    /// An iterator over the batches of one epoch: `(inputs, targets)`, two arrays `dtype[batch_size, max_length]`.
    ///
    /// Arguments, ranks and state are those of `Windows.batches`. Shuffling takes place within each source, anew each
    /// time the source has been read, so the shares hold in every prefix of the epoch, over all ranks together; one rank
    /// may see a single source in its places.
    ///
    /// Raises:
    ///     ValueError: If a number is out of range, the windows are too few for one batch and `drop_last` is set, or `out`
    ///         has another shape or type.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> low, high = (bs.windows(np.arange(start, start + 9), 2) for start in (0, 100))
    ///     >>> mixed = bs.mix([low, high], weights=[0.5, 0.5])
    ///     >>> [inputs.tolist() for inputs, targets in mixed.batches(2, shuffle=False)][:2]
    ///     [[[0, 1], [100, 101]], [[2, 3], [102, 103]]]
    Mix
}

#[pymethods]
impl Mix {
    /// Tokens in a window.
    #[getter]
    fn max_length(&self) -> usize {
        self.columns()
    }

    /// The share of each source, exactly as it is drawn: a list of numbers that sum to 1.
    #[getter]
    fn weights(&self) -> Vec<f64> {
        let period: u32 = self.mixture.shares().iter().sum();
        self.mixture.shares().iter().map(|&share| f64::from(share) / f64::from(period)).collect()
    }

    /// What is mixed: a list of `Windows`.
    #[getter]
    fn sources(&self, py: Python<'_>) -> Vec<Py<Windows>> {
        self.sources.iter().map(|source| source.clone_ref(py)).collect()
    }

    fn __len__(&self) -> PyResult<usize> {
        length_of(self.length, "windows")
    }

    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        index: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyUntypedArray>, Bound<'py, PyUntypedArray>)> {
        let (source, window) = self.at(arguments::index(index, "an integer", "; see gather")?)?;
        self.sources[source].get().window(py, window)
    }

    /// The source that each of some windows comes from, and which of its windows it is: two arrays `int64[n]`.
    ///
    /// Args:
    ///     indices: Positions in the first epoch, unshuffled; negative ones count from the end.
    ///
    /// Raises:
    ///     IndexError: If there is no window of an index.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> w = bs.windows(np.arange(9), max_length=4)
    ///     >>> bs.mix([w, w], weights=[2, 1]).origins([0, 1, 2])
    ///     (array([0, 0, 1]), array([0, 1, 0]))
    fn origins<'py>(&self, py: Python<'py>, indices: &Bound<'py, PyAny>) -> PyResult<Origins<'py>> {
        let indices = integers("indices", indices)?;
        let origins =
            indices.iter().map(|&index| self.at(index.into())).collect::<PyResult<Vec<(usize, u64)>>>()?;
        let (sources, windows): (Vec<i64>, Vec<i64>) =
            origins.into_iter().map(|(source, window)| (source as i64, window as i64)).unzip();
        Ok((PyArray1::from_vec(py, sources), PyArray1::from_vec(py, windows)))
    }

    /// Inputs and targets of any windows, copied: two arrays `dtype[n, max_length]`, contiguous each.
    ///
    /// Args:
    ///     indices: `n` positions in the first epoch, unshuffled; negative ones count from the end.
    ///     out: Where to write, as in `Windows.gather`.
    ///     dtype: int64, int32, uint32 or uint16. `None` is the type of `out`, or int64.
    ///
    /// Raises:
    ///     IndexError: If there is no window of an index.
    ///     ValueError: If an id does not fit `dtype`, or `out` has another shape or type, is not contiguous and writeable,
    ///         or shares memory with itself or the tokens.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> w = bs.windows(np.arange(9), max_length=4)
    ///     >>> bs.mix([w, w], weights=[1, 1]).gather([0, -1])[0]
    ///     array([[0, 1, 2, 3],
    ///            [4, 5, 6, 7]])
    #[pyo3(signature = (indices, out=None, dtype=None))]
    fn gather(
        &self,
        py: Python<'_>,
        indices: &Bound<'_, PyAny>,
        out: Option<&Bound<'_, PyAny>>,
        dtype: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<blocks::Pair> {
        let indices = integers("indices", indices)?;
        let rows = indices.iter().map(|&index| self.at(index.into())).collect::<PyResult<Vec<_>>>()?;
        gathered(py, self, &rows, self.pool(), out, dtype)
    }

    /// For the garbage collector, since tokens may belong to what holds these. It breaks cycles elsewhere.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.sources.iter().try_for_each(|source| visit.call(source))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'_, 'py>> {
        let options = PyDict::new(py);
        options.set_item("length", self.length)?;
        Ok((function_with(py, "mix", &options)?, (PyTuple::new(py, &self.sources)?, &self.given)))
    }

    fn __repr__(&self) -> String {
        format!("Mix({} windows of {} tokens, {} sources)", self.length, self.columns(), self.sources.len())
    }
}
