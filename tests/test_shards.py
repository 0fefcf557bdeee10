"""Windows and packs over a store in several shards: what they are over its tokens in one array."""

import pickle
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytestride as bs

SHARDS = st.lists(st.integers(0, 12), min_size=1, max_size=8).filter(lambda lengths: sum(lengths) > 2)


def sharded(lengths, dtype="uint16"):
    """Ascending tokens in shards of these lengths, each one document."""
    offsets = np.cumsum([0, *lengths])
    whole = np.arange(offsets[-1], dtype=dtype)
    shards = [whole[a:b].copy() for a, b in pairwise(offsets)]
    return whole, SimpleNamespace(shards=shards, offsets=offsets)


@pytest.fixture
def store(tmp_path):
    """A store of three files of raw ids, and its tokens."""
    tokens = np.random.default_rng(0).integers(0, 60_000, 3_000, dtype="<u2")
    paths = [tmp_path / f"{number}.bin" for number in range(3)]
    for path, part in zip(paths, np.split(tokens, [700, 701]), strict=True):
        part.tofile(path)
    return bs.TokenStore.open(paths, dtype="uint16"), tokens


@given(lengths=SHARDS, max_length=st.integers(1, 20), stride=st.integers(1, 9))
def test_windows_run_on_from_shard_to_shard(lengths, max_length, stride):
    whole, source = sharded(lengths)
    options = {"tail": "pad", "pad_id": 999}
    expected, w = (bs.windows(tokens, max_length, stride, **options) for tokens in (whole, source))
    assert len(w) == len(expected)
    for (x, y), (inputs, targets) in zip(w, expected, strict=True):
        assert np.array_equal(x, inputs)
        assert np.array_equal(y, targets)
        assert not x.flags.writeable
    indices = range(len(w))
    assert np.array_equal(w.gather(indices), expected.gather(indices))


@given(lengths=SHARDS, bounds=st.slices(40))
def test_a_slice_is_a_view_where_its_windows_lie_in_one_shard(lengths, bounds):
    whole, source = sharded(lengths)
    w, expected = bs.windows(source, 2, 1), bs.windows(whole, 2, 1)
    indices = range(len(w))[bounds]
    places = {int(np.searchsorted(source.offsets, i + k, "right")) for i in indices for k in range(3)}
    if len(places) < 2:
        assert np.array_equal(w[bounds], expected[bounds])
        assert not indices or any(np.shares_memory(w[bounds][0], shard) for shard in source.shards)
    else:
        with pytest.raises(ValueError, match="the windows lie in several shards"):
            w[bounds]


def test_a_store_in_shards_gives_the_batches_of_its_tokens(store):
    store, tokens = store
    w, expected = bs.windows(store, 64, 7), bs.windows(tokens, 64, 7)
    for options in ({}, {"dtype": "int32"}, {"out": np.empty((2, 16, 64), "int64")}):
        for (x, y), (inputs, targets) in zip(
            w.batches(16, seed=3, **options), expected.batches(16, seed=3), strict=True
        ):
            assert np.array_equal(x, inputs)
            assert np.array_equal(y, targets)
    assert repr(pickle.loads(pickle.dumps(w))) == repr(w) == repr(expected)
    for view in (lambda: w.inputs, lambda: w.targets, lambda: w.tokens):
        with pytest.raises(ValueError, match="several shards"):
            view()
    mixed = bs.mix([w, expected], [1, 1])
    assert np.array_equal(mixed.gather([0, 2, 4]), mixed.gather([1, 3, 5]))


def test_documents_in_shards_are_respected_and_packed(store):
    store, tokens = store
    whole = bs.Ragged(tokens.astype("uint32"), store.offsets.copy())
    w, expected = (bs.windows(source, 50, boundaries="respect") for source in (store, whole))
    assert np.array_equal(w.gather(range(len(w))), expected.gather(range(len(expected))))
    for strategy in ("best_fit", "concat", "pad"):
        packs, expected = (bs.pack(source, 128, strategy) for source in (store, whole))
        rows = range(len(expected))
        for block, same in zip(packs.gather(rows), expected.gather(rows), strict=True):
            assert np.array_equal(block, same)


@pytest.mark.parametrize("strategy", ["best_fit", "concat", "pad"])
@pytest.mark.parametrize("max_length", [2, 4, 300, 700])
def test_documents_that_lie_in_several_shards_are_packed(strategy, max_length):
    tokens, offsets = np.arange(1_000, dtype="uint32"), np.array([0, 5, 6, 500, 999, 1_000])
    shards = np.split(tokens, [3, 3, 4, 250, 700, 999])
    source = SimpleNamespace(shards=shards, offsets=offsets)
    packs, expected = (bs.pack(store, max_length, strategy) for store in (source, bs.Ragged(tokens, offsets)))
    for block, same in zip(packs.gather(range(len(packs))), expected.gather(range(len(packs))), strict=True):
        assert np.array_equal(block, same)
    shards[4][50] = 70_000
    rows = np.flatnonzero((packs.gather(range(len(packs))).inputs == 70_000).any(1))
    shards[4][50] = 2**31
    with pytest.raises(ValueError, match="dtype: token 300 is 2147483648, which int32 cannot hold"):
        packs.gather(rows, dtype="int32")


def test_an_id_that_does_not_fit_is_named_by_its_place_in_all_shards():
    source = SimpleNamespace(shards=[np.arange(5), np.array([5, 70_000, 7])])
    with pytest.raises(ValueError, match="token 6 is 70000, which uint16 cannot hold"):
        bs.windows(source, 4, 1).gather([2], dtype="uint16")


def test_out_must_not_overlap_any_shard():
    shards = [np.arange(20), np.arange(20)]
    w = bs.windows(SimpleNamespace(shards=shards), 3)
    with pytest.raises(ValueError, match="must not overlap"):
        w.gather([0], out=(np.empty((1, 3), "int64"), shards[1][5:8].reshape(1, 3)))


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        ([], "tokens: there are no shards"),
        ([np.arange(3), np.arange(3, dtype="uint16")], "tokens: expected one type, not int64 and uint16"),
        ([np.arange(3), np.arange(6)[::2]], "tokens: expected contiguous memory"),
    ],
)
def test_bad_shards_are_errors(shards, message):
    with pytest.raises(ValueError, match=message):
        bs.windows(SimpleNamespace(shards=shards), 2)
