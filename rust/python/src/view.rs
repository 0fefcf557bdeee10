//! Arrays that numpy's safe interface cannot make: read-only views with any strides, and fresh ones without zeros.
#![expect(unsafe_code, reason = "numpy's C interface, for strides and the flags of an array")]

use std::ffi::{c_int, c_void};

use bytestride_core::windows::Token;
use numpy::npyffi::{NpyTypes, PyArrayObject, get_type_object, npy_intp};
use numpy::{
    Element, PY_ARRAY_API, PyArray1, PyArrayDescr, PyArrayDescrMethods, PyArrayMethods, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyIndexError, PyMemoryError};
use pyo3::prelude::*;

/// A read-only array over memory that `base` owns. The array keeps `base` alive. Strides are in bytes. O(1).
///
/// # Safety
/// Every element that `shape` and `strides` reach from `pointer` must be memory that stays valid, and holds values of
/// `dtype`, as long as `base` lives.
pub(crate) unsafe fn strided_view<'py>(
    base: &Bound<'py, PyAny>,
    pointer: *const c_void,
    dtype: Bound<'py, PyArrayDescr>,
    shape: &[usize],
    strides: &[isize],
) -> PyResult<Bound<'py, PyUntypedArray>> {
    assert_eq!(shape.len(), strides.len(), "one stride for each dimension");
    let py = base.py();
    let dimensions = c_int::try_from(shape.len()).expect("numpy has at most 64 dimensions");
    let mut shape: Vec<npy_intp> = shape.iter().map(|&length| length.cast_signed()).collect();
    let mut strides: Vec<npy_intp> = strides.to_vec();
    // SAFETY: shape and strides outlive the call, which copies them, and have as many elements as it is told; it takes
    // over the reference to the dtype. Flags 0 leave the array read-only and let numpy work out the others.
    let array = unsafe {
        let array_type = get_type_object(py, NpyTypes::PyArray_Type);
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            array_type,
            dtype.into_dtype_ptr(),
            dimensions,
            shape.as_mut_ptr(),
            strides.as_mut_ptr(),
            pointer.cast_mut(),
            0,
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, array)?
    };
    // SAFETY: the array is new and has no base yet; the call takes over the reference to `base`, also when it fails.
    let status = unsafe {
        let base = base.clone().into_ptr();
        PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_ptr().cast::<PyArrayObject>(), base)
    };
    if status != 0 {
        return Err(PyErr::fetch(py));
    }
    Ok(array.cast_into::<PyUntypedArray>()?)
}

/// A read-only view of elements of `array`, which must be contiguous: the first at `start`, the others `strides`
/// elements apart. An error if any lies outside of it. O(1).
pub(crate) fn view_of<'py, T: Element>(
    array: &Bound<'py, PyArray1<T>>,
    start: usize,
    shape: &[usize],
    strides: &[isize],
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let empty = shape.contains(&0);
    let start = if empty { 0 } else { start };
    let outside = || PyIndexError::new_err("the array was made smaller under its windows");
    let (mut first, mut last) = (start as i128, start as i128);
    for (&length, &stride) in shape.iter().zip(strides) {
        let reach = (length as i128 - 1) * stride as i128;
        *(if reach < 0 { &mut first } else { &mut last }) += reach;
    }
    if !empty && (first < 0 || last >= array.len() as i128) || !array.is_contiguous() {
        return Err(outside());
    }
    let bytes: Option<Vec<isize>> =
        strides.iter().map(|stride| stride.checked_mul(size_of::<T>().cast_signed())).collect();
    // SAFETY: the array keeps its memory as long as it lives (numpy refuses to resize an array that others refer to),
    // it is contiguous, and all elements from the first to the last lie inside of it, as checked above.
    unsafe {
        let pointer = array.data().cast_const().add(start).cast();
        strided_view(array.as_any(), pointer, array.dtype(), shape, &bytes.ok_or_else(outside)?)
    }
}

/// A new `[2, rows, columns]` array whose contents are arbitrary: whoever asks for it fills it, or drops it on an error.
pub(crate) fn uninitialised<T: Element + Token>(
    py: Python<'_>,
    rows: usize,
    columns: usize,
) -> PyResult<Bound<'_, PyUntypedArray>> {
    let bytes = rows.checked_mul(columns).and_then(|count| count.checked_mul(2 * size_of::<T>()));
    if bytes.is_none_or(|bytes| bytes > isize::MAX.cast_unsigned()) {
        let message = format!("two arrays of {rows} x {columns} {} do not fit", T::NAME);
        return Err(PyMemoryError::new_err(message));
    }
    let shape = &mut [2, rows.cast_signed(), columns.cast_signed()];
    // SAFETY: three dimensions whose product was checked; numpy takes over the reference to the dtype and allocates. An
    // integer may hold any bits, so reading before writing would give arbitrary numbers and nothing worse.
    // (`PyArray::new` does the same, but panics when memory is out.)
    let array = unsafe {
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            get_type_object(py, NpyTypes::PyArray_Type),
            T::get_dtype(py).into_dtype_ptr(),
            3,
            shape.as_mut_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, array)?
    };
    Ok(array.cast_into::<PyUntypedArray>()?)
}
