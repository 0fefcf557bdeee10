"""Windows that stay within documents, packs of whole documents, and mixtures."""

import pickle
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytestride as bs
import reference


def ragged(documents):
    ids = np.array([token for document in documents for token in document], "uint32")
    return bs.Ragged(ids, np.cumsum([0, *(len(document) for document in documents)]))


def arange(start, count, dtype="uint16"):
    return np.arange(start, start + count, dtype=dtype)


DOCUMENTS = st.lists(st.lists(st.integers(0, 99), max_size=15), min_size=1, max_size=9).filter(any)

# -- windows within documents --------------------------------------------------------------------------------


@given(
    documents=DOCUMENTS,
    max_length=st.integers(1, 6),
    stride=st.integers(1, 8),
    pad_id=st.none() | st.integers(100, 110),
)
def test_windows_are_those_of_each_document_alone(documents, max_length, stride, pad_id):
    expected = [
        pair
        for document in documents
        for pair in zip(*reference.windows(document, max_length, stride, pad_id), strict=True)
    ]
    options = {"boundaries": "respect", "tail": "drop" if pad_id is None else "pad", "pad_id": pad_id}
    if not expected:
        with pytest.raises(ValueError, match="max_length: a window of .* within a document"):
            bs.windows(ragged(documents), max_length, stride, **options)
        return
    w = bs.windows(ragged(documents), max_length, stride, **options)
    assert [(x.tolist(), y.tolist()) for x, y in w] == expected
    inputs, targets = w.gather(range(len(w)))
    assert list(zip(inputs.tolist(), targets.tolist(), strict=True)) == expected
    again = pickle.loads(pickle.dumps(w))
    assert repr(again) == repr(w)
    read = [row for x, y in again.batches(2, drop_last=False) for row in zip(x, y, strict=True)]
    assert sorted((x.tolist(), y.tolist()) for x, y in read) == sorted(expected)


def test_a_window_within_a_document_is_a_view_and_several_are_none():
    source = SimpleNamespace(tokens=arange(0, 9), offsets=np.array([0, 4, 9]))
    w = bs.windows(source, 2, 1, boundaries="respect")
    assert w.boundaries == "respect"
    assert bs.windows(source, 2).boundaries == "ignore"
    assert np.shares_memory(w[2][1], source.tokens)
    assert [x[0] for x, _ in w] == [0, 1, 4, 5, 6]
    for view in (lambda: w.inputs, lambda: w.targets, lambda: w[:2]):
        with pytest.raises(ValueError, match=r"no view of several; w\[i\] .* w\.gather.* and w\.batches"):
            view()
    assert repr(w) == "Windows(5 windows of 2 tokens, stride 1, within documents, over 9 tokens of uint16)"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (arange(0, 9), "boundaries: the documents' offsets are needed, .* ndarray has not"),
        (
            SimpleNamespace(tokens=arange(0, 9), offsets=[0, 9]),
            "boundaries: expected offsets as an array int64",
        ),
        (SimpleNamespace(tokens=arange(0, 9), offsets=np.array([0, 8])), "offsets that end at the 9 tokens"),
        (SimpleNamespace(tokens=arange(0, 9), offsets=np.array([], int)), "offsets that end at the 9 tokens"),
        (
            SimpleNamespace(tokens=arange(0, 9), offsets=np.array([1, 9])),
            "offsets: the first is 1, expected 0",
        ),
        (
            SimpleNamespace(tokens=arange(0, 9), offsets=np.array([0, 5, 3, 9])),
            "offsets: document 1 ends before",
        ),
    ],
)
def test_bad_offsets_are_errors(source, message):
    with pytest.raises(ValueError, match=message):
        bs.windows(source, 2, boundaries="respect")


def test_a_store_has_documents(tmp_path):
    text = tmp_path / "a.txt"
    text.write_text("hello;worlds;!")
    tokenizer = bs.train([b"no merges"], 256)
    store = tokenizer.encode_files(text, tmp_path / "corpus", separator=";")
    w = bs.windows(store, 4, boundaries="respect")
    assert [tokenizer.decode(x) for x, _ in w] == ["hell", "worl"]
    assert [tokenizer.decode(y) for _, y in w] == ["ello", "orld"]
    rows = bs.pack(store, 6).gather([0, 1])
    assert [tokenizer.decode(row) for row in rows.inputs] == ["worlds", "hello!"]
    assert rows.cu_seqlens.tolist() == [0, 6, 11, 12]


# -- packs ---------------------------------------------------------------------------------------------------


@given(
    documents=DOCUMENTS,
    max_length=st.integers(1, 20),
    strategy=st.sampled_from(["best_fit", "concat", "pad"]),
    dtype=st.sampled_from(["int32", "int64"]),
)
def test_packs_show_every_token_once_with_the_next_of_its_document(documents, max_length, strategy, dtype):
    packs = bs.pack(ragged(documents), max_length, strategy, pad_id=7)
    rows = packs.gather(range(len(packs)), dtype)
    inputs, targets, ends, positions = rows
    assert (rows.inputs is inputs, rows.targets is targets) == (True, True)
    assert (rows.cu_seqlens is ends, rows.position_ids is positions) == (True, True)
    assert inputs.shape == targets.shape == positions.shape == (len(packs), max_length)
    assert (inputs.dtype, targets.dtype, positions.dtype, ends.dtype) == (dtype, dtype, dtype, "int32")
    assert (ends[0], ends[-1]) == (0, inputs.size)

    flat = zip(inputs.ravel().tolist(), targets.ravel().tolist(), strict=True)
    padding = inputs.size - sum(map(len, documents))
    expected = [pair for document in documents for pair in zip(document, [*document[1:], -100], strict=False)]
    assert sorted(flat) == sorted(expected + padding * [(7, -100)])
    assert packs.efficiency == pytest.approx(1 - padding / inputs.size)
    for start, end in pairwise(ends.tolist()):
        assert start // max_length == (end - 1) // max_length
        assert positions.ravel()[start:end].tolist() == list(range(end - start))
        assert np.array_equal(targets.ravel()[start : end - 1], inputs.ravel()[start + 1 : end]) or set(
            targets.ravel()[start:end]
        ) == {-100}


def test_strategies_cut_and_fill_as_they_say():
    batch = ragged([[1, 2, 3], [], [4, 5, 6, 7, 8, 9, 10], [11]])

    def rows(strategy):
        packs = bs.pack(batch, 4, strategy)
        assert packs.strategy == strategy
        return packs.gather(range(len(packs)))[0].tolist()

    assert rows("best_fit") == [[4, 5, 6, 7], [1, 2, 3, 0], [8, 9, 10, 11]]
    assert rows("concat") == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 0]]
    assert rows("pad") == [[1, 2, 3, 0], [4, 5, 6, 7], [8, 9, 10, 0], [11, 0, 0, 0]]


def test_one_row_and_batches_of_packs_are_those_of_gather():
    packs = bs.pack(ragged([list(range(n)) for n in (3, 9, 2, 6, 1, 5)]), 7, pad_id=99)
    for index in range(-len(packs), len(packs)):
        assert isinstance(packs[index], bs.Packed)
        for one, many in zip(packs[index], packs.gather([index]), strict=True):
            assert np.array_equal(one, many[0] if many.ndim == 2 else many)
    for number, batch in enumerate(packs.batches(2, shuffle=False, dtype="int32")):
        for one, other in zip(batch, packs.gather([2 * number, 2 * number + 1]), strict=True):
            assert one.dtype == "int32"
            assert np.array_equal(one, other)
    batches = packs.batches(1, seed=4)
    next(batches)
    resumed = packs.batches(1)
    resumed.load_state_dict(batches.state_dict())
    rest = [inputs.tolist() for inputs, *_ in batches]
    assert [inputs.tolist() for inputs, *_ in resumed] == rest
    assert len(rest) == len(packs) - 1
    again = pickle.loads(pickle.dumps(packs))
    assert repr(again) == repr(packs) == "Packs(4 rows of 7 tokens by best_fit, 92.9 % full)"
    assert (again.pad_id, again.max_length, again.strategy) == (99, 7, "best_fit")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"max_length": 0}, ValueError, "max_length: 0 is out of range"),
        (
            {"max_length": 2**31},
            ValueError,
            r"max_length: 2147483648 is out of range, expected 1 to 2\*\*31 - 1",
        ),
        ({"max_length": 2**32}, ValueError, "max_length: 4294967296 is out of range"),
        ({"strategy": 3}, TypeError, 'strategy: expected "best_fit", "concat" or "pad", not int'),
        ({"strategy": "worst_fit"}, ValueError, 'strategy: expected "best_fit", "concat" or "pad"'),
        ({"store": arange(0, 9)}, ValueError, "store: the documents' offsets are needed"),
        ({"store": ragged([[]])}, ValueError, "store: has no tokens"),
        ({"store": "text"}, TypeError, "store: expected a TokenStore or a Ragged, not str"),
        ({"pad_id": -1}, ValueError, "pad_id: -1 is out of range"),
        ({"pad_id": 2**32}, ValueError, "pad_id: 4294967296 is out of range"),
    ],
)
def test_bad_arguments_of_pack_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        bs.pack(**({"store": ragged([[1, 2]]), "max_length": 4} | arguments))


def test_states_are_of_rows_by_one_strategy_and_over_the_same_tokens():
    store = ragged([[1, 2, 3]] * 4)
    states = [
        rows.batches(1).state_dict()
        for rows in (
            bs.pack(store, 3, "best_fit"),
            bs.pack(store, 3, "pad"),
            bs.windows(store, 3, boundaries="respect", tail="pad", pad_id=0),
            bs.windows(store, 3, tail="pad", pad_id=0),
            bs.windows(arange(0, 13), 3),
            bs.windows(arange(0, 14), 3),
        )
    ]
    assert {state["windows"] for state in states} == {4}
    windows = bs.windows(arange(0, 13), 3).batches(1)
    for state, message in [
        (states[0], 'lacks "stride"'),
        (states[2], "is of windows with tokens 12, these have 13"),
        (states[5], "is of windows with tokens 14, these have 13"),
        (states[4] | {"tail": "pad"}, "is of windows with tail 'pad', these have 'drop'"),
        (states[4] | {"tail": 3}, "is of windows with tail 3, these have 'drop'"),
    ]:
        with pytest.raises(ValueError, match=f"state: {message}"):
            windows.load_state_dict(state)
    with pytest.raises(ValueError, match="state: is of windows with strategy 'pad', these have 'best_fit'"):
        bs.pack(store, 3).batches(1).load_state_dict(states[1])
    across = bs.windows(store, 3, tail="pad", pad_id=0).batches(1)
    with pytest.raises(
        ValueError, match="state: is of windows with boundaries 'respect', these have 'ignore'"
    ):
        across.load_state_dict(states[2])


def test_what_packs_cannot_show_is_an_error():
    packs = bs.pack(ragged([[1, 2**31]]), 4)
    with pytest.raises(ValueError, match="dtype: the target of padding is -100, which uint32 cannot hold"):
        packs.gather([0], "uint32")
    with pytest.raises(ValueError, match="dtype: token 1 is 2147483648, which int32 cannot hold"):
        packs.gather([0], "int32")
    with pytest.raises(IndexError, match="row 1 is out of range"):
        packs[1]
    with pytest.raises(TypeError, match="expected an integer, not str"):
        packs["0"]


# -- mixtures ------------------------------------------------------------------------------------------------


def three_sources():
    return [
        bs.windows(arange(0, 60), 2),
        bs.windows(arange(1_000, 30, "int64"), 2, 1),
        bs.windows(ragged([range(2_000, 2_006), range(2_006, 2_020)]), 2, boundaries="respect"),
    ]


def origin(inputs):
    return [int(first) // 1_000 for first in inputs[:, 0]]


@given(weights=st.lists(st.integers(1, 50), min_size=3, max_size=3), scale=st.floats(0.001, 1_000))
def test_every_prefix_has_each_source_within_one_of_its_share(weights, scale):
    mixed = bs.mix(three_sources(), [weight * scale for weight in weights], length=400)
    assert mixed.weights == pytest.approx([weight / sum(weights) for weight in weights])
    for shuffle in (False, True):
        drawn = [source for x, _ in mixed.batches(10, shuffle=shuffle) for source in origin(x)]
        counts = np.cumsum(np.eye(3)[drawn], axis=0)
        assert np.abs(counts - np.outer(np.arange(1, 401), mixed.weights)).max() < 1
        assert drawn == mixed.origins(range(400))[0].tolist()


def test_a_mixture_is_read_by_index_gather_and_batch_alike():
    sources = three_sources()
    mixed = bs.mix(sources, [5, 3, 2])
    assert len(mixed) == sum(map(len, sources))
    inputs, targets = mixed.gather(range(len(mixed)))
    assert np.array_equal(inputs + 1, targets)
    expected = [sources[s][k] for s, k in zip(*mixed.origins(range(len(mixed))), strict=True)]
    for index, (x, y) in enumerate(expected):
        assert np.array_equal(inputs[index], x)
        assert np.array_equal(targets[index], y)
        assert np.array_equal(mixed[index][0], x)
    assert np.shares_memory(mixed[0][0], sources[0].tokens)
    assert np.array_equal(np.concatenate([x for x, _ in mixed.batches(1, shuffle=False)]), inputs)
    out = np.zeros((2, 2, 2), "int32")
    assert np.shares_memory(mixed.gather([1, -1], out=out)[0], out)
    assert np.array_equal(out[0], inputs[[1, -1]])
    again = pickle.loads(pickle.dumps(mixed))
    assert np.array_equal(again.gather(range(len(mixed))), (inputs, targets))


def test_a_source_is_read_whole_before_it_begins_again_over_epochs_too():
    low, high = bs.windows(arange(0, 8), 1), bs.windows(arange(1_000, 41), 1)
    mixed = bs.mix([low, high], [1, 1], length=22)
    for shuffle in (False, True):
        epochs = [mixed.batches(2, seed=3, epoch=epoch, shuffle=shuffle) for epoch in range(7)]
        drawn = [first for batches in epochs for x, _ in batches for first in x[:, 0].tolist()]
        for source, count in ((0, 7), (1, 40)):
            own = [first for first in drawn if first // 1_000 == source]
            assert len(own) == 77
            for start in range(0, 77 - count + 1, count):
                assert sorted(own[start : start + count]) == list(
                    range(1_000 * source, 1_000 * source + count)
                )
        assert (drawn[:14:2] == drawn[14:28:2]) is not shuffle


def test_all_ranks_together_read_a_mixture_once_and_it_resumes():
    mixed = bs.mix(three_sources(), [0.5, 0.3, 0.2], length=60)
    whole = [x.tolist() for x, _ in mixed.batches(1, seed=2)]
    ranks = [[x.tolist() for x, _ in mixed.batches(5, seed=2, rank=rank, world_size=3)] for rank in range(3)]
    assert [[row] for step in zip(*ranks, strict=True) for batch in step for row in batch] == whole
    batches = mixed.batches(4, seed=2)
    next(batches)
    resumed = mixed.batches(1)
    resumed.load_state_dict(batches.state_dict())
    assert [x.tolist() for x, _ in resumed] == whole[4:]
    first, second, third = three_sources()
    again = bs.windows(arange(0, 61), 2)
    assert len(again) == len(first) + 1
    longer = bs.windows(arange(0, 60), 2, tail="pad", pad_id=0)
    assert len(longer) == len(first) + 1
    for other in (
        bs.mix([first, second, third], [0.4, 0.4, 0.2], length=60),
        bs.mix([longer, second, third], [0.5, 0.3, 0.2], length=60),
    ):
        with pytest.raises(ValueError, match="state: is of other sources"):
            other.batches(4).load_state_dict(batches.state_dict())
    states = [bs.mix([source], [1]).batches(4).state_dict() for source in (again, longer)]
    assert states[0] != states[1]


def test_the_smallest_weight_is_drawn_as_it_is_given():
    w = bs.windows(arange(0, 9), 2)
    assert bs.mix([w, w], [0.1, 6_553.5]).weights == [1 / 65_536, 65_535 / 65_536]


def test_bad_mixtures_are_errors():
    w = bs.windows(arange(0, 9), 2)
    for sources, weights, options, message in [
        ([], [], {}, "weights: 0 of them for 0 sources"),
        ([w], [1, 2], {}, "weights: 2 of them for 1 sources"),
        ([w, w], [1, -1], {}, "weights: -1 is no weight"),
        ([w, w], [1, float("inf")], {}, "weights: .* is no weight"),
        ([w, w], [1, 1e-9], {}, "weights: 0.000000001 of .* is too small"),
        (
            [w, w],
            [0.6, 65_535.4],
            {},
            "weights: 0.6 of 65536 is too small, expected at least 1/65536 of the sum",
        ),
        ([w, bs.windows(arange(0, 9), 3)], [1, 1], {}, "sources: max_length is 2 of one and 3 of another"),
        ([w], [1], {"length": 0}, "length: 0 windows are no mixture"),
        ([w], [1], {"length": -1}, "length: -1 is out of range"),
    ]:
        with pytest.raises(ValueError, match=message):
            bs.mix(sources, weights, **options)
    with pytest.raises(TypeError, match="sources: expected Windows, not ndarray"):
        bs.mix([arange(0, 9)], [1])
    mixed = bs.mix([w], [1])
    with pytest.raises(IndexError, match="window 4 is out of range, there are 4"):
        mixed[4]
    with pytest.raises(TypeError, match="expected an integer, not slice"):
        mixed[:2]
    assert repr(mixed) == "Mix(4 windows of 2 tokens, 1 sources)"
    assert mixed.sources == [w]
    assert bs.Batches[int].__args__ == (int,)
