//! Arrays that numpy's safe interface cannot make: views with any strides of memory that another object owns.
#![expect(unsafe_code, reason = "numpy's C interface, for strides and the flags of an array")]

use std::ffi::{c_int, c_void};

use numpy::npyffi::{NPY_ARRAY_WRITEABLE, NpyTypes, PyArrayObject, get_type_object, npy_intp};
use numpy::{PY_ARRAY_API, PyArrayDescr, PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// The address of the first element of an array.
pub(crate) fn start_of(array: &Bound<'_, PyUntypedArray>) -> *const u8 {
    // SAFETY: the pointer is that of a live array. Its header changes only where Python code resizes or reshapes it in
    // place, and this thread has the GIL; without a GIL that is a race of the caller's, as inside numpy itself.
    unsafe { (*array.as_array_ptr()).data.cast_const().cast() }
}

/// Whether the elements of an array may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    ReadOnly,
    Writeable,
}

/// An array over memory that `base` owns. The array keeps `base` alive. Strides are in bytes. O(1).
///
/// # Safety
/// Every element that `shape` and `strides` reach from `pointer` must be memory that stays valid, and holds values of
/// `dtype`, as long as `base` lives. If it is writeable, nothing else may hold a reference to it meanwhile.
pub(crate) unsafe fn strided_view<'py>(
    base: &Bound<'py, PyAny>,
    pointer: *const c_void,
    dtype: Bound<'py, PyArrayDescr>,
    shape: &[usize],
    strides: &[isize],
    access: Access,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    assert_eq!(shape.len(), strides.len(), "one stride for each dimension");
    let py = base.py();
    let dimensions = c_int::try_from(shape.len()).expect("numpy has at most 64 dimensions");
    let mut shape: Vec<npy_intp> = shape.iter().map(|&length| length.cast_signed()).collect();
    let mut strides: Vec<npy_intp> = strides.to_vec();
    let flags = if access == Access::Writeable { NPY_ARRAY_WRITEABLE } else { 0 };
    // SAFETY: shape and strides outlive the call, which copies them, and have as many elements as it is told; it takes
    // over the reference to the dtype. Numpy works out all flags but the one that is given.
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
            flags,
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
///
/// Numpy calls `owner` the view's base: `array` itself, or a frozen object that holds it and shows it to nobody.
pub(crate) fn view_of<'py>(
    owner: &Bound<'py, PyAny>,
    array: &Bound<'py, PyUntypedArray>,
    start: usize,
    shape: &[usize],
    strides: &[isize],
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let empty = shape.contains(&0);
    let start = if empty { 0 } else { start };
    let outside = || PyRuntimeError::new_err("the array was made smaller under its windows");
    let (mut first, mut last) = (start as i128, start as i128);
    for (&length, &stride) in shape.iter().zip(strides) {
        let reach = (length as i128 - 1) * stride as i128;
        *(if reach < 0 { &mut first } else { &mut last }) += reach;
    }
    if !empty && (first < 0 || last >= array.len() as i128) || !array.is_contiguous() {
        return Err(outside());
    }
    let dtype = array.dtype();
    let width = dtype.itemsize();
    let bytes: Option<Vec<isize>> =
        strides.iter().map(|stride| stride.checked_mul(width.cast_signed())).collect();
    // SAFETY: the owner keeps the array alive, which keeps its memory (numpy refuses to resize an array that others
    // refer to); it is contiguous, and all elements from the first to the last lie inside of it, as checked above.
    unsafe {
        let pointer = start_of(array).add(start * width).cast();
        strided_view(owner, pointer, dtype, shape, &bytes.ok_or_else(outside)?, Access::ReadOnly)
    }
}
