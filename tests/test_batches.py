"""Batches of windows: their order, ranks, resuming and options."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytestride as bs


def arange(count, dtype="uint16"):
    return np.arange(count, dtype=dtype)


def firsts(batches):
    """Which windows batches hold, told by their first token; the targets must stand one later."""
    rows = []
    for inputs, targets in batches:
        assert np.array_equal(inputs + 1, targets)
        rows.append(inputs[:, 0].tolist())
    return rows


def flat(batches):
    return [first for batch in firsts(batches) for first in batch]


@given(
    count=st.integers(2, 80),
    batch_size=st.integers(1, 9),
    world_size=st.integers(1, 9),
    seed=st.integers(0, 2**64 - 1),
)
def test_every_window_is_read_once_by_all_ranks_together(count, batch_size, world_size, seed):
    w = bs.windows(arange(count), 1)
    ranks = [
        firsts(w.batches(batch_size, seed=seed, drop_last=False, rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    assert sorted(first for rank in ranks for batch in rank for first in batch) == list(range(count - 1))
    step = batch_size * world_size
    whole = flat(w.batches(1, seed=seed))
    for k in range((count - 1) // step):
        assert [first for rank in ranks for first in rank[k]] == whole[k * step : (k + 1) * step]


def test_without_shuffle_windows_come_as_they_lie():
    w = bs.windows(arange(12), 2)
    assert firsts(w.batches(2, shuffle=False)) == [[0, 2], [4, 6]]
    assert firsts(w.batches(2, shuffle=False, drop_last=False)) == [[0, 2], [4, 6], [8]]


def test_the_order_is_that_of_seed_and_epoch():
    w = bs.windows(arange(1_001), 1)
    orders = [tuple(flat(w.batches(10, seed=seed, epoch=epoch))) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9
    assert orders[4] == tuple(flat(w.batches(10, seed=1, epoch=1)))
    assert orders[0] != tuple(range(1_000))


ORDER_OF_20 = [4, 2, 7, 0, 9, 1, 16, 15, 11, 10, 14, 12, 17, 6, 13, 18, 3, 5, 8, 19]


def test_the_order_stays_what_it_is():
    """A saved position means something only while the order of a seed never changes."""
    w = bs.windows(arange(21), 1)
    assert flat(w.batches(1)) == ORDER_OF_20
    assert flat(w.batches(1, seed=1)) != ORDER_OF_20


@given(
    count=st.integers(2, 200),
    block_size=st.integers(1, 30),
    world_size=st.integers(1, 9),
    stop=st.integers(0, 9),
)
def test_blocks_are_shuffled_and_stay_together(count, block_size, world_size, stop):
    w = bs.windows(arange(count), 1)
    options = {"block_size": block_size, "seed": 5, "epoch": 2, "drop_last": False}
    order = flat(w.batches(1, **options))
    assert sorted(order) == list(range(count - 1))
    runs = [block for block, _ in groupby(order, lambda first: first // block_size)]
    assert len(runs) == len(set(runs))
    batches = [w.batches(3, rank=rank, world_size=world_size, **options) for rank in range(world_size)]
    read = [first for rank in batches for first in flat(islice(rank, stop))]
    after = w.batches(4, drop_last=False)
    after.load_state_dict(json.loads(json.dumps(batches[0].state_dict())))
    assert sorted(read + flat(after)) == list(range(count - 1))
    if count > 100:
        assert order != flat(w.batches(1, **options | {"epoch": 3}))


def test_mixtures_are_shuffled_by_blocks_too():
    mixed = bs.mix([bs.windows(arange(101), 1), bs.windows(arange(101), 1)], [1, 1])
    order = flat(mixed.batches(1, block_size=10))
    for source in (order[::2], order[1::2]):
        assert sorted(source) == list(range(100))
        assert len(list(groupby(source, lambda first: first // 10))) == 10


def test_len_is_what_is_still_to_come():
    batches = bs.windows(arange(12), 1).batches(3, drop_last=False)
    for left in (4, 3, 2, 1):
        assert len(batches) == left
        next(batches)
    assert len(batches) == 0
    assert list(batches) == []
    assert repr(batches) == "Batches(0 to come, 11 of 11 windows used)"


@given(stop=st.integers(0, 12), sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)), shuffle=st.booleans())
def test_an_epoch_resumes_exactly_with_another_batch_size(stop, sizes, shuffle):
    w = bs.windows(arange(60), 1)
    expected = flat(w.batches(1, seed=3, epoch=4, shuffle=shuffle))
    before = w.batches(sizes[0], seed=3, epoch=4, shuffle=shuffle, drop_last=False)
    read = flat(islice(before, stop))
    after = w.batches(sizes[1], drop_last=False)
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    assert read + flat(after) == expected


def test_an_epoch_resumes_with_another_world_size():
    w = bs.windows(arange(101), 1)
    before = [w.batches(4, seed=9, rank=rank, world_size=3) for rank in range(3)]
    read = [flat([next(batches), next(batches)]) for batches in before]
    states = [batches.state_dict() for batches in before]
    assert states[0] == states[1] == states[2]
    for rank in range(2):
        after = w.batches(5, drop_last=False, rank=rank, world_size=2)
        after.load_state_dict(states[0])
        read.append(flat(after))
    assert sorted(first for rank in read for first in rank) == list(range(100))


def test_a_bad_state_is_an_error():
    w = bs.windows(arange(13), 3)
    batches = w.batches(2)
    state = batches.state_dict()
    for change, message in [
        ({"windows": 5}, "state: is of windows with windows 5, these have 4"),
        ({"max_length": 2}, "state: is of windows with max_length 2, these have 3"),
        ({"stride": 1}, "state: is of windows with stride 1, these have 3"),
        ({"position": 5}, "state: position 5 is beyond the 4 windows"),
        ({"position": -1}, "state: position: -1 is out of range"),
        ({"seed": 2**64}, "state: seed: 18446744073709551616 is out of range"),
        ({"block_size": 0}, "state: block_size: 0 windows are no block"),
        ({"tokens": 14}, "state: is of windows with tokens 14, these have 13"),
    ]:
        with pytest.raises(ValueError, match=message):
            batches.load_state_dict(state | change)
    for name in state:
        with pytest.raises(ValueError, match=f'state: lacks "{name}"'):
            batches.load_state_dict({key: value for key, value in state.items() if key != name})
    assert batches.state_dict() == state


def test_out_must_not_overlap_itself_whoever_owns_it():
    w = bs.windows(arange(20, "int64"), 4)
    memory = bytearray(160)

    def block(start):
        return np.frombuffer(memory, "int64", 8, start * 8).reshape(2, 4)

    for second in (0, 4, 7):
        out = (block(0), block(second))
        with pytest.raises(ValueError, match="out: inputs, targets and tokens must not overlap"):
            w.gather([0, 1], out=out)
        with pytest.raises(ValueError, match="out: inputs, targets and tokens must not overlap"):
            next(w.batches(2, out=out))
    inputs, targets = w.gather([0, 1], out=(block(8), block(0)))
    assert np.array_equal(inputs + 1, targets)


def test_batches_are_written_into_out():
    w = bs.windows(arange(8), 1)
    out = np.zeros((2, 3, 1), "int32")
    seen = []
    for inputs, targets in w.batches(3, shuffle=False, drop_last=False, out=out):
        assert np.shares_memory(inputs, out[0])
        assert np.shares_memory(targets, out[1])
        seen.append((inputs[:, 0].tolist(), targets[:, 0].tolist()))
    assert seen == [([0, 1, 2], [1, 2, 3]), ([3, 4, 5], [4, 5, 6]), ([6], [7])]
    with pytest.raises(ValueError, match=r"out: expected arrays of shape \(2, 1\), not \(3, 1\)"):
        w.batches(2, out=out)


def test_a_batch_that_failed_is_not_used_up():
    batches = bs.windows(np.array([1, 2, 70_000, 4], "int64"), 1).batches(1, shuffle=False, dtype="uint16")
    assert next(batches)[0].tolist() == [[1]]
    for _ in range(2):
        with pytest.raises(ValueError, match="token 2 is 70000"):
            next(batches)
    assert batches.state_dict()["position"] == 1


def test_batches_of_padded_windows():
    w = bs.windows(arange(6), 4, tail="pad", pad_id=9)
    inputs, targets = next(w.batches(2, shuffle=False))
    assert inputs.tolist() == [[0, 1, 2, 3], [4, 5, 9, 9]]
    assert targets.tolist() == [[1, 2, 3, 4], [5, 9, 9, 9]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size: 0 windows are no batch"),
        ({"batch_size": -1}, "batch_size: -1 is out of range"),
        ({"batch_size": 5}, "batch_size: 5 windows for each of 1 ranks make no batch of 4 windows"),
        ({"world_size": 0}, "world_size: 0 ranks read nothing"),
        ({"rank": 1}, "rank: 1 is out of range, expected 0 to 0"),
        ({"seed": -1}, "seed: -1 is out of range"),
        ({"block_size": 0}, "block_size: 0 windows are no block"),
        ({"block_size": 4, "shuffle": False}, "block_size: has no meaning without shuffle"),
        ({"prefetch": -1}, "prefetch: -1 is out of range"),
        ({"epoch": 2**64}, "epoch: 18446744073709551616 is out of range"),
        ({"dtype": "uint8"}, "dtype: uint8 is not supported"),
    ],
)
def test_bad_options_of_batches_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        bs.windows(arange(13), 3).batches(**({"batch_size": 2} | options))


def test_numbers_must_be_integers():
    with pytest.raises(TypeError, match="max_length: expected an integer, not float"):
        bs.windows(arange(13), 3.0)
    with pytest.raises(TypeError, match="seed: expected an integer, not str"):
        bs.windows(arange(13), 3).batches(1, seed="1")


@pytest.mark.parametrize("out", [False, True])
def test_benchmark_batches(benchmark, out):
    tokens = np.random.default_rng(0).integers(0, 50_000, 10**7, dtype="uint16")
    w = bs.windows(tokens, 1_024)
    buffers = np.empty((2, 32, 1_024), "int64") if out else None

    def epoch():
        return sum(len(inputs) for inputs, _ in w.batches(32, out=buffers))

    assert benchmark(epoch) == len(w) // 32 * 32


@pytest.mark.parametrize("windows_count", range(1, 12))
def test_all_ranks_end_an_epoch_in_the_same_state(windows_count):
    windows = bs.windows(np.arange(windows_count + 1, dtype=np.uint16), 1)
    for world_size in range(1, 6):
        ranks = [
            windows.batches(1, seed=3, drop_last=False, rank=rank, world_size=world_size)
            for rank in range(world_size)
        ]
        seen = [int(inputs[0, 0]) for rank in ranks for inputs, _ in rank]
        assert sorted(seen) == list(range(windows_count))
        states = [rank.state_dict() for rank in ranks]
        assert states == states[:1] * world_size
        again = windows.batches(1, seed=3, drop_last=False)
        again.load_state_dict(states[0])
        assert list(again) == []


def test_a_state_of_other_tokens_is_refused(tmp_path):
    """Also if they are as many: shards or sources in another order, documents of other lengths."""
    for number in range(4):
        (np.arange(1000) + 1000 * number).astype("<u2").tofile(tmp_path / f"{number}.bin")

    def sharded(order):
        paths = [tmp_path / f"{number}.bin" for number in order]
        return bs.windows(bs.TokenStore.open(paths, dtype="uint16"), 10)

    def packed(*offsets):
        return bs.pack(bs.Ragged(np.arange(100, dtype="uint32"), np.array(offsets)), 50)

    one, other = (bs.windows(np.arange(start, start + 200), 4) for start in (0, 1))
    pairs = [
        (sharded([0, 1, 2, 3]), sharded([2, 0, 3, 1])),
        (bs.mix([one, other], [1, 1]), bs.mix([other, one], [1, 1])),
        (packed(0, 10, 100), packed(0, 90, 100)),
    ]
    for rows, others in pairs:
        state = rows.batches(2, seed=1).state_dict()
        assert state == json.loads(json.dumps(state))
        rows.batches(1).load_state_dict(state)
        with pytest.raises(ValueError, match="state: is of other (tokens|sources)"):
            others.batches(2).load_state_dict(state)
    whole = bs.windows(np.arange(4000, dtype="int64"), 10)
    whole.batches(3).load_state_dict(sharded([0, 1, 2, 3]).batches(2).state_dict())


def test_one_iterator_shared_by_threads_gives_each_batch_once():
    batches = bs.windows(arange(2_001), 1).batches(4, seed=1)
    with ThreadPoolExecutor(4) as threads:
        read = list(threads.map(lambda _: flat(batches), range(4)))
    assert sorted(first for rows in read for first in rows) == list(range(2_000))
