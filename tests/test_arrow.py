"""Ragged ids as Arrow's lists, and back."""

import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytestride as bs

LISTS = st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=6), max_size=6)
TYPES = [pa.list_, pa.large_list]


def ragged(lists, dtype="uint32"):
    ids = np.array([number for numbers in lists for number in numbers], dtype)
    return bs.Ragged(ids, np.cumsum([0, *map(len, lists)], dtype="int64"))


@given(lists=LISTS)
def test_lists_are_the_same_in_both_directions(lists):
    batch = ragged(lists)
    arrow = batch.to_arrow()
    arrow.validate(full=True)
    assert arrow.to_pylist() == lists
    assert bs.Ragged.from_arrow(arrow) == batch
    assert pa.array(batch) == arrow


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_memory_is_shared_and_kept_alive(dtype):
    batch = ragged([[1, 2, 3], [], [4]], dtype)
    arrow = batch.to_arrow()
    assert arrow.type == pa.large_list(pa.from_numpy_dtype(dtype))
    assert arrow.values.buffers()[1].address == address(batch.ids)
    again = bs.Ragged.from_arrow(arrow)
    assert address(again.ids) == address(batch.ids)
    assert not again.ids.flags.writeable
    assert not again.offsets.flags.writeable
    del batch, arrow
    assert [ids.tolist() for ids in again] == [[1, 2, 3], [], [4]]


@given(lists=LISTS, bounds=st.tuples(st.integers(0, 6), st.integers(0, 6)), kind=st.sampled_from(TYPES))
def test_slices_and_chunks_are_read_as_they_are(lists, bounds, kind):
    arrow = pa.array(lists, kind(pa.int64()))
    start, length = bounds
    part = arrow.slice(min(start, len(lists)), length)
    assert bs.Ragged.from_arrow(part) == ragged(lists[start : start + length])
    column = pa.chunked_array([arrow, part], type=arrow.type)
    assert bs.Ragged.from_arrow(column) == ragged(lists + lists[start : start + length])


@pytest.mark.parametrize(
    ("lists", "error", "message"),
    [
        (pa.array([1, 2]), TypeError, "expected a pyarrow array of lists, not Int64Array"),
        ([[1]], TypeError, "expected a pyarrow array of lists, not list"),
        (pa.array([["a"]]), TypeError, "expected lists of integers, not of string"),
        (pa.array([[1.0]]), TypeError, "expected lists of integers, not of double"),
        (pa.array([[1], None]), ValueError, "there is a null, expected each text to be there"),
        (pa.array([[1, None]]), ValueError, "there is a null, expected each id to be there"),
        (pa.array([[-1]]), ValueError, "-1 not in range"),
        (pa.array([[2**32]]), ValueError, "4294967296 not in range"),
    ],
)
def test_what_is_no_ids_is_an_error(lists, error, message):
    with pytest.raises(error, match=message):
        bs.Ragged.from_arrow(lists)


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pyarrow"):
        ragged([[1]]).to_arrow()


def test_lists_that_overlap_are_refused():
    lists = pa.ListArray.from_arrays(pa.array([0, 3, 1, 4], "int32"), pa.array([1, 2, 3, 4], "uint32"))
    with pytest.raises(ValueError, match="^lists: expected offsets ascending"):
        bs.Ragged.from_arrow(lists)
