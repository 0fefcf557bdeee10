//! `bytestride.pack` and the class `Packs`.

use std::sync::OnceLock;

use bytestride_core::windows::{self, Packed, Packing, Strategy, Token};
use numpy::PyArrayMethods;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::arguments::{self, Integer, integers, place_at, unsigned};
use crate::batches::{Batches, DATA, Mark, Rows, batches_method};
use crate::blocks::Gather;
use crate::errors::IntoPython;
use crate::made::{Made, packed};
use crate::memory::{Memory, Pool};
use crate::named::{function_with, one_of};
use crate::tokens::{Tokens, with_type};
use crate::windows::offsets_of;

/// A function and its arguments, as pickle wants them.
type Reduced<'p, 'py> = (Bound<'py, PyAny>, (&'p Py<PyAny>, u64));

/// Whole documents packed into rows of `max_length` tokens, for attention that stays within documents.
///
/// Every token is an input exactly once. Its target is the next token of its document, or -100 (which PyTorch's
/// cross-entropy ignores) at a document's last token and at padding. Documents longer than a row are cut; the target at
/// the cut is the token behind it, in another row. The result depends on the documents' lengths alone. One pass over the
/// offsets and a sort by counting; 16 bytes a document, some 12 for each token of `max_length`, and no token is read.
///
/// Args:
///     store: A `TokenStore`, a `Ragged`, or anything with their `tokens` or `ids` and `offsets`.
///     max_length: Places in a row.
///     strategy: `"best_fit"`: from long to short, each document into the fullest row with room for it, so that only
///         documents longer than a row are cut (Ding et al. 2024, arXiv 2404.10830). `"concat"`: one after
///         another, cut where rows end; no padding but in the last row. `"pad"`: one document a row.
///     pad_id: The input at padding, an id that the model knows; its target is -100 whatever it is.
///
/// Raises:
///     ValueError: If `max_length` is 0 or beyond 2**31 - 1, the store has no tokens or no offsets, `strategy` is another, or
///         `pad_id` is negative.
///
/// Example:
///     >>> import bytestride as bs, numpy as np
///     >>> batch = bs.Ragged(np.array([1, 2, 3, 4, 5, 6, 7], "uint32"), np.array([0, 2, 6, 7]))
///     >>> packs = bs.pack(batch, max_length=4)
///     >>> rows = packs.gather([0, 1])
///     >>> rows.inputs
///     array([[3, 4, 5, 6],
///            [1, 2, 7, 0]])
///     >>> rows.targets
///     array([[   4,    5,    6, -100],
///            [   2, -100, -100, -100]])
///     >>> rows.cu_seqlens
///     array([0, 4, 6, 7, 8], dtype=int32)
///     >>> rows.position_ids
///     array([[0, 1, 2, 3],
///            [0, 1, 0, 0]])
#[pyfunction]
#[pyo3(signature = (store, max_length, strategy=Strategy::BestFit, *, pad_id=None),
       text_signature = "(store, max_length, strategy=\"best_fit\", *, pad_id=0)")]
pub(crate) fn pack(
    store: &Bound<'_, PyAny>,
    max_length: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = strategy_of)] strategy: Strategy,
    pad_id: Option<&Bound<'_, PyAny>>,
) -> PyResult<Packs> {
    let pad = pad_id.map_or(Ok(0), arguments::pad_id)?;
    let max_length = unsigned("max_length", max_length)?;
    let tokens = Tokens::of("store", "a TokenStore or a Ragged", store)?;
    let offsets = offsets_of("store", store, tokens.count())?;
    let offsets = offsets.try_readonly()?;
    let offsets = offsets.as_slice()?;
    let packing = store.py().detach(|| Packing::new(offsets, max_length, strategy)).into_python()?;
    let source = store.clone().unbind();
    Ok(Packs { source, tokens, packing, strategy, pad, pool: Pool::default(), fingerprint: OnceLock::new() })
}

const STRATEGIES: [(&str, Strategy); 3] =
    [("best_fit", Strategy::BestFit), ("concat", Strategy::Concat), ("pad", Strategy::Pad)];

fn strategy_of(value: &Bound<'_, PyAny>) -> PyResult<Strategy> {
    one_of("strategy", &STRATEGIES, value)
}

/// Rows of whole documents, made by `bytestride.pack`: a `Packed` by index or batch.
///
/// That is the tuple `(inputs, targets, cu_seqlens, position_ids)`, whose parts have these names, too. `inputs`, `targets`
/// and `position_ids` are `dtype[n, max_length]`, new arrays. `cu_seqlens`, `int32[m + 1]`, is where documents end when the
/// `n` rows lie one behind the other, from 0 to `n * max_length`, as variable-length attention kernels want it. Positions
/// count from 0 in each document; padding counts as one. `packs[i]` is one row, `[max_length]` each. Immutable, and safe to
/// use from several threads.
///
/// Example:
///     >>> import bytestride as bs, numpy as np
///     >>> batch = bs.Ragged(np.arange(7, dtype="uint32"), np.array([0, 2, 6, 7]))
///     >>> packs = bs.pack(batch, max_length=4)
///     >>> len(packs), packs
///     (2, Packs(2 rows of 4 tokens by best_fit, 87.5 % full))
///     >>> packs[1][0]
///     array([0, 1, 6, 0])
#[pyclass(frozen, module = "bytestride")]
#[derive(Debug)]
pub(crate) struct Packs {
    /// What the caller gave.
    source: Py<PyAny>,
    tokens: Tokens,
    packing: Packing,
    strategy: Strategy,
    pad: u32,
    pool: Pool,
    /// The fingerprint of the rows, made when it is first needed.
    fingerprint: OnceLock<u64>,
}

impl Packs {
    /// Where memory for batches comes from.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> u64 {
        self.packing.rows()
    }

    /// What must be equal for a position to mean the same.
    pub(crate) fn marks(&self) -> Vec<(&'static str, Mark)> {
        let packing = &self.packing;
        vec![
            ("windows", Mark::Number(packing.rows())),
            ("max_length", Mark::Number(packing.max_length())),
            ("tokens", Mark::Number(packing.tokens())),
            ("strategy", Mark::Name(self.strategy())),
            (DATA, Mark::Number(self.fingerprint())),
        ]
    }

    fn fingerprint(&self) -> u64 {
        *self.fingerprint.get_or_init(|| {
            let start = |row| self.packing.pieces(row).first().map_or(0, |piece| piece.start);
            let rows = self.packing.rows();
            with_type!(self.tokens.integer(), S => windows::fingerprint(self.tokens.typed::<S>(), rows, start))
        })
    }

    /// Writes the positions of `rows` to the last block of `memory`.
    pub(crate) fn write_positions(&self, rows: &[u64], memory: &mut Memory) {
        with_type!(memory.shape().integer, T => {
            let positions = memory.blocks_mut::<T>().last().unwrap_or_default();
            for (row, positions) in rows.iter().zip(positions.chunks_exact_mut(self.columns())) {
                self.packing.write_positions(*row, positions);
            }
        });
    }

    /// Where documents end in `rows`, one behind the other.
    pub(crate) fn cumulative_lengths(&self, rows: &[u64]) -> bytestride_core::Result<Vec<i32>> {
        self.packing.cumulative_lengths(rows)
    }

    fn gathered<'py>(
        &self,
        py: Python<'py>,
        rows: &[u64],
        integer: Integer,
    ) -> PyResult<Bound<'py, PyTuple>> {
        self.check(py)?;
        let made = py.detach(|| Made::of_packs(self, rows, integer));
        made?.into_tuple(py)
    }
}

impl Gather for Packs {
    type Row = u64;

    fn columns(&self) -> usize {
        self.packing.max_length() as usize
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
        with_type!(self.tokens.integer(), S => {
            let packed = Packed::new(&self.packing, self.tokens.typed::<S>(), self.pad.into())?;
            windows::gather(&packed, rows, inputs, targets)
        })
    }
}

batches_method! {
    /// An iterator over the batches of one epoch, a `Packed` each.
    ///
    /// Arguments, ranks and state are those of `Windows.batches`; `out`, a pair of arrays, takes inputs and targets.
    ///
    /// Raises:
    ///     ValueError: If a number is out of range, the rows are too few for one batch and `drop_last` is set, or `out` has
    ///         another shape or type.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> batch = bs.Ragged(np.arange(7, dtype="uint32"), np.array([0, 2, 6, 7]))
    ///     >>> for rows in bs.pack(batch, 4).batches(2, shuffle=False):
    ///     ...     print(rows.inputs.shape, rows.cu_seqlens)
    ///     (2, 4) [0 4 6 7 8]
    Packs
}

#[pymethods]
impl Packs {
    /// Places in a row.
    #[getter]
    fn max_length(&self) -> u64 {
        self.packing.max_length()
    }

    /// How documents share rows: `"best_fit"`, `"concat"` or `"pad"`.
    #[getter]
    fn strategy(&self) -> &'static str {
        match self.strategy {
            Strategy::BestFit => "best_fit",
            Strategy::Concat => "concat",
            Strategy::Pad => "pad",
        }
    }

    /// The input at padding.
    #[getter]
    fn pad_id(&self) -> u32 {
        self.pad
    }

    /// The share of places that hold a token and no padding, 0 to 1.
    #[getter]
    fn efficiency(&self) -> f64 {
        self.packing.tokens() as f64 / (self.packing.rows() as f64 * self.packing.max_length() as f64)
    }

    fn __len__(&self) -> usize {
        self.packing.rows() as usize
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let index = arguments::index(index, "an integer", "; see gather")?;
        let row = place_at("row", index, self.packing.rows())?;
        let batch = self.gathered(py, &[row], Integer::I64)?;
        let first = |block: usize| batch.get_item(block)?.get_item(0);
        packed(py, [first(0)?, first(1)?, batch.get_item(2)?, first(3)?])
    }

    /// Any rows: a `Packed` of new arrays.
    ///
    /// The GIL is released; above some MiB of output several threads copy.
    ///
    /// Args:
    ///     indices: `n` integers, in any order, also repeated; negative ones count from the end.
    ///     dtype: int64 or int32, of all but `cu_seqlens`, which is int32.
    ///
    /// Raises:
    ///     IndexError: If there is no row of an index.
    ///     ValueError: If an id or -100 does not fit `dtype`, or the rows have more than 2**31 - 1 places together.
    ///
    /// Example:
    ///     >>> import bytestride as bs, numpy as np
    ///     >>> batch = bs.Ragged(np.arange(7, dtype="uint32"), np.array([0, 2, 6, 7]))
    ///     >>> bs.pack(batch, max_length=4).gather([1, 1]).cu_seqlens
    ///     array([0, 2, 3, 4, 6, 7, 8], dtype=int32)
    #[pyo3(signature = (indices, dtype=None))]
    fn gather<'py>(
        &self,
        py: Python<'py>,
        indices: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let row = |&index: &i64| place_at("row", index.into(), self.packing.rows());
        let indices = integers("indices", indices)?.iter().map(row).collect::<PyResult<Vec<u64>>>()?;
        self.gathered(py, &indices, dtype.map_or(Ok(Integer::I64), Integer::new)?)
    }

    /// For the garbage collector, since tokens may belong to what holds these. It breaks cycles elsewhere.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.source)?;
        self.tokens.traverse(&visit)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'_, 'py>> {
        let options = PyDict::new(py);
        options.set_item("strategy", self.strategy())?;
        options.set_item("pad_id", self.pad)?;
        Ok((function_with(py, "pack", &options)?, (&self.source, self.packing.max_length())))
    }

    fn __repr__(&self) -> String {
        let (rows, columns, percent) = (self.packing.rows(), self.columns(), 100.0 * self.efficiency());
        format!("Packs({rows} rows of {columns} tokens by {}, {percent:.1} % full)", self.strategy())
    }
}
