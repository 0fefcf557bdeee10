//! The two arrays that a gather fills, inputs and targets: new ones, or the caller's `out`.

use bytestride_core::windows::{Packing, Places, Token, Windows, WriteWindow, gather};
use numpy::{
    BorrowError, Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PySequence, PySlice};

use crate::arguments::{Integer, type_name};
use crate::errors::IntoPython;
use crate::view::uninitialised;
use crate::windows::Windows as PythonWindows;

/// Runs `$body` with `$type` standing for the Rust type of `$integer`.
macro_rules! with_type {
    ($integer:expr, $type:ident => $body:expr) => {
        match $integer {
            $crate::arguments::Integer::I64 => {
                type $type = i64;
                $body
            }
            $crate::arguments::Integer::I32 => {
                type $type = i32;
                $body
            }
            $crate::arguments::Integer::U32 => {
                type $type = u32;
                $body
            }
            $crate::arguments::Integer::U16 => {
                type $type = u16;
                $body
            }
        }
    };
}

pub(crate) use with_type;

/// Tokens in an array of one of the types that ids come in.
#[derive(Debug)]
pub(crate) enum Tokens {
    U16(Py<PyArray1<u16>>),
    U32(Py<PyArray1<u32>>),
    I32(Py<PyArray1<i32>>),
    I64(Py<PyArray1<i64>>),
}

/// Runs `$body` with `$array` as the typed array of `$tokens`.
macro_rules! with_tokens {
    ($tokens:expr, $array:ident => $body:expr) => {
        match $tokens {
            $crate::blocks::Tokens::U16($array) => $body,
            $crate::blocks::Tokens::U32($array) => $body,
            $crate::blocks::Tokens::I32($array) => $body,
            $crate::blocks::Tokens::I64($array) => $body,
        }
    };
}
pub(crate) use with_tokens;

/// Two contiguous `[rows, columns]` arrays of one type.
#[derive(Debug)]
pub(crate) struct Blocks {
    inputs: Py<PyUntypedArray>,
    targets: Py<PyUntypedArray>,
    integer: Integer,
    rows: usize,
}

impl Blocks {
    /// New arrays, with arbitrary contents: the halves of one allocation. (With two of some 256 KiB, glibc gives memory
    /// back to the system whenever a pair is freed, and the page faults of the next pair take longer than filling it.)
    pub(crate) fn new(py: Python<'_>, rows: usize, columns: usize, integer: Integer) -> PyResult<Self> {
        let both = with_type!(integer, T => uninitialised::<T>(py, rows, columns))?;
        let half = |index: usize| PyResult::Ok(both.get_item(index)?.cast_into::<PyUntypedArray>()?.unbind());
        Ok(Self { inputs: half(0)?, targets: half(1)?, integer, rows })
    }

    /// Where a gather of so many rows writes: the caller's arrays, or new ones of `dtype`, int64 if nothing is said.
    pub(crate) fn for_gather(
        py: Python<'_>,
        out: Option<&Bound<'_, PyAny>>,
        dtype: Option<&Bound<'_, PyAny>>,
        rows: usize,
        columns: usize,
    ) -> PyResult<Self> {
        let dtype = dtype.map(Integer::new).transpose()?;
        match out {
            Some(out) => Self::from_out(out, rows, columns, dtype),
            None => Self::new(py, rows, columns, dtype.unwrap_or(Integer::I64)),
        }
    }

    /// The caller's arrays: a pair, or one array `[2, rows, columns]`. A `ValueError` if they are not what is needed.
    pub(crate) fn from_out(
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
    pub(crate) fn into_pair(self) -> (Py<PyUntypedArray>, Py<PyUntypedArray>) {
        (self.inputs, self.targets)
    }

    /// Writes the windows `indices`, one a row. Releases the GIL.
    pub(crate) fn fill(
        &self,
        py: Python<'_>,
        places: &Places,
        tokens: &Tokens,
        pad: Option<i64>,
        indices: &[u64],
    ) -> PyResult<()> {
        with_tokens!(tokens, array => with_type!(self.integer, T => {
            self.fill_typed::<_, T>(array.bind(py), places, pad, indices)
        }))
    }

    /// Writes windows of several sources, one a row: for each row its source and the window. Releases the GIL.
    pub(crate) fn fill_mixed(
        &self,
        py: Python<'_>,
        sources: &[&PythonWindows],
        rows: &[(usize, u64)],
    ) -> PyResult<()> {
        with_type!(self.integer, T => self.fill_mixed_typed::<T>(py, sources, rows))
    }

    fn fill_mixed_typed<T: Token + Element>(
        &self,
        py: Python<'_>,
        sources: &[&PythonWindows],
        rows: &[(usize, u64)],
    ) -> PyResult<()> {
        let borrowed: Vec<ReadTokens<'_>> = sources
            .iter()
            .map(|source| ReadTokens::new(py, source.tokens_and_pad().0))
            .collect::<PyResult<_>>()?;
        let windows: Vec<Box<dyn WriteWindow<T> + '_>> = sources
            .iter()
            .zip(&borrowed)
            .map(|(source, tokens)| tokens.windows(source.places(), source.tokens_and_pad().1))
            .collect::<PyResult<_>>()?;
        let columns = sources[0].columns();
        self.write::<T>(py, |inputs, targets| {
            gather(rows, columns, inputs, targets, |&(source, window), inputs, targets| {
                windows[source].write(window, inputs, targets)
            })
        })
    }

    /// Writes packed rows. Releases the GIL.
    pub(crate) fn fill_packed(
        &self,
        py: Python<'_>,
        packing: &Packing,
        tokens: &Tokens,
        pad: i64,
        rows: &[u64],
    ) -> PyResult<()> {
        with_tokens!(tokens, array => with_type!(self.integer, T => {
            let tokens = array.bind(py).try_readonly().map_err(not_writable)?;
            let tokens = tokens.as_slice()?;
            check_count(tokens.len(), packing.tokens())?;
            self.write::<T>(py, |inputs, targets| {
                let columns = packing.max_length() as usize;
                gather(rows, columns, inputs, targets, |&row, inputs, targets| {
                    packing.write(tokens, pad, row, inputs, targets)
                })
            })
        }))
    }

    /// Lets `body` write inputs and targets, without the GIL.
    fn write<T: Token + Element>(
        &self,
        py: Python<'_>,
        body: impl FnOnce(&mut [T], &mut [T]) -> bytestride_core::Result<()> + Send,
    ) -> PyResult<()> {
        if self.rows == 0 {
            return Ok(()); // Two arrays without elements may lie at one address, which looks like an overlap.
        }
        let mut inputs = self.inputs.bind(py).cast::<PyArray2<T>>()?.try_readwrite().map_err(not_writable)?;
        let mut targets =
            self.targets.bind(py).cast::<PyArray2<T>>()?.try_readwrite().map_err(not_writable)?;
        let (inputs, targets) = (inputs.as_slice_mut()?, targets.as_slice_mut()?);
        py.detach(|| body(inputs, targets)).into_python()
    }

    fn fill_typed<S: Token + Element, T: Token + Element>(
        &self,
        tokens: &Bound<'_, PyArray1<S>>,
        places: &Places,
        pad: Option<i64>,
        indices: &[u64],
    ) -> PyResult<()> {
        let py = tokens.py();
        let tokens = tokens.try_readonly().map_err(not_writable)?;
        let windows = Windows::new(places, tokens.as_slice()?, pad).into_python()?;
        self.write::<T>(py, |inputs, targets| windows.gather(indices, inputs, targets))
    }
}

/// Borrowed tokens of any type.
enum ReadTokens<'py> {
    U16(PyReadonlyArray1<'py, u16>),
    U32(PyReadonlyArray1<'py, u32>),
    I32(PyReadonlyArray1<'py, i32>),
    I64(PyReadonlyArray1<'py, i64>),
}

impl<'py> ReadTokens<'py> {
    fn new(py: Python<'py>, tokens: &Tokens) -> PyResult<Self> {
        Ok(match tokens {
            Tokens::U16(array) => Self::U16(array.bind(py).try_readonly().map_err(not_writable)?),
            Tokens::U32(array) => Self::U32(array.bind(py).try_readonly().map_err(not_writable)?),
            Tokens::I32(array) => Self::I32(array.bind(py).try_readonly().map_err(not_writable)?),
            Tokens::I64(array) => Self::I64(array.bind(py).try_readonly().map_err(not_writable)?),
        })
    }

    /// The windows at `places` of them.
    fn windows<'t, T: Token>(
        &'t self,
        places: &'t Places,
        pad: Option<i64>,
    ) -> PyResult<Box<dyn WriteWindow<T> + 't>> {
        Ok(match self {
            Self::U16(tokens) => Box::new(Windows::new(places, tokens.as_slice()?, pad).into_python()?),
            Self::U32(tokens) => Box::new(Windows::new(places, tokens.as_slice()?, pad).into_python()?),
            Self::I32(tokens) => Box::new(Windows::new(places, tokens.as_slice()?, pad).into_python()?),
            Self::I64(tokens) => Box::new(Windows::new(places, tokens.as_slice()?, pad).into_python()?),
        })
    }
}

/// An error unless there are still as many tokens as there were.
fn check_count(tokens: usize, expected: u64) -> PyResult<()> {
    if tokens as u64 == expected {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("tokens: there are {tokens} tokens now, {expected} were packed")))
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

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn not_writable(error: BorrowError) -> PyErr {
    PyValueError::new_err(match error {
        BorrowError::NotWriteable => "out: expected writeable arrays",
        _ => "out: inputs, targets and tokens must not overlap, nor be in use by another call",
    })
}
