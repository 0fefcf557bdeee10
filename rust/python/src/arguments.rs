//! Arguments that need more than PyO3's conversion: numbers with a range, and numpy types by name.

use bytestride_core::windows::Token;
use numpy::{
    Element, PyArray1, PyArrayDescr, PyArrayDescrMethods, PyArrayMethods, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyIndexError, PyOverflowError, PyTypeError, PyValueError};
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

/// Like [`unsigned`], as a `usize`; what is larger becomes the largest.
pub(crate) fn size(name: &str, value: &Bound<'_, PyAny>) -> PyResult<usize> {
    Ok(usize::try_from(unsigned(name, value)?).unwrap_or(usize::MAX))
}

/// Like [`size`]; `None` gives `None`.
pub(crate) fn optional_size(name: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<usize>> {
    value.map(|value| size(name, value)).transpose()
}

/// The argument `pad_id`, any id of 32 bits.
pub(crate) fn pad_id(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    u32::try_from(clamped("pad_id", value)?).map_err(|_| {
        PyValueError::new_err(format!("pad_id: {value} is out of range, expected 0 to 2**32 - 1"))
    })
}

/// How many threads a call may use: `None` for all that the process may. Results do not depend on it, so numbers that no
/// machine has use are taken for a large one.
pub(crate) fn thread_count(threads: Option<&Bound<'_, PyAny>>) -> PyResult<usize> {
    let available = bytestride_core::available_threads();
    match optional_size("threads", threads)? {
        Some(0) => Err(PyValueError::new_err("threads: expected at least 1, or None for all there are")),
        Some(threads) => Ok(threads.min(available.max(4) * 4)),
        None => Ok(available),
    }
}

/// The integers that `value`, an array `[n]` or any iterable, holds; a new copy. Those beyond `i64` come out as its ends:
/// no index and no id is that large.
pub(crate) fn integers(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let Ok(array) = value.cast::<PyUntypedArray>() else {
        let refuse = |object: &Bound<'_, PyAny>| {
            PyTypeError::new_err(format!("{name}: expected [n] integers, not {}", type_name(object)))
        };
        let items = value.try_iter().map_err(|_| refuse(value))?;
        let number = |item: Bound<'_, PyAny>| clamped(name, &item).map_err(|_| refuse(&item));
        return items.map(|item| number(item?)).collect();
    };
    if let Ok(numbers) = array.cast::<PyArray1<i64>>() {
        return Ok(contiguous(numbers)?.to_vec()?);
    }
    let kind: char = array.dtype().getattr("kind")?.extract()?;
    if array.ndim() != 1 || !(matches!(kind, 'i' | 'u') || array.is_empty()) {
        let message =
            format!("{name}: expected [n] integers, not {} in {} dimensions", array.dtype(), array.ndim());
        return Err(PyTypeError::new_err(message));
    }
    // A copy in native byte order and without strides, whatever they were.
    if array.dtype().is_equiv_to(&PyArrayDescr::of::<u64>(value.py())) {
        let large = array.call_method1("astype", ("uint64", "C"))?;
        let large = large.cast::<PyArray1<u64>>()?.to_vec()?;
        return Ok(large.into_iter().map(|number| i64::try_from(number).unwrap_or(i64::MAX)).collect());
    }
    let numbers = array.call_method1("astype", ("int64", "C"))?;
    Ok(numbers.cast::<PyArray1<i64>>()?.to_vec()?)
}

/// `array`, or a copy of it if its elements lie apart or at odd addresses.
pub(crate) fn contiguous<'py, T: Element>(
    array: &Bound<'py, PyArray1<T>>,
) -> PyResult<Bound<'py, PyArray1<T>>> {
    if array.is_contiguous() && array.is_aligned() {
        return Ok(array.clone());
    }
    Ok(array.call_method1("copy", ("C",))?.cast_into()?)
}

/// An integer, or the end of `i64` that it is beyond.
pub(crate) fn clamped(name: &str, item: &Bound<'_, PyAny>) -> PyResult<i64> {
    item.extract().or_else(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(item.py()) {
            return Ok(if item.lt(0)? { i64::MIN } else { i64::MAX });
        }
        Err(PyTypeError::new_err(format!("{name}: expected an integer, not {}", type_name(item))))
    })
}

/// The integer in an index `[…]`; the error names what is `expected`, with a `hint`. Integers beyond `i128` become its
/// ends: nothing has so many places.
pub(crate) fn index(value: &Bound<'_, PyAny>, expected: &str, hint: &str) -> PyResult<i128> {
    // The shorter one first, which is much faster to get.
    value.extract::<i64>().map(i128::from).or_else(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            let end = if value.lt(0)? { i128::MIN } else { i128::MAX };
            return Ok(value.extract().unwrap_or(end));
        }
        let kind = type_name(value);
        Err(PyTypeError::new_err(format!("index: expected {expected}, not {kind}{hint}")))
    })
}

/// Which of `count` windows, rows or texts (what they are is the `noun`) `index` means, counted from the end if negative.
pub(crate) fn place_at(noun: &str, index: i128, count: u64) -> PyResult<u64> {
    let from_start = if index < 0 { index + i128::from(count) } else { index };
    u64::try_from(from_start).ok().filter(|&place| place < count).ok_or_else(|| {
        let shown = i64::try_from(index).map_or_else(|_| index.to_string(), shown_clamped);
        PyIndexError::new_err(format!("{noun} {shown} is out of range, there are {count} {noun}s"))
    })
}

/// A number that [`integers`] or [`clamped`] gave, for messages: the ends of `i64` stand for all numbers beyond.
pub(crate) fn shown_clamped(number: i64) -> String {
    match number {
        i64::MAX => "2**63 - 1 or more".to_owned(),
        i64::MIN => "-2**63 or less".to_owned(),
        _ => number.to_string(),
    }
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

    /// Bytes of a value.
    pub(crate) fn width(self) -> usize {
        match self {
            Integer::I64 => 8,
            Integer::I32 | Integer::U32 => 4,
            Integer::U16 => 2,
        }
    }

    /// The type as numpy's.
    pub(crate) fn descriptor(self, py: Python<'_>) -> Bound<'_, PyArrayDescr> {
        match self {
            Integer::I64 => PyArrayDescr::of::<i64>(py),
            Integer::I32 => PyArrayDescr::of::<i32>(py),
            Integer::U32 => PyArrayDescr::of::<u32>(py),
            Integer::U16 => PyArrayDescr::of::<u16>(py),
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

/// A number of `what` as Python's `len()`, which has 63 bits.
pub(crate) fn length_of(count: u64, what: &str) -> PyResult<usize> {
    let length = isize::try_from(count).ok().and_then(|length| length.try_into().ok());
    length.ok_or_else(|| PyValueError::new_err(format!("{count} {what} are beyond len()")))
}
