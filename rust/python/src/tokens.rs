//! Token ids in numpy arrays, and the types that ids come in.
#![expect(unsafe_code, reason = "slices of arrays, for threads that do not hold the GIL")]

use std::marker::PhantomData;
use std::ops::Range;

use bytestride_core::windows::{Sequence, Token};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::arguments::Integer;
use crate::named::unexpected;
use crate::view::{start_of, view_of};

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

/// Ids as one sequence that any thread may read, with or without the GIL: an array, or one for each shard of a store.
///
/// The arrays are kept alive, and numpy refuses to give their memory another size or place while others refer to it; where
/// it was told to do so all the same (`resize(refcheck=False)`), the next call finds that out.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// At least one.
    shards: Vec<Shard>,
    integer: Integer,
    count: usize,
}

/// A one-dimensional, contiguous array.
#[derive(Debug)]
struct Shard {
    array: Py<PyUntypedArray>,
    start: *const u8,
    count: usize,
    /// How many ids are in the shards before.
    before: usize,
}

// SAFETY: memory that is only read, through a pointer that stays valid as long as the array that owns it lives and has its
// size: to write to it meanwhile, or to take it away in spite of numpy, is the caller's error, as with numpy's own views.
unsafe impl Send for Shard {}
// SAFETY: as above.
unsafe impl Sync for Shard {}

impl Tokens {
    /// The array that `source` is, or has as its attribute `tokens` or `ids`; or several, its attribute `shards`. What is
    /// `expected`, and the `name` of the argument, are for the error.
    pub(crate) fn of(name: &str, expected: &str, source: &Bound<'_, PyAny>) -> PyResult<Self> {
        let arrays = arrays_of(source)?.ok_or_else(|| unexpected(name, expected, source))?;
        let mut tokens = Self { shards: Vec::new(), integer: Integer::U16, count: 0 };
        for array in arrays {
            let integer = checked(name, &array)?;
            if !tokens.shards.is_empty() && integer != tokens.integer {
                let message = format!("{} and {}", tokens.integer.name(), integer.name());
                return Err(PyValueError::new_err(format!("{name}: expected one type, not {message}")));
            }
            tokens.integer = integer;
            let (start, count, before) = (start_of(&array), array.len(), tokens.count);
            tokens.shards.push(Shard { array: array.unbind(), start, count, before });
            tokens.count += count;
        }
        if tokens.shards.is_empty() {
            let message = format!("{name}: there are no shards, expected at least one");
            return Err(PyValueError::new_err(message));
        }
        Ok(tokens)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The type they are stored as.
    pub(crate) fn integer(&self) -> Integer {
        self.integer
    }

    /// An error if the memory was replaced under an array.
    pub(crate) fn check(&self, py: Python<'_>) -> PyResult<()> {
        let is_there = |shard: &Shard| {
            let array = shard.array.bind(py);
            array.len() == shard.count && start_of(array) == shard.start
        };
        if self.shards.iter().all(is_there) {
            return Ok(());
        }
        Err(PyRuntimeError::new_err("tokens: the array was resized under its windows"))
    }

    /// Shows the arrays to Python's garbage collector.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.shards.iter().try_for_each(|shard| visit.call(&shard.array))
    }

    /// The ids as `S`, which must be the Rust type of [`integer`](Self::integer).
    pub(crate) fn typed<S: Token>(&self) -> Typed<'_, S> {
        assert_eq!(S::NAME, self.integer.name(), "the type of the ids");
        Typed { tokens: self, token: PhantomData }
    }

    /// A read-only view of some: the first at `start`, the others `strides` elements apart. `None` if they lie in several
    /// shards. O(1).
    pub(crate) fn view<'py>(
        &self,
        py: Python<'py>,
        start: usize,
        shape: &[usize],
        strides: &[isize],
    ) -> PyResult<Option<Bound<'py, PyUntypedArray>>> {
        self.check(py)?;
        let reach = |(&length, &stride): (&usize, &isize)| (length as i128 - 1) * stride as i128;
        let reaches = shape.iter().zip(strides).map(reach);
        let (shard, is_empty) = (self.shard_of(start), shape.contains(&0));
        let first = start as i128 + reaches.clone().filter(|&reach| reach < 0).sum::<i128>();
        let last = start as i128 + reaches.filter(|&reach| reach > 0).sum::<i128>();
        let within = shard.before as i128..(shard.before + shard.count) as i128;
        if !is_empty && self.shards.len() > 1 && !(within.contains(&first) && within.contains(&last)) {
            return Ok(None);
        }
        let array = shard.array.bind(py);
        view_of(array.as_any(), array, start.saturating_sub(shard.before), shape, strides).map(Some)
    }

    /// The addresses that they are at.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Range<usize>> {
        let width = self.integer.width();
        self.shards.iter().map(move |shard| {
            let start = shard.start as usize;
            start..start + shard.count * width
        })
    }

    /// The shard with the id at `position`, or the last.
    fn shard_of(&self, position: usize) -> &Shard {
        match &*self.shards {
            [one] => one,
            shards => &shards[shards.partition_point(|shard| shard.before <= position) - 1],
        }
    }
}

/// Ids, seen as `S`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Typed<'t, S> {
    tokens: &'t Tokens,
    token: PhantomData<S>,
}

impl<S: Token> Sequence for Typed<'_, S> {
    type Token = S;

    fn len(&self) -> u64 {
        self.tokens.count as u64
    }

    fn piece(&self, range: Range<u64>) -> &[S] {
        let shard = self.tokens.shard_of(range.start as usize);
        if shard.count == 0 {
            return &[];
        }
        // SAFETY: `count` elements of this type, contiguous and aligned as `checked` has seen, in memory that the array keeps
        // alive; any bits are an integer. For the rest see `Shard`.
        let ids = unsafe { std::slice::from_raw_parts(shard.start.cast(), shard.count) };
        let end = (range.end as usize - shard.before).min(shard.count);
        &ids[range.start as usize - shard.before..end]
    }
}

/// The arrays that `source` is or has; `None` if it is something else.
fn arrays_of<'py>(source: &Bound<'py, PyAny>) -> PyResult<Option<Vec<Bound<'py, PyUntypedArray>>>> {
    let array = |object: Bound<'py, PyAny>| object.cast_into::<PyUntypedArray>().ok();
    if source.is_instance_of::<PyUntypedArray>() {
        return Ok(array(source.clone()).map(|array| vec![array]));
    }
    if let Some(shards) = source.getattr_opt("shards")? {
        return shards.try_iter()?.map(|shard| Ok(array(shard?))).collect();
    }
    let attribute = match source.getattr_opt("tokens")? {
        None => source.getattr_opt("ids")?,
        tokens => tokens,
    };
    Ok(attribute.and_then(array).map(|array| vec![array]))
}

/// The type of `array`, if it is one that can be read in place.
fn checked(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<Integer> {
    let fail = |message: String| Err(PyValueError::new_err(format!("{name}: {message}")));
    if array.ndim() != 1 {
        return fail(format!("expected one dimension, not {}; np.ravel gives one", array.ndim()));
    }
    let Some(integer) = Integer::of(&array.dtype()) else {
        let expected = "uint16, uint32, int32 or int64 in native byte order";
        return fail(format!("expected an array of {expected}, not {}", array.dtype()));
    };
    if !array.is_contiguous() || !array.is_aligned() {
        return fail("expected contiguous memory; np.ascontiguousarray or .copy() makes it".to_owned());
    }
    Ok(integer)
}
