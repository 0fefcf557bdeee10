"""Batches made ahead on a thread, and the memory that batches are written into."""

import contextlib
import gc
import os
import signal
import sys
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import bytestride as bs

TOKENS = np.random.default_rng(0).integers(0, 50_257, 1_000_000, dtype="uint16")
# 16 MiB, which no machine writes in the time that it takes to wake a thread.
BATCH, LENGTH = 256, 4_096
PREFETCHES = (0, 1, 2, 5)


def large(tokens=TOKENS):
    return bs.windows(tokens, LENGTH, 200)


def sums(batches):
    """What tells batches apart; the arrays themselves would fill the memory."""
    return [(int(inputs.sum()), int(targets[-1].sum()), inputs.shape) for inputs, targets in batches]


def thread_names():
    names = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            names.add((task / "comm").read_text().strip())
    return names


def a_thread_is_there(*, expected):
    """Whether this process has a thread that makes batches ahead; one that ended is listed for a while."""
    for _ in range(1_000):
        if expected == ("bytestride" in thread_names()):
            return expected
        time.sleep(0.01)
    return not expected


on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted in /proc")


@pytest.fixture(scope="module")
def whole():
    return sums(large().batches(BATCH, seed=5, drop_last=False, prefetch=0))


@pytest.mark.parametrize("prefetch", PREFETCHES)
def test_batches_are_the_same_however_many_are_made_ahead(prefetch, whole):
    batches = large().batches(BATCH, seed=5, drop_last=False, prefetch=prefetch)
    assert len(whole) == len(batches) >= 15
    assert sums(batches) == whole
    assert next(batches, None) is None


@on_linux
@pytest.mark.parametrize("prefetch", PREFETCHES)
def test_a_thread_makes_large_batches_as_long_as_someone_wants_them(prefetch):
    assert not a_thread_is_there(expected=False)
    batches = large().batches(BATCH, prefetch=prefetch)
    assert len(list(islice(batches, 8))) == 8
    assert a_thread_is_there(expected=prefetch > 0) == (prefetch > 0)
    del batches
    assert not a_thread_is_there(expected=False)


@on_linux
def test_small_batches_need_no_thread():
    batches = bs.windows(TOKENS, 8).batches(4)
    assert len(list(islice(batches, 1_000))) == 1_000
    assert not a_thread_is_there(expected=False)


def test_the_state_is_that_of_what_was_handed_out(whole):
    batches = large().batches(BATCH, seed=5, drop_last=False)
    for used in range(12):
        assert batches.state_dict()["position"] == used * BATCH
        assert len(batches) == len(whole) - used
        next(batches)
    after = large().batches(BATCH, drop_last=False)
    after.load_state_dict(batches.state_dict())
    assert sums(after) == sums(batches) == whole[12:]


def test_a_state_that_is_loaded_replaces_what_was_made_ahead(whole):
    batches = large().batches(BATCH, seed=5, drop_last=False)
    start = batches.state_dict()
    assert sums(islice(batches, 8)) == whole[:8]
    batches.load_state_dict(start)
    assert sums(batches) == whole


def test_a_batch_that_failed_ahead_is_an_error_in_its_turn_and_not_used_up():
    tokens = TOKENS.astype("int64")
    last = (len(large()) - 1) * 200 + LENGTH
    tokens[last] = 70_000
    batches = large(tokens).batches(BATCH, shuffle=False, drop_last=False, dtype="uint16")
    right = len(batches) - 1
    assert len(sums(islice(batches, right))) == right
    for _ in range(2):
        with pytest.raises(ValueError, match=f"token {last} is 70000, which uint16 cannot hold"):
            next(batches)
    assert batches.state_dict()["position"] == right * BATCH


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_goes_on_without_the_thread(whole):
    batches = large().batches(BATCH, seed=5, drop_last=False)
    assert sums(islice(batches, 8)) == whole[:8]
    child = os.fork()
    if child == 0:
        os._exit(0 if sums(batches) == whole[8:] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sums(batches) == whole[8:]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_child_goes_on_that_was_forked_while_another_thread_waits_for_a_batch():
    batches = large().batches(BATCH, drop_last=False)
    start, ends = batches.state_dict(), threading.Event()

    def read():
        while not ends.is_set():
            if next(batches, None) is None:
                batches.load_state_dict(start)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(20):
            time.sleep(0.03)
            child = os.fork()
            if child == 0:
                signal.alarm(20)  # Which ends a child that waits for ever.
                batches.load_state_dict(start)
                os._exit(0 if next(batches)[0].shape == (BATCH, LENGTH) else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        ends.set()
        reader.join()


def test_packs_and_mixtures_are_made_ahead_too():
    documents = bs.Ragged(TOKENS.astype("uint32"), np.arange(0, len(TOKENS) + 1, 400))
    packs = bs.pack(documents, 2_000)
    mixed = bs.mix([large(), large(TOKENS[::-1].copy())], [0.7, 0.3])
    for rows, size in ((packs, 32), (mixed, BATCH)):
        one, other = (rows.batches(size, seed=2, prefetch=prefetch) for prefetch in (0, 3))
        assert len(one) >= 12
        for expected, batch in zip(one, other, strict=True):
            for block, same in zip(expected, batch, strict=True):
                assert np.array_equal(block, same)


# -- memory --------------------------------------------------------------------------------------------------


def test_memory_is_used_again_once_no_array_looks_at_it():
    w = bs.windows(TOKENS, 64)
    addresses = [inputs.ctypes.data for inputs, _ in w.batches(16)]
    assert len(addresses) > 500
    assert len(set(addresses)) <= 3
    assert {w.gather(range(16))[0].ctypes.data for _ in range(20)} <= set(addresses)


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@on_linux
def test_much_memory_goes_back_to_the_system():
    w = large()
    before = resident_bytes()
    inputs, targets = w.gather(range(2_500))  # 164 MB
    assert resident_bytes() - before > 150e6
    del inputs, targets
    assert resident_bytes() - before < 50e6


@pytest.mark.parametrize("keep", ["inputs", "targets", "a row"])
def test_memory_that_an_array_looks_at_is_left_alone(keep):
    w = bs.windows(TOKENS, 64)
    parts = {"inputs": lambda x, _: x, "targets": lambda _, y: y, "a row": lambda x, _: x[3][5:]}
    kept = []
    for inputs, targets in w.batches(16, seed=1):
        part = parts[keep](inputs, targets)
        kept.append((part, part.copy()))
        del inputs, targets
    gc.collect()
    assert all(np.array_equal(part, copy) for part, copy in kept)


def test_batches_outlive_their_windows():
    batches = list(islice(bs.windows(TOKENS.copy(), 64).batches(16, shuffle=False), 3))
    gc.collect()
    assert np.array_equal(np.concatenate([inputs.ravel() for inputs, _ in batches]), TOKENS[: 3 * 16 * 64])


def test_blocks_are_aligned_and_their_own():
    for length in (1, 7, 64):
        inputs, targets = bs.windows(TOKENS, length).gather(range(16))
        assert inputs.ctypes.data % 64 == 0
        assert not np.shares_memory(inputs, targets)
        assert inputs.flags.writeable
        assert targets.flags.writeable
