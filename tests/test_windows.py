"""Windows: views, gather, batches, order."""

import doctest
import gc
import os
import pickle
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytestride as bs
import reference

TEXT = "Lorem ipsum dolor sit amet, consectetur adipiscing elit,"
LOREM = TEXT.split(" ")
TYPES = ["uint16", "uint32", "int32", "int64"]


def arange(count, dtype="uint16"):
    return np.arange(count, dtype=dtype)


@st.composite
def cases(draw):
    """Tokens, max_length and stride, such that there is at least one window."""
    tokens = draw(st.lists(st.integers(0, 65_535), min_size=2, max_size=50))
    return tokens, draw(st.integers(1, len(tokens) - 1)), draw(st.integers(1, len(tokens) + 3))


# -- the example of the documentation ------------------------------------------------------------------------


def lorem(stride):
    w = bs.windows(arange(len(LOREM)), max_length=4, stride=stride)
    words = [[" ".join(LOREM[token] for token in row) for row in rows] for rows in (w.inputs, w.targets)]
    return w.inputs.tolist(), w.targets.tolist(), *words


def test_lorem_ipsum_with_stride_1():
    inputs, targets, input_words, target_words = lorem(stride=1)
    assert inputs == [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]]
    assert targets == [[1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6], [4, 5, 6, 7]]
    assert input_words == [
        "Lorem ipsum dolor sit",
        "ipsum dolor sit amet,",
        "dolor sit amet, consectetur",
        "sit amet, consectetur adipiscing",
    ]
    assert target_words == [
        "ipsum dolor sit amet,",
        "dolor sit amet, consectetur",
        "sit amet, consectetur adipiscing",
        "amet, consectetur adipiscing elit,",
    ]


def test_lorem_ipsum_with_stride_2():
    inputs, targets, input_words, target_words = lorem(stride=2)
    assert inputs == [[0, 1, 2, 3], [2, 3, 4, 5]]
    assert targets == [[1, 2, 3, 4], [3, 4, 5, 6]]
    assert input_words == ["Lorem ipsum dolor sit", "dolor sit amet, consectetur"]
    assert target_words == ["ipsum dolor sit amet,", "sit amet, consectetur adipiscing"]


@pytest.mark.parametrize("name", ["windows", "Windows", "Batches"])
def test_examples_of_the_docstrings_run(name):
    found = doctest.DocTestFinder().find(getattr(bs, name), name, module=False, globs={})
    results = [doctest.DocTestRunner().run(test) for test in found]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


# -- views ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TYPES)
@given(case=cases())
def test_views_are_the_reference_windows(dtype, case):
    tokens, max_length, stride = case
    w = bs.windows(np.array(tokens, dtype), max_length, stride)
    inputs, targets = reference.windows(tokens, max_length, stride)
    assert (w.inputs.tolist(), w.targets.tolist()) == (inputs, targets)
    assert w.inputs.dtype == w.targets.dtype == dtype
    assert w.inputs.shape == (len(w), max_length)
    assert [[x.tolist(), y.tolist()] for x, y in w] == [
        list(pair) for pair in zip(inputs, targets, strict=True)
    ]


@given(case=cases(), bounds=st.slices(60))
def test_slices_are_slices_of_the_views(case, bounds):
    tokens, max_length, stride = case
    w = bs.windows(np.array(tokens, "uint16"), max_length, stride)
    inputs, targets = w[bounds]
    assert np.array_equal(inputs, w.inputs[bounds])
    assert np.array_equal(targets, w.targets[bounds])
    assert inputs.shape == targets.shape == w.inputs[bounds].shape


def test_views_share_the_memory_of_the_tokens():
    tokens = arange(100)
    w = bs.windows(tokens, 10)
    for view in (w.inputs, w.targets, *w[3], *w[2:7:2], *w[::-1]):
        assert np.shares_memory(view, tokens)
    tokens[0] = 999
    assert w.inputs[0, 0] == 999


def test_stride_defaults_to_max_length():
    assert bs.windows(arange(10), 3).inputs.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_no_view_is_writeable_nor_can_be_made_so(tmp_path):
    path = tmp_path / "tokens.bin"
    arange(50).tofile(path)
    for tokens in (arange(50), np.memmap(path, "uint16", mode="r")):
        w = bs.windows(tokens, 4, 3, tail="pad", pad_id=0)
        for view in (*w[:-1], *w[0], *w[-1]):
            with pytest.raises(ValueError, match="read-only"):
                view[..., 0] = 1
    readonly = bs.windows(np.memmap(path, "uint16", mode="r"), 4).inputs
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        readonly.setflags(write=True)


def test_a_view_keeps_the_tokens_alive():
    tokens = arange(100_000, "int64")
    view = bs.windows(tokens, 1_000).targets
    expected = view.copy()
    del tokens
    gc.collect()
    arange(100_000, "int64")
    assert np.array_equal(view, expected)


def test_a_store_is_anything_with_tokens():
    tokens = arange(20)
    assert np.shares_memory(bs.windows(SimpleNamespace(tokens=tokens), 4).inputs, tokens)


def test_making_windows_takes_no_time_whatever_the_size():
    tokens = np.zeros(10**8, "uint16")  # never touched: no memory either
    start = time.process_time()
    for _ in range(100):
        bs.windows(tokens, 1_024, 1)
    assert (time.process_time() - start) / 100 < 50e-6
    assert len(bs.windows(tokens, 1_024, 1)) == 10**8 - 1_024


def test_indices_count_from_the_end_too_and_end():
    w = bs.windows(arange(10), 3)
    assert w[-1][0].tolist() == w[np.int64(2)][0].tolist() == [6, 7, 8]
    for index in (3, -4, 10**30):
        with pytest.raises(IndexError, match=f"window {index} is out of range, there are 3 windows"):
            w[index]
    with pytest.raises(TypeError, match="expected an integer or a slice, not str"):
        w["0"]


def test_facts_and_repr():
    w = bs.windows(arange(12), 5, 2, tail="pad", pad_id=9)
    assert (w.max_length, w.stride, w.tail, w.pad_id, len(w)) == (5, 2, "pad", 9, 4)
    assert w.tokens.tolist() == list(range(12))
    assert repr(w) == "Windows(4 windows of 5 tokens, stride 2, tail padded with 9, over 12 tokens of uint16)"
    assert (bs.windows(arange(12), 5).tail, bs.windows(arange(12), 5).pad_id) == ("drop", None)


@pytest.mark.parametrize("options", [{}, {"tail": "pad", "pad_id": 3}])
def test_pickled_windows_are_the_same(options):
    w = bs.windows(arange(12), 5, 3, **options)
    again = pickle.loads(pickle.dumps(w))
    assert repr(again) == repr(w)
    assert np.array_equal(again.gather(range(len(w))), w.gather(range(len(w))))


# -- padding -------------------------------------------------------------------------------------------------


@given(case=cases(), longer=st.integers(0, 5))
def test_padded_windows_are_those_of_tokens_with_padding_behind(case, longer):
    tokens, max_length, stride = case
    max_length += longer
    w = bs.windows(np.array(tokens, "uint16"), max_length, stride, tail="pad", pad_id=7)
    expected = reference.windows(tokens, max_length, stride, pad_id=7)
    assert [x.tolist() for x, _ in w] == expected[0]
    assert [y.tolist() for _, y in w] == expected[1]
    assert [block.tolist() for block in w.gather(range(len(w)))] == list(expected)


def test_a_padded_window_is_in_no_view():
    w = bs.windows(arange(6), 4, tail="pad", pad_id=9)
    assert [row.tolist() for row in w[1]] == [[4, 5, 9, 9], [5, 9, 9, 9]]
    for view in (lambda: w.inputs, lambda: w.targets, lambda: w[:], lambda: w[::-1], lambda: w[1:]):
        with pytest.raises(ValueError, match="the last window is padded"):
            view()
    assert w[:-1][0].tolist() == [[0, 1, 2, 3]]
    assert w[2:][0].shape == (0, 4)


def test_a_tail_that_fills_its_window_needs_no_padding():
    w = bs.windows(arange(9), 4, tail="pad", pad_id=0)
    assert w.inputs.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


# -- errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_length": 0}, "max_length: 0 tokens are no window, expected at least 1"),
        ({"stride": 0}, "stride: 0 never moves on, expected at least 1"),
        ({"stride": -1}, "stride: -1 is out of range, expected 0 to"),
        ({"max_length": 2**64}, "max_length: 18446744073709551616 is out of range"),
        ({"max_length": 10}, r"max_length: a window of 10 tokens, .* needs 11 tokens; there are 10"),
        ({"tail": "keep"}, 'tail: expected "drop" or "pad", not "keep"'),
        ({"tail": "pad"}, "pad_id: is needed"),
        ({"pad_id": 1}, "pad_id: has no meaning without"),
        ({"tail": "pad", "pad_id": 65_536}, "pad_id: 65536 does not fit the tokens' type uint16"),
        ({"tail": "pad", "pad_id": -1}, "pad_id: -1 does not fit"),
        (
            {"tail": "pad", "pad_id": 2**70},
            "pad_id: 1180591620717411303424 does not fit the tokens' type uint16",
        ),
        (
            {"tail": "pad", "pad_id": 2**70, "tokens": arange(10, "int64")},
            "pad_id: 1180591620717411303424 does not fit the tokens' type int64",
        ),
        ({"boundaries": "cross"}, 'boundaries: expected "ignore" or "respect", not "cross"'),
        ({"tokens": arange(10).reshape(2, 5)}, "tokens: expected one dimension, not 2"),
        ({"tokens": arange(20)[::2]}, "tokens: expected contiguous memory"),
        ({"tokens": arange(10)[::-1]}, "tokens: expected contiguous memory"),
        ({"tokens": np.frombuffer(b"123456789abcdef", "uint16", 7, 1)}, "tokens: expected contiguous memory"),
        ({"tokens": arange(10, ">u2")}, "tokens: expected an array of uint16, .* in native byte order"),
        ({"tokens": arange(10, "float32")}, "tokens: expected an array of uint16, .*, not float32"),
        ({"tokens": arange(0)}, "there are 0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        bs.windows(**({"tokens": arange(10), "max_length": 4} | arguments))


def test_things_without_tokens_are_no_tokens():
    for tokens in ([1, 2, 3], "text", None, SimpleNamespace(tokens=[1, 2])):
        with pytest.raises(TypeError, match="tokens: expected a numpy array, a TokenStore or a Ragged"):
            bs.windows(tokens, 1)


def test_an_error_of_the_store_comes_through():
    class Closed:
        @property
        def tokens(self):
            message = "the store is closed"
            raise ValueError(message)

    with pytest.raises(ValueError, match="the store is closed"):
        bs.windows(Closed(), 1)


# -- gather --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", TYPES)
@pytest.mark.parametrize("target", TYPES)
def test_gather_copies_any_windows_in_any_type(source, target):
    w = bs.windows(np.random.default_rng(1).integers(0, 60_000, 1_000).astype(source), 7, 3)
    indices = np.random.default_rng(2).integers(-len(w), len(w), 100)
    inputs, targets = w.gather(indices, dtype=target)
    assert inputs.dtype == targets.dtype == target
    assert np.array_equal(inputs, w.inputs[indices])
    assert np.array_equal(targets, w.targets[indices])
    for block in (inputs, targets):
        assert block.flags.c_contiguous
        assert block.flags.writeable
        assert not np.shares_memory(block, w.tokens)


def test_gather_on_several_threads_gives_the_same():
    w = bs.windows(np.random.default_rng(1).integers(0, 60_000, 100_000).astype("uint16"), 511, 7)
    indices = np.random.default_rng(2).permutation(len(w))[:2_000]  # 16 MiB
    inputs, targets = w.gather(indices)
    assert np.array_equal(inputs, w.inputs[indices])
    assert np.array_equal(targets, w.targets[indices])


@pytest.mark.parametrize(
    "indices",
    [
        [2, 0, 2],
        (2, 0, -1),
        range(3),
        np.array([1, 2], "int8"),
        np.array([1, 2], "uint64"),
        np.array([1, 2], ">i4"),
        np.array([0, 9, 1, 9, 2])[::-2],
        [],
        np.array([], "float64"),
    ],
)
def test_indices_come_as_any_integers(indices):
    w = bs.windows(arange(10), 3)
    assert w.gather(indices)[0].tolist() == [w.inputs[index].tolist() for index in np.asarray(indices, int)]


def test_bad_indices_are_errors():
    w = bs.windows(arange(10), 3)
    for index in (3, -4, 2**63 - 1, 2**64 - 1):
        with pytest.raises(IndexError, match="out of range, there are 3 windows"):
            w.gather([index])
    for indices in ([0.5], [[0]], 0, np.array([True, False]), "0", None):
        with pytest.raises(TypeError, match=r"indices: expected \[n\] integers"):
            w.gather(indices)


@pytest.mark.parametrize("make", [np.zeros, lambda shape, dtype: [*np.zeros(shape, dtype)]])
def test_gather_writes_into_out(make):
    w = bs.windows(arange(10), 3)
    out = make((2, 2, 3), dtype="int32")
    inputs, targets = w.gather([2, 0], out=out)
    assert inputs.dtype == "int32"
    for got, block, expected in zip((inputs, targets), out, (w.inputs, w.targets), strict=True):
        assert np.shares_memory(got, block)
        assert np.array_equal(block, expected[[2, 0]])
    w.gather([1, 1], out=out, dtype="int32")
    assert np.array_equal(out[1], w.targets[[1, 1]])


def test_a_bad_out_is_an_error():
    w = bs.windows(arange(10), 3)

    def fails(out, message, error=ValueError, **options):
        with pytest.raises(error, match=message):
            w.gather([0, 1], out=out, **options)

    def zeros(*shape, dtype="int64"):
        return np.zeros(shape, dtype)

    fails(zeros(2, 3, 3), r"out: expected arrays of shape \(2, 3\), not \(3, 3\)")
    fails(zeros(2, 3), r"out: expected arrays of shape \(2, 3\), not \(3,\)")
    fails(zeros(3, 2, 3), "out: expected inputs and targets, 2 arrays, not 3")
    fails(
        zeros(2, 2, 3, dtype="float32"), "out: expected arrays of int64, int32, uint32 or uint16, not float32"
    )
    fails(zeros(2, 2, 3), "out: expected arrays of int32, not int64", dtype="int32")
    fails((zeros(2, 3), zeros(2, 3, dtype="int32")), "out: expected arrays of int64, not int32")
    fails(zeros(2, 3, 2).swapaxes(1, 2), "out: expected C-contiguous arrays")
    fails((zeros(2, 4)[:, :3], zeros(2, 3)), "out: expected C-contiguous arrays")
    fails((same := zeros(2, 3), same), "must not overlap")
    fails([[1], [2]], "out: expected a pair of numpy arrays", TypeError)
    fails(7, "out: expected a pair of numpy arrays", TypeError)
    readonly = zeros(2, 2, 3)
    readonly.setflags(write=False)
    fails(readonly, "out: expected writeable arrays")
    tokens = arange(20, "int64")
    with pytest.raises(ValueError, match="must not overlap"):
        bs.windows(tokens, 3).gather([0], out=(tokens[:3].reshape(1, 3), zeros(1, 3)))


def test_an_id_is_never_wrapped():
    w = bs.windows(np.array([1, 2, 65_541, 4], "uint32"), 2, 1)
    assert w.gather([0], dtype=np.int32)[1].tolist() == [[2, 65_541]]
    with pytest.raises(ValueError, match="dtype: token 2 is 65541, which uint16 cannot hold"):
        w.gather([0], dtype="uint16")
    for dtype in ("float32", "int8", "nonsense", 3):
        with pytest.raises(
            ValueError, match=r"dtype: .* is not supported, expected int64, int32, uint32 or uint16"
        ):
            w.gather([0], dtype=dtype)


def test_what_does_not_fit_in_memory_is_a_memory_error():
    w = bs.windows(arange(2), 2**61, tail="pad", pad_id=0)
    with pytest.raises(MemoryError):
        w.gather([0])
    w = bs.windows(arange(2), 2**50, tail="pad", pad_id=0)
    with pytest.raises(MemoryError):
        w.gather([0])


def test_gather_from_many_threads():
    w = bs.windows(np.random.default_rng(1).integers(0, 60_000, 50_000).astype("uint16"), 64, 5)

    def right(seed):
        indices = np.random.default_rng(seed).integers(0, len(w), 500)
        return all(np.array_equal(w.gather(indices)[1], w.targets[indices]) for _ in range(20))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(right, range(4)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_gathers_on_several_threads_too():
    w = bs.windows(arange(60_000), 500, 1)
    expected = int(w.gather(range(2_000))[1].sum())
    child = os.fork()
    if child == 0:
        os._exit(0 if int(w.gather(range(2_000))[1].sum()) == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="has holes in files only where they are asked for")
def test_more_tokens_than_32_bits_count(tmp_path):
    count = 2**32 + 1_000
    with (tmp_path / "big.bin").open("wb") as file:  # a file with a hole, which takes no space
        file.seek(2 * (count - 10))
        file.write(np.arange(1, 11, dtype="uint16").tobytes())
    store = bs.TokenStore.open(tmp_path / "big.bin", dtype="uint16")
    windows = bs.windows(store, 4, 1)
    assert len(windows) == count - 4
    assert windows[-1][1].tolist() == [7, 8, 9, 10]
    inputs, targets = windows.gather([0, len(windows) - 1])
    assert inputs.tolist() == [[0, 0, 0, 0], [6, 7, 8, 9]]
    assert targets.tolist() == [[0, 0, 0, 0], [7, 8, 9, 10]]
    assert bs.mix([windows], [1.0])[-1][0].tolist() == [6, 7, 8, 9]
    batches = windows.batches(2, shuffle=False)
    batches.load_state_dict(batches.state_dict() | {"position": len(windows) - 2})
    assert next(batches)[1].tolist() == [[6, 7, 8, 9], [7, 8, 9, 10]]
    tokens = SimpleNamespace(tokens=store.tokens, offsets=np.array([0, 2**31, 2**32 + 5, count]))
    within = bs.windows(tokens, 5, 5, boundaries="respect")
    assert len(within) == sum((length - 1) // 5 for length in (2**31, 2**31 + 5, 995))
    assert within[-1][1].tolist() == [2, 3, 4, 5, 6]
    last = bs.pack(tokens, 2048)[-1]
    assert last.inputs[last.inputs > 0].tolist() == list(range(1, 11))


def test_lengths_beyond_python_s_len_say_so():
    ids = np.arange(50, dtype=np.uint16)
    with pytest.raises(ValueError, match=f"needs {2**64} tokens; there are 50"):
        bs.windows(ids, 2**64 - 1)
    mixture = bs.mix([bs.windows(ids, 4)], [1], length=2**63)
    with pytest.raises(ValueError, match=f"{2**63} batches are beyond len"):
        len(mixture.batches(1, shuffle=False))


def test_the_arrays_of_a_ragged_are_views_that_cannot_change_it():
    batch = bs.Ragged(np.arange(6, dtype="uint32"), np.array([0, 2, 6]))
    for array in (batch.ids, batch.offsets, batch[1]):
        assert array.base is batch
        array.dtype = np.uint8
    assert batch == bs.Ragged(np.arange(6, dtype="uint32"), np.array([0, 2, 6]))
    assert (len(batch), batch[1].tolist()) == (2, [2, 3, 4, 5])


def test_windows_of_a_resized_array_do_not_just_end():
    array = np.arange(100)
    w = bs.windows(array, 4)
    array.resize(50, refcheck=False)
    batches = w.batches(2)
    for read in (lambda: list(w), batches.state_dict, lambda: batches.load_state_dict({})):
        with pytest.raises(RuntimeError, match="resized under its windows"):
            read()


def test_what_holds_windows_of_its_own_tokens_is_collected():
    class Corpus:
        def __init__(self):
            self.tokens = np.arange(1000, dtype="uint16")
            self.offsets = np.array([0, 400, 1000])
            self.windows = bs.windows(self, 8)
            self.packs = bs.pack(self, 8)
            self.mix = bs.mix([self.windows], [1])

    corpus = weakref.ref(Corpus())
    gc.collect()
    assert corpus() is None
