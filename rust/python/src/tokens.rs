//! Token ids in a numpy array, and the types that ids come in.
#![expect(unsafe_code, reason = "slices of arrays, for threads that do not hold the GIL")]

use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::arguments::{Integer, type_name};
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

/// One-dimensional, contiguous ids that any thread may read, with or without the GIL.
///
/// The array is kept alive, and numpy refuses to give its memory another size or place while others refer to it; who
/// tells it to do so all the same (`resize(refcheck=False)`) is found out at the next call.
#[derive(Debug)]
pub(crate) struct Tokens {
    array: Py<PyUntypedArray>,
    integer: Integer,
    start: *const u8,
    count: usize,
}

// SAFETY: memory that is only read, through a pointer that stays valid as long as the array that owns it lives.
unsafe impl Send for Tokens {}
// SAFETY: as above.
unsafe impl Sync for Tokens {}

impl Tokens {
    /// The array that `source` is, or has as its attribute `tokens` or `ids`.
    pub(crate) fn of(source: &Bound<'_, PyAny>) -> PyResult<Self> {
        let attribute = match source.cast::<PyUntypedArray>() {
            Ok(_) => source.clone(),
            Err(_) => {
                let attribute = source.getattr_opt("tokens")?;
                let ids = || source.getattr_opt("ids");
                attribute.map_or_else(ids, |tokens| Ok(Some(tokens)))?.unwrap_or_else(|| source.clone())
            }
        };
        let array = attribute.cast::<PyUntypedArray>().map_err(|_| {
            let kind = type_name(source);
            let expected = "expected a numpy array, a TokenStore or a Ragged";
            PyTypeError::new_err(format!("tokens: {expected}, not {kind}"))
        })?;
        let fail = |message: String| Err(PyValueError::new_err(message));
        if array.ndim() != 1 {
            return fail(format!("tokens: expected one dimension, not {}; np.ravel gives one", array.ndim()));
        }
        let Some(integer) = Integer::of(&array.dtype()) else {
            let expected = "uint16, uint32, int32 or int64 in native byte order";
            return fail(format!("tokens: expected an array of {expected}, not {}", array.dtype()));
        };
        if !array.is_contiguous() || !array.is_aligned() {
            return fail(
                "tokens: expected contiguous memory; np.ascontiguousarray or .copy() makes it".to_owned(),
            );
        }
        Ok(Self { array: array.clone().unbind(), integer, start: start_of(array), count: array.len() })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The type they are stored as.
    pub(crate) fn integer(&self) -> Integer {
        self.integer
    }

    /// The array.
    pub(crate) fn array<'py>(&self, py: Python<'py>) -> &Bound<'py, PyUntypedArray> {
        self.array.bind(py)
    }

    /// An error if the memory was replaced under the array.
    pub(crate) fn check(&self, py: Python<'_>) -> PyResult<()> {
        let array = self.array.bind(py);
        if array.len() == self.count && start_of(array) == self.start {
            return Ok(());
        }
        Err(PyIndexError::new_err("tokens: the array was resized under its windows"))
    }

    /// The ids as `S`, which must be the Rust type of [`integer`](Self::integer).
    pub(crate) fn typed<S: bytestride_core::windows::Token>(&self) -> &[S] {
        assert_eq!(S::NAME, self.integer.name(), "the type of the ids");
        if self.count == 0 {
            return &[];
        }
        // SAFETY: `count` elements of this type, contiguous and aligned as `of` has checked, in memory that the array keeps
        // alive. Another thread that writes to the array meanwhile makes ids of before or after: any bits are an integer.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.count) }
    }

    /// A read-only view of some: the first at `start`, the others `strides` elements apart. O(1).
    pub(crate) fn view<'py>(
        &self,
        py: Python<'py>,
        start: usize,
        shape: &[usize],
        strides: &[isize],
    ) -> PyResult<Bound<'py, PyUntypedArray>> {
        self.check(py)?;
        view_of(self.array.bind(py), start, shape, strides)
    }

    /// The addresses they are at.
    pub(crate) fn addresses(&self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.count * self.integer.width()
    }
}
