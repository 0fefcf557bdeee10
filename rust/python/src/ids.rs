//! Ids of the core as numpy arrays, without a copy.
#![expect(unsafe_code, reason = "memory shared with numpy")]

use bytestride_core::encode::IdArray;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::arguments::Integer;
use crate::view::{Access, strided_view};

/// The object that arrays of many ids have as their base.
#[pyclass(frozen, module = "bytestride", name = "IdMemory")]
struct Owner {
    _ids: IdArray,
}

/// An array over the memory of `ids`, which is used again once no one looks at it.
pub(crate) fn into_array(py: Python<'_>, ids: IdArray) -> PyResult<Bound<'_, PyArray1<u32>>> {
    let mut ids = match ids.into_vec_if_own() {
        Ok(vector) => return Ok(vector.into_pyarray(py)),
        Err(ids) => ids,
    };
    let (start, count) = (ids.as_mut_ptr(), ids.len());
    let owner = Bound::new(py, Owner { _ids: ids })?.into_any();
    let width = size_of::<u32>().cast_signed();
    let dtype = Integer::U32.descriptor(py);
    // SAFETY: there are so many ids from `start` on, which stay there as long as their owner lives, and it never looks at
    // them.
    let array = unsafe {
        strided_view(&owner, start.cast_const().cast(), dtype, &[count], &[width], Access::Writeable)
    };
    Ok(array?.cast_into::<PyArray1<u32>>()?)
}
