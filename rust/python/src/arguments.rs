//! Arguments that need more than PyO3's conversion: numbers with a range, and numpy types by name.

use bytestride_core::windows::Token;
use numpy::{
    PyArray1, PyArrayDescr, PyArrayDescrMethods, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// The integer `value` of the argument `name`; a `ValueError` that names it if it is negative or beyond 64 bits.
pub(crate) fn unsigned(name: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyTypeError>(value.py()) {
            let kind = type_name(value);
            return PyTypeError::new_err(format!("{name}: expected an integer, not {kind}"));
        }
        PyValueError::new_err(format!("{name}: {value} is out of range, expected 0 to 2**64 - 1"))
    })
}

/// The integers that `value`, an array `[n]` or a sequence, holds. Those beyond `i64` come out as its largest: no index and
/// no id is that large.
pub(crate) fn integers(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let array = match value.cast::<PyUntypedArray>() {
        Ok(array) => array.as_any().clone(),
        Err(_) => value.py().import("numpy")?.call_method1("asarray", (value,))?,
    };
    let untyped = array.cast::<PyUntypedArray>()?;
    let kind: char = untyped.dtype().getattr("kind")?.extract()?;
    if untyped.ndim() != 1 || !(matches!(kind, 'i' | 'u') || untyped.is_empty()) {
        let dtype = untyped.dtype();
        let message = format!("{name}: expected [n] integers, not {dtype} in {} dimensions", untyped.ndim());
        return Err(PyTypeError::new_err(message));
    }
    if let Ok(large) = array.cast::<PyArray1<u64>>() {
        return Ok(large.to_vec()?.into_iter().map(|id| i64::try_from(id).unwrap_or(i64::MAX)).collect());
    }
    // A copy in native byte order and without strides, whatever they were.
    let array = array.call_method1("astype", ("int64", "C"))?;
    Ok(array.cast::<PyArray1<i64>>()?.to_vec()?)
}

/// The name of the type of `value`, for messages.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "an object".to_owned(), |name| name.to_string())
}

/// An integer type that ids are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integer {
    I64,
    I32,
    U32,
    U16,
}

impl Integer {
    /// The type that `dtype` (a name, a numpy type or dtype) means.
    pub(crate) fn new(dtype: &Bound<'_, PyAny>) -> PyResult<Self> {
        let unsupported = || {
            let message = format!("dtype: {dtype} is not supported, expected int64, int32, uint32 or uint16");
            PyValueError::new_err(message)
        };
        let descriptor = PyArrayDescr::new(dtype.py(), dtype).map_err(|_| unsupported())?;
        Self::of(&descriptor).ok_or_else(unsupported)
    }

    /// The type of arrays of `descriptor`, if it is one of these in native byte order.
    pub(crate) fn of(descriptor: &Bound<'_, PyArrayDescr>) -> Option<Self> {
        let py = descriptor.py();
        let types = [
            (PyArrayDescr::of::<i64>(py), Integer::I64),
            (PyArrayDescr::of::<i32>(py), Integer::I32),
            (PyArrayDescr::of::<u32>(py), Integer::U32),
            (PyArrayDescr::of::<u16>(py), Integer::U16),
        ];
        types.into_iter().find(|(of, _)| descriptor.is_equiv_to(of)).map(|(_, integer)| integer)
    }

    /// Whether values of this type can be `id`.
    pub(crate) fn holds(self, id: i64) -> bool {
        match self {
            Integer::I64 => true,
            Integer::I32 => i32::try_from(id).is_ok(),
            Integer::U32 => u32::try_from(id).is_ok(),
            Integer::U16 => u16::try_from(id).is_ok(),
        }
    }

    /// The type's name in numpy.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Integer::I64 => i64::NAME,
            Integer::I32 => i32::NAME,
            Integer::U32 => u32::NAME,
            Integer::U16 => u16::NAME,
        }
    }
}
